"""Settings of masks with a pattern: N of M."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.errors import require


@dataclass(frozen=True)
class NM:
    GROUPS: ClassVar[dict[str, str]] = {"nm": "nm, ste"}

    nm: str | None = None
    """nm, ste: N:M, as in 2:4: of each M neighbours along a kernel's flattened inputs
    (kh kw c_in) N are kept; instead of --sparsity. nm has 2:4 by default."""

    def check_nm(self: Any) -> None:
        """Refuses values that are not allowed."""
        match = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", self.nm or "1:2")
        allowed = "N:M with 1 <= N < M, as in 2:4"
        require(self, "nm", bool(match) and int(match[1]) < int(match[2]), allowed)
