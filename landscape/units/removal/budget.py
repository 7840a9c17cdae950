"""Which units go so that a network is as small as asked."""

import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from landscape import layout, trees
from landscape.aliases import Params
from landscape.errors import InputError, check_choice
from landscape.layout import Rules
from landscape.units.structure import Spec

Cost = Callable[[Mapping[str, int]], int]
"""From the number of units of each group to what the network then costs."""


def parameters(spec: Spec, params: Params) -> Cost:
    """The stored parameters of a network of which some units are left.

    Args:
      spec: which axes are units.
      params: parameters, or their shapes.

    >>> from landscape.units.structure import sequential
    >>> params = {"a": {"kernel": np.ones((3, 2))}, "b": {"kernel": np.ones((8, 5))}}
    >>> cost = parameters(sequential(params, ["a", "b"]), params)
    >>> cost({"a": 2}), cost({"a": 1})
    (46, 23)
    """
    leaves = trees.named_leaves(params)
    shapes = [(leaf.shape, spec.axes.get(k), 1) for k, leaf in leaves.items()]
    return lambda counts: _cost(shapes, counts)


def flops(
    spec: Spec, params: Params, positions: Mapping[str, int], rules: Rules = ()
) -> Cost:
    """The FLOPs of a forward pass for one example, of which some units are left.

    2 a multiply-add, kernels alone, as `landscape.sparsity.accounting` counts them,
    whatever masks remove.

    Args:
      spec: which axes are units.
      params: parameters, or their shapes.
      positions: of each kernel's output, as from `landscape.models.positions`.
      rules: for leaves that `landscape.layout` does not know.

    >>> from landscape.units.structure import sequential
    >>> params = {"a": {"kernel": np.ones((3, 2))}, "b": {"kernel": np.ones((8, 5))}}
    >>> spec = sequential(params, ["a", "b"])
    >>> flops(spec, params, {"a/kernel": 4, "b/kernel": 1})({"a": 1})
    64
    """
    kernels = layout.kernels(params, rules)
    shapes = [
        (leaf.shape, spec.axes.get(name), 2 * positions[name])
        for name, leaf in kernels.items()
    ]
    return lambda counts: _cost(shapes, counts)


def share(fraction: float, cost: int) -> int:
    """The largest whole number that is at most a fraction of a cost.

    The fraction is the decimal number that it is written as: 0.29 * 100 is below 29.

    >>> share(0.29, 100), math.floor(0.29 * 100)
    (29, 28)
    """
    return math.floor(Fraction(str(float(fraction))) * cost)


def _cost(shapes, counts) -> int:
    total = 0
    for shape, axes, each in shapes:
        for size, axis in zip(shape, axes or (None,) * len(shape), strict=True):
            units = size
            if axis is not None:
                units = axis.positions * sum(counts[group] for group in axis.names)
            each *= units
        total += each
    return total


def l2_normalised(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Scores divided by the Euclidean norm of their group's (Molchanov et al. 2017).

    >>> l2_normalised({"a": np.array([3.0, 4.0]), "b": np.zeros(1)})
    {'a': array([0.6, 0.8]), 'b': array([0.])}
    """
    wide = {group: np.asarray(score, float) for group, score in scores.items()}
    norms = {g: np.linalg.norm(score[np.isfinite(score)]) for g, score in wide.items()}
    return {g: score / (norms[g] or 1.0) for g, score in wide.items()}


def ranks(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Ranks in (0, 1] within the group: every group then loses the same fraction.

    >>> ranks({"a": np.array([7.0, 5.0]), "b": np.array([1.0])})
    {'a': array([1. , 0.5]), 'b': array([1.])}
    """
    found = {}
    for group, score in scores.items():
        order = np.argsort(np.asarray(score, float), kind="stable")
        found[group] = np.empty(len(order))
        found[group][order] = np.arange(1, len(order) + 1) / max(len(order), 1)
    return found


NORMALISATIONS = {"none": dict, "l2": l2_normalised, "uniform": ranks}
"""How scores of different groups are made comparable."""


def choose_units(
    scores: Mapping[str, np.ndarray],
    cost: Cost,
    target: float,
    *,
    normalise: str = "l2",
    protected: Sequence[str] = (),
    what: str = "parameters",
) -> dict[str, np.ndarray]:
    """The units of the lowest scores, as few as bring the cost down to a target.

    One ranking over all groups; of equal scores the first unit goes first. The unit of
    the highest score in each group stays.

    Args:
      scores: by group, [n], larger = keep.
      cost: `parameters` or `flops` of the network.
      target: the largest cost allowed.
      normalise: "none", "l2" (`l2_normalised`) or "uniform" (`ranks`).
      protected: names of groups that stay as they are, or patterns (`fnmatch`).
      what: the unit of the cost, for the message.

    Returns:
      By group, booleans [n]: the units that go.

    Raises:
      InputError: a score is not a number, a pattern names no group, or the target is
        below the smallest cost that can be reached.

    >>> scores = {"a": np.array([3.0, 1.0, 2.0])}
    >>> choose_units(scores, lambda counts: 10 * counts["a"], 20)
    {'a': array([False,  True, False])}
    >>> choose_units(scores, lambda counts: 10 * counts["a"], 5)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: with one unit left in each layer that is not protected\
 there are 10 parameters, the fewest that can be reached: 5 are too few.
    """
    for pattern in protected:
        if not any(fnmatch.fnmatchcase(group, pattern) for group in scores):
            check_choice("group of units", pattern, scores)
    for group, score in scores.items():
        if np.isnan(np.asarray(score, float)).any():
            raise InputError(f"a score of {group} is not a number (NaN).")
    comparable = NORMALISATIONS[
        check_choice("normalisation", normalise, NORMALISATIONS)
    ]
    entries = []
    for order, (group, score) in enumerate(comparable(scores).items()):
        if any(fnmatch.fnmatchcase(group, pattern) for pattern in protected):
            continue
        best = len(score) - 1 - int(np.argmax(score[::-1])) if len(score) else 0
        ids = (i for i in range(len(score)) if i != best)
        entries += [(float(score[i]), order, i, group) for i in ids]
    entries.sort()
    sizes = {group: len(score) for group, score in scores.items()}

    def left(count):
        gone = [group for *_, group in entries[:count]]
        return cost({group: n - gone.count(group) for group, n in sizes.items()})

    if left(len(entries)) > target:
        raise _too_small(left(len(entries)), target, what)
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) <= target else (middle + 1, high)
    chosen = {group: np.zeros(n, bool) for group, n in sizes.items()}
    for *_, index, group in entries[:low]:
        chosen[group][index] = True
    return chosen


def _too_small(reachable: int, target: float, what: str) -> InputError:
    return InputError(
        "with one unit left in each layer that is not protected there are"
        f" {reachable:,} {what}, the fewest that can be reached: {math.floor(target):,}"
        " are too few."
    )
