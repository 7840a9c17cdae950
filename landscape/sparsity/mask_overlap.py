"""What two masks have in common, and the weights that were ever active."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.layout import Rules, layer_name
from landscape.one_line import one_line
from landscape.sparsity import masks as masks_lib


class Overlap(NamedTuple):
    """Kept weights of two masks, of one layer or of all.

    Attributes:
      layer: name of the kernel without its last part; "all" of all together.
      size: entries of the kernel.
      first, second: kept entries of each mask.
      common: entries that both keep.
      expected, deviation: mean and standard deviation of `common` if one of the masks
        were drawn at random with its counts (hypergeometric in each layer).
    """

    layer: str
    size: int
    first: int
    second: int
    common: int
    expected: float
    deviation: float

    __repr__ = one_line

    @property
    def jaccard(self) -> float:
        """Kept by both, over kept by any; 1 if both keep nothing."""
        union = self.first + self.second - self.common
        return self.common / union if union else 1.0

    @property
    def fraction(self) -> float:
        """Kept by both, over kept by the smaller; 1 if that keeps nothing."""
        smaller = min(self.first, self.second)
        return self.common / smaller if smaller else 1.0

    @property
    def chance_jaccard(self) -> float:
        """`jaccard` with the expected number in common."""
        union = self.first + self.second - self.expected
        return self.expected / union if union else 1.0

    @property
    def chance_fraction(self) -> float:
        """`fraction` with the expected number in common."""
        smaller = min(self.first, self.second)
        return self.expected / smaller if smaller else 1.0


def overlap(
    first: Masks, second: Masks, params: Params, rules: Rules = ()
) -> list[Overlap]:
    """One row a prunable kernel, and last one of all.

    Args:
      first, second: masks of `params`.
      params: parameters, or their shapes.
      rules: as of `landscape.sparsity.prunable`.

    >>> a, b = ({"w": {"kernel": np.array([m])}} for m in ([True, False], [True, True]))
    >>> rows = overlap(a, b, {"w": {"kernel": np.ones((1, 2))}})
    >>> rows[0].common, rows[0].jaccard, rows[0].fraction, rows[0].expected
    (1, 0.5, 1.0, 1.0)
    """
    ours, theirs = (_kept(each, params, rules) for each in (first, second))
    rows = []
    for name, a in ours.items():
        b, n = theirs[name], a.size
        k, m, common = int(a.sum()), int(b.sum()), int((a & b).sum())
        variance = k * m * (n - k) * (n - m) / (n * n * (n - 1)) if n > 1 else 0.0
        expected, deviation = k * m / n, math.sqrt(variance)
        rows.append(Overlap(layer_name(name), n, k, m, common, expected, deviation))
    total = (sum(row[column] for row in rows) for column in range(1, 6))
    deviation = math.sqrt(sum(row.deviation**2 for row in rows))
    return [*rows, Overlap("all", *total, deviation)]


def ever_active(
    seen: Iterable[Masks], params: Params, rules: Rules = ()
) -> dict[str, tuple[int, int]]:
    """Entries that any of several masks keeps, and all entries, by layer.

    Their quotient, of all layers, is Rs of In-Time Over-Parameterization (Liu et al.
    2021, arXiv:2102.02887) where the masks of the whole training are given; of some of
    them it is a lower bound.

    >>> seen = ({"w": {"kernel": np.arange(4).reshape(2, 2) == i}} for i in (0, 3))
    >>> ever_active(seen, {"w": {"kernel": np.ones((2, 2))}})
    {'w': (2, 4)}
    """
    union: dict[str, np.ndarray] = {}
    for masks in seen:
        for name, kept in _kept(masks, params, rules).items():
            union[name] = union.get(name, False) | kept
    return {layer_name(k): (int(m.sum()), m.size) for k, m in union.items()}


def _kept(masks: Masks, params: Params, rules: Rules) -> dict[str, np.ndarray]:
    """Masks of the prunable kernels, whole."""
    trees.check_mask(masks, params)
    named, shapes = trees.named_leaves(masks), trees.named_leaves(params)
    return {
        name: np.broadcast_to(np.asarray(named[name]), shapes[name].shape)
        for name in masks_lib.prunable(params, rules)
    }
