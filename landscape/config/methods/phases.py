"""Settings of methods that train dense and sparse in alternation (AC/DC)."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Phases:
    GROUPS: ClassVar[dict[str, str]] = {"dense_steps": "acdc"}

    dense_steps: int | None = None
    """acdc: steps of each dense phase; default: 0.05 of all steps."""
    sparse_steps: int | None = None
    """acdc: steps of each sparse phase; default: 0.05 of all steps."""

    def check_phases(self: Any) -> None:
        """Refuses values that are not allowed."""
        for name in ("dense_steps", "sparse_steps"):
            self._require(name, lambda v: v is None or v >= 1, "at least 1")
