"""Settings of methods that train, prune and train again, level by level."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Levels:
    levels: int | None = None
    """imp: levels, each a run; default: as many as removing --level-fraction of what is
    left takes to --sparsity."""
    level_fraction: float = 0.2
    """imp: fraction of the kept weights that each level removes, but for the last,
    which meets --sparsity."""

    def check_levels(self: Any) -> None:
        """Refuses values that are not allowed."""
        self._require("levels", lambda v: v is None or v >= 1, "at least 1")
        self._require("level_fraction", lambda v: 0 < v < 1, "in (0, 1)")
