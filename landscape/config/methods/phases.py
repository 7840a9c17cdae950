"""Settings of methods that train dense and sparse in alternation (AC/DC)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.errors import InputError


@dataclass(frozen=True)
class Phases:
    GROUPS: ClassVar[dict[str, str]] = {"first_dense_steps": "acdc"}

    first_dense_steps: int | None = None
    """acdc: dense steps before the first sparse phase; default: 0.1 of all."""
    dense_steps: int | None = None
    """acdc: steps of each dense phase; default: 0.05 of all. The last may be longer."""
    sparse_steps: int | None = None
    """acdc: steps of each sparse phase; default: 0.05 of all."""
    last_sparse_steps: int | None = None
    """acdc: steps of the last sparse phase; default: 0.15 of all."""

    def check_phases(self: Any) -> None:
        """Refuses values that are not allowed."""
        names = "first_dense_steps dense_steps sparse_steps last_sparse_steps"
        for name in names.split():
            self._require(name, lambda v: v is None or v >= 1, "at least 1")

    def check_phases_fit(self: Any) -> None:
        """Refuses phases of which less than one round fits in the run."""
        first, dense, sparse, last = self._phase_steps
        if (least := first + sparse + dense + last) > self.steps:
            raise InputError(
                "acdc needs --first-dense-steps, one sparse and one dense phase and"
                f" --last-sparse-steps within --steps {self.steps}, but {first} +"
                f" {sparse} + {dense} + {last} are {least}."
            )

    @property
    def phase_starts(self: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Completed steps at which sparse phases begin, and dense ones but the first.

        A sparse phase begins only where it and a whole dense phase fit before the last
        sparse one: with the default fractions the schedule of the paper's ResNet-50
        (100 epochs: sparse from 10, 20, ..., 70 and 85, dense from 15, 25, ..., 75).
        """
        first, dense, sparse, last = self._phase_steps
        end = self.steps - last
        starts = tuple(range(first, end - sparse - dense + 1, sparse + dense))
        return (*starts, end), tuple(start + sparse for start in starts)

    @property
    def _phase_steps(self: Any) -> tuple[int, int, int, int]:
        given = (
            (self.first_dense_steps, 0.1),
            (self.dense_steps, 0.05),
            (self.sparse_steps, 0.05),
            (self.last_sparse_steps, 0.15),
        )
        return tuple(
            max(1, round(fraction * self.steps)) if value is None else value
            for value, fraction in given
        )
