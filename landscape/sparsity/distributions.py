"""How a sparsity is distributed over layers, in exact whole numbers of weights."""

import fnmatch
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from landscape.errors import InputError, check_choice
from landscape.layout import layer_name
from landscape.registries.methods import DISTRIBUTIONS


def kept_counts(
    shapes: Mapping[str, tuple[int, ...]],
    sparsity: float,
    distribution: str = "uniform",
    dense_layers: Sequence[str] = (),
    max_sparsity: Mapping[str, float] | None = None,
) -> dict[str, int]:
    """The number of weights that every layer keeps.

    Of n weights at sparsity s, round((1 - s) n) are kept, a half to even, with s the
    decimal number that was written.

    - uniform: so in every layer.
    - er: so in total, with the density of a layer proportional to
      (n_in + n_out) / (n_in n_out) (Mocanu et al. 2018, arXiv:1707.04780).
    - erk: so in total, with the density proportional to
      (n_in + n_out + k_1 + k_2) / (n_in n_out k_1 k_2) for a convolution with a k_1 by
      k_2 kernel, as in er for a dense layer (Evci et al. 2020, arXiv:1911.11134).

    Under er and erk a layer whose density would exceed 1 is dense, and the proportion
    holds among the others; fractions are rounded by the largest remainder, the earlier
    layer first.

    Args:
      shapes: of the prunable kernels by name, as `landscape.sparsity.prunable` gives
        them: (*window, inputs, outputs).
      sparsity: fraction removed, in [0, 1), of the layers that are not declared dense.
      distribution: uniform, er or erk.
      dense_layers: patterns (`fnmatch`) of layers that keep everything and do not count
        in the total. A layer's name is its kernel's without "/kernel".
      max_sparsity: the highest sparsity of the layers that a pattern names (of several
        patterns the lowest). Under uniform they keep more than the others; under er and
        erk the others keep less, so that the total holds.

    Returns:
      Kept entries by name of the kernel, in the order of `shapes`.

    Raises:
      InputError: a value or a name is not allowed, a pattern names no layer, nothing is
        left of a layer, or the total cannot be reached.

    >>> shapes = {"Dense_0/kernel": (100, 50), "Dense_1/kernel": (50, 10)}
    >>> kept_counts(shapes, 0.9)
    {'Dense_0/kernel': 500, 'Dense_1/kernel': 50}
    >>> kept_counts(shapes, 0.9, "er")
    {'Dense_0/kernel': 393, 'Dense_1/kernel': 157}
    >>> kept_counts(shapes, 0.9, "erk", max_sparsity={"Dense_1": 0.6})
    {'Dense_0/kernel': 350, 'Dense_1/kernel': 200}
    """
    check_choice("distribution", distribution, DISTRIBUTIONS)
    caps = dict(max_sparsity or {})
    limits = {f"the highest sparsity of {k}": value for k, value in caps.items()}
    for what, value in {"the sparsity": sparsity, **limits}.items():
        if not 0 <= value < 1:
            raise InputError(f"{what} must be in [0, 1), not {value}.")
    always = {name for pattern in dense_layers for name in _matching(pattern, shapes)}
    cap = {name: 1.0 for name in shapes}
    for pattern, value in caps.items():
        for name in _matching(pattern, shapes):
            cap[name] = min(cap[name], value)
    sizes = {k: math.prod(shape) for k, shape in shapes.items() if k not in always}
    if sparsity > 0 and not sizes:
        raise InputError(
            f"a sparsity of {sparsity} cannot be reached: every layer is kept dense."
        )
    if distribution == "uniform":
        kept = {k: _kept(n, min(sparsity, cap[k])) for k, n in sizes.items()}
    else:
        minimum = {k: _kept(n, cap[k]) for k, n in sizes.items()}
        proportions = {k: _proportion(shapes[k], distribution) for k in sizes}
        kept = _distribute(sizes, sparsity, proportions, minimum)
    for name, count in kept.items():
        if count == 0:
            raise InputError(
                f"a sparsity of {sparsity} leaves nothing of layer {layer_name(name)}"
                f" ({sizes[name]} weights)."
            )
    return {k: kept.get(k, math.prod(shape)) for k, shape in shapes.items()}


def kept_in_groups(
    shapes: Mapping[str, tuple[int, ...]],
    n: int,
    m: int,
    dense_layers: Sequence[str] = (),
) -> dict[str, int]:
    """The number of weights that every layer keeps, `n` of each `m` inputs of a unit.

    The sparsity of the layers that are not declared dense is 1 - n / m, exactly.

    Args:
      shapes, dense_layers: as of `kept_counts`.
      n, m: 1 <= n < m; see `landscape.sparsity.choices.n_of_m` for which.

    Raises:
      InputError: a pattern names no layer, `m` does not divide the inputs of a layer,
        or every layer is dense.

    >>> shapes = {"Conv_0/kernel": (3, 3, 1, 8), "Dense_0/kernel": (100, 10)}
    >>> kept_in_groups(shapes, 1, 4, ["Conv_0"])
    {'Conv_0/kernel': 72, 'Dense_0/kernel': 250}
    >>> kept_in_groups(shapes, 2, 4)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: 2:4 does not fit Conv_0 (9 inputs a unit), as 4 does \
not divide that: --dense-layers Conv_0 keeps it dense.
    """
    always = {name for pattern in dense_layers for name in _matching(pattern, shapes)}
    patterned = {k: shape for k, shape in shapes.items() if k not in always}
    if not patterned:
        raise InputError(f"{n}:{m} fits no layer: every layer is kept dense.")
    check_groups(patterned, n, m)
    sizes = {k: math.prod(shape) for k, shape in shapes.items()}
    return {k: size // m * n if k in patterned else size for k, size in sizes.items()}


def check_groups(shapes: Mapping[str, tuple[int, ...]], n: int, m: int) -> None:
    """Refuses layers whose units have inputs (*window, inputs) that m does not divide.

    Raises:
      InputError: names all of them; or n and m are not 1 <= n < m.
    """
    if not 1 <= n < m:
        raise InputError(f"N:M must have 1 <= N < M, not {n}:{m}.")
    inputs = {layer_name(k): math.prod(shape[:-1]) for k, shape in shapes.items()}
    odd = {layer: count for layer, count in inputs.items() if count % m}
    if odd:
        each = [f"{layer} ({count} inputs a unit)" for layer, count in odd.items()]
        raise InputError(
            f"{n}:{m} does not fit {', '.join(each)}, as {m} does not divide"
            f" {'that' if len(odd) == 1 else 'those'}: --dense-layers {' '.join(odd)}"
            f" keeps {'it' if len(odd) == 1 else 'them'} dense."
        )


def _kept(size: int, sparsity: float) -> int:
    # As decimal fractions: 1 - 0.9 is below 0.1 as a float, and halves would go wrong.
    return round((1 - Fraction(str(float(sparsity)))) * size)


def _matching(pattern: str, shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    found = [k for k in shapes if fnmatch.fnmatchcase(layer_name(k), pattern)]
    if not found:
        check_choice("layer", pattern, map(layer_name, shapes))
    return found


def _proportion(shape: tuple[int, ...], distribution: str) -> int:
    """Density times size, up to a common factor: a whole number."""
    *kernel, fan_in, fan_out = shape
    if distribution == "erk":
        return fan_in + fan_out + sum(kernel)
    return (fan_in + fan_out) * math.prod(kernel)


def _distribute(
    sizes: dict[str, int],
    sparsity: float,
    proportions: dict[str, int],
    minimum: dict[str, int],
) -> dict[str, int]:
    """Whole numbers near scale * proportion, in minimum ... size, with the exact total.

    The sum of the clipped numbers is a rising, piecewise linear function of the scale;
    its kinks are where a layer leaves a bound.
    """
    total = _kept(sum(sizes.values()), sparsity)
    if total < sum(minimum.values()):
        raise InputError(
            f"a sparsity of {sparsity} leaves {total} weights, but the layers of"
            f" limited sparsity keep at least {sum(minimum.values())}."
        )

    def clipped(scale: Fraction) -> dict[str, Fraction]:
        return {
            k: min(
                max(scale * proportions[k], Fraction(minimum[k])), Fraction(sizes[k])
            )
            for k in sizes
        }

    below, at_below = Fraction(0), sum(minimum.values())
    kinks = {
        Fraction(bound[k], proportions[k]) for bound in (minimum, sizes) for k in sizes
    }
    for kink in sorted(kinks):
        at_kink = sum(clipped(kink).values())
        if at_kink >= total:
            rise = at_kink - at_below
            if rise:
                below += (kink - below) * (total - at_below) / rise
            break
        below, at_below = kink, at_kink
    exact = clipped(below)
    kept = {k: math.floor(value) for k, value in exact.items()}
    by_remainder = sorted(exact, key=lambda k: kept[k] - exact[k])
    for name in by_remainder[: total - sum(kept.values())]:
        kept[name] += 1
    return kept
