"""Settings of methods that train, prune and train again, level by level."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from landscape.errors import InputError, check_choice

REWINDS = ("weights", "learning-rate")
MOST_LEVELS = 100


@dataclass(frozen=True)
class Levels:
    GROUPS: ClassVar[dict[str, str]] = {"levels": "imp"}

    levels: int | None = None
    """imp: how often weights are removed; each level after the dense one is a run.
    Default: as often as removing --level-fraction of what is left takes to
    --sparsity."""
    level_fraction: float = 0.2
    """imp: fraction of the kept weights that each level removes, but for the last,
    which meets --sparsity."""
    rewind: str = "weights"
    """imp: a level starts from the weights of step 0 or --rewind-to (weights), or from
    the final ones of the level before, with the learning rate of step 0 (learning-rate:
    Renda et al. 2020)."""

    def check_levels(self: Any) -> None:
        """Refuses values that are not allowed."""
        self._require("levels", lambda v: v is None or v >= 1, "at least 1")
        self._require("level_fraction", lambda v: 0 < v < 1, "in (0, 1)")
        check_choice("way to rewind", self.rewind, REWINDS)

    def level_sparsities(self: Any) -> list[float]:
        """The sparsity of each level, the dense one first.

        Level k has 1 - (1 - f)^k, f the fraction, and the last one the target.

        Raises:
          InputError: the levels pass the target, or it is 0.

        >>> from landscape.config import SparseRun
        >>> SparseRun(sparsity=0.5).level_sparsities()
        [0.0, 0.2, 0.36, 0.488, 0.5]
        """
        if self.sparsity == 0:
            raise InputError("--method imp removes weights: --sparsity must not be 0.")
        # As decimal fractions: 1 - 0.8 ** 2 is not 0.36 as a float.
        keep = 1 - Fraction(str(self.level_fraction))
        target = 1 - Fraction(str(self.sparsity))
        needed = max(1, math.ceil(math.log(target) / math.log(keep) - 1e-9))
        count = needed if self.levels is None else self.levels
        if count > needed:
            raise InputError(
                f"--levels must be at most {needed}, not {count}: removing"
                f" --level-fraction {self.level_fraction} of what is left meets"
                f" --sparsity {self.sparsity} by then."
            )
        if count > MOST_LEVELS:
            raise InputError(
                f"--level-fraction {self.level_fraction} takes {count} levels to"
                f" --sparsity {self.sparsity}: at most {MOST_LEVELS} are made."
            )
        between = [float(1 - keep**level) for level in range(1, count)]
        return [0.0, *between, self.sparsity]
