"""Settings of methods that drop and grow weights while they train (SET, RigL)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.errors import InputError

DROP_SCHEDULES = ("cosine", "learning-rate", "constant")


@dataclass(frozen=True)
class Dynamic:
    GROUPS: ClassVar[dict[str, str]] = {"drop_fraction": "set, rigl"}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"drop_schedule": DROP_SCHEDULES}

    drop_fraction: float = 0.3
    """set, rigl: fraction of a layer's weights that an update replaces. Of the kept
    ones, at the start; see --drop-schedule."""
    drop_schedule: str = "cosine"
    """set, rigl: how that fraction falls. cosine: to 0 at --update-end; learning-rate:
    times the rate over --learning-rate; or constant."""
    update_every: int | None = None
    """set, rigl: steps between mask updates; default: 100. A thirtieth of all steps if
    that is less."""
    update_end: int | None = None
    """set, rigl: no mask update from this step on; default: 0.75 of all."""

    def check_dynamic(self: Any) -> None:
        """Refuses values that are not allowed."""
        self._require("drop_fraction", lambda v: 0 < v < 1, "in (0, 1)")
        self._require("update_every", lambda v: v is None or v >= 1, "at least 1")
        self._require(
            "update_end",
            lambda v: v is None or 1 <= v <= self.steps,
            f"in 1 ... --steps {self.steps}",
        )
        # Of several methods each has settings of its own in the end.
        if self.method in ("set", "rigl") and self.update_interval >= self.last_update:
            raise InputError(
                f"--method {self.method} changes no mask with --update-every"
                f" {self.update_interval}: it must be below --update-end"
                f" {self.last_update}."
            )

    @property
    def mask_updates(self: Any) -> range:
        """The steps at which weights are replaced."""
        return range(self.update_interval, self.last_update, self.update_interval)

    @property
    def update_interval(self: Any) -> int:
        """Steps between mask updates."""
        default = min(100, max(1, self.steps // 30))
        return default if self.update_every is None else self.update_every

    @property
    def last_update(self: Any) -> int:
        """The step before which the last mask update is."""
        return round(0.75 * self.steps) if self.update_end is None else self.update_end
