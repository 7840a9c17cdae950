"""Settings of masks with a pattern: N of M."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.errors import InputError, require


@dataclass(frozen=True)
class NM:
    GROUPS: ClassVar[dict[str, str]] = {"nm": "nm, ste"}

    nm: str | None = None
    """nm, ste: a pattern, as 2:4, instead of --sparsity. N:M: of each M neighbours
    along a kernel's flattened inputs (kh kw c_in) N are kept. nm has 2:4 by default."""

    def check_nm(self: Any) -> None:
        """Refuses values that are not allowed, and settings that a pattern replaces."""
        match = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", self.nm or "1:2")
        allowed = "N:M with 1 <= N < M, as in 2:4"
        require(self, "nm", bool(match) and int(match[1]) < int(match[2]), allowed)
        named = (self.method,) if isinstance(self.method, str) else self.method
        # Of several methods each has settings of its own in the end.
        others = len(named) > 1 and not {"nm", "ste"}.issuperset(named)
        if self.nm is None or others:
            return
        # In a stored run the pattern's own sparsity is beside it.
        if self.sparsity not in (None, self.sparsity_of_pattern):
            raise InputError(
                f"--sparsity {self.sparsity} does not go with --nm {self.nm}, whose"
                f" sparsity is {self.sparsity_of_pattern:.6g}."
            )
        if self.global_pruning or self.max_sparsity or self.distribution != "uniform":
            raise InputError(
                f"--nm {self.nm} is the same in every layer: it goes with none of"
                " --global-pruning, --max-sparsity and --distribution."
            )

    @property
    def pattern(self: Any) -> tuple[int, int] | None:
        """N and M; None without a pattern."""
        return tuple(map(int, self.nm.split(":"))) if self.nm else None

    @property
    def sparsity_of_pattern(self: Any) -> float:
        """The fraction that the pattern removes."""
        n, m = self.pattern
        return 1 - n / m
