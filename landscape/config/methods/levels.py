"""Settings of methods that train, prune and train again, level by level."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from landscape.errors import InputError

REWINDS = ("weights", "learning-rate")
MOST_LEVELS = 100


@dataclass(frozen=True)
class Levels:
    GROUPS: ClassVar[dict[str, str]] = {"levels": "imp"}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"rewind": REWINDS}

    levels: int | None = None
    """imp: how often weights are removed; default: until --sparsity. Each level
    after the dense one is a run. By default as many as it takes to reach --sparsity by
    removing --level-fraction of the weights that are left."""
    level_fraction: float = 0.2
    """imp: fraction of the kept weights that each level removes. The last one meets
    --sparsity."""
    rewind: str = "weights"
    """imp: where a level starts. weights: those of step 0 or --rewind-to;
    learning-rate: the final weights of the level before, with the learning rate of step
    0 (Renda et al. 2020)."""

    def check_levels(self: Any) -> None:
        """Refuses values that are not allowed."""
        self._require("levels", lambda v: v is None or v >= 1, "at least 1")
        self._require("level_fraction", lambda v: 0 < v < 1, "in (0, 1)")

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
