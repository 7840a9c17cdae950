"""Matching the units of two networks, to tell a true barrier from a symmetry.

Weight matching of Ainsworth et al. 2023 ("Git Re-Basin", section 3.2): the permutations
of b's units that bring its weights nearest to a's, found layer by layer. A barrier that
vanishes after matching was due to the units' order alone. Between matched networks with
batch norm, use batch statistics or re-estimated ones: stored ones fit no mixture.
"""

from collections.abc import Iterator

import jax
import numpy as np
from scipy.optimize import linear_sum_assignment

from analysis.alignment.permutations import Permutations, apply, identity, indices
from analysis.planes import inner
from landscape import rng, trees
from landscape.aliases import Masks, Params
from landscape.arrays import check_floating, check_key
from landscape.errors import InputError
from landscape.units import Spec

# No descent has come near: it ends when a sweep changes nothing, and since every change
# makes the product larger, no permutation is reached twice.
MAX_SWEEPS = 1000
# A gain below this fraction of |a| |b| is rounding.
SMALLEST_GAIN = 1e-13


def match(
    a: Params,
    b: Params,
    spec: Spec,
    key: jax.Array,
    masks_a: Masks | None = None,
    masks_b: Masks | None = None,
    *,
    preserve_mask: bool = False,
) -> Permutations:
    """Permutations P of b's units for which |a - P(b)| is smallest, locally.

    Coordinate descent: while the other permutations are held, the best one of a layer
    is a linear assignment, solved exactly; layers are matched in random order, again
    and again until none gains. There are two initialisations, and the better result is
    returned: the identity (so the distance is never above that of b as it is), and a
    first matching from the input to the output (which undoes a mere permutation).

    Pruned weights count as exact zeros. b's mask moves with its weights: give the
    result to `apply` for parameters, masks and batch statistics. Two networks
    that shared a mask then lie in different sparse subspaces in general, and between
    them the line keeps the union of both masks.

    Args:
      a: parameters that stay. All leaves have equal weight: kernels, biases, batch
        norm's scale and bias; not its statistics. Computed in float64 on the host.
      b: parameters of the same structure and shapes.
      spec: which permutation acts where, see `specification`.
      key: decides the order in which layers are matched.
      masks_a: masks of a; None if dense, or exactly zero where pruned.
      masks_b: masks of b.
      preserve_mask: admit only permutations under which b's mask, permuted, equals a's
        in every entry. The masks must be equal to begin with. A layer's units are then
        exchanged with units of the very same connections alone; an unstructured mask
        has few such units (dead ones, mostly) or none, and a permutation of several
        layers that keeps the mask only as a whole is not found.

    Returns:
      int arrays [units], one for each name of the spec.

    Raises:
      InputError: shapes differ, a value is not a finite float, a permutation acts on
        two axes of one leaf (no linear assignment), or `preserve_mask` without two
        equal masks.

    >>> from landscape.units import sequential
    >>> draw = np.random.default_rng(0).normal
    >>> params = {
    ...     "Dense_0": {"kernel": draw(size=(4, 3)), "bias": draw(size=3)},
    ...     "Dense_1": {"kernel": draw(size=(3, 2)), "bias": draw(size=2)},
    ... }
    >>> spec = sequential(params, ["Dense_0", "Dense_1"])
    >>> moved = apply({"Dense_0": np.array([1, 2, 0])}, params, spec)
    >>> match(params, moved, spec, jax.random.key(0))["Dense_0"].tolist()
    [2, 0, 1]
    """
    check_key(key)
    for network in (a, b):
        check_floating(network, "a network")
    trees.check_mask(masks_a, a)
    trees.check_mask(masks_b, b)
    masks = _shared_mask(masks_a, masks_b) if preserve_mask else None
    a, b = _host(trees.project(masks_a, a)), _host(trees.project(masks_b, b))
    _check(a, b, spec)
    initial = [identity(spec)]
    if masks is None:
        initial.append(_forward(a, b, spec))
    found = [_descended(a, b, spec, start, key, masks) for start in initial]
    return max(found, key=lambda end: inner(a, apply(end, b, spec)))


def _descended(a, b, spec, start, key, masks) -> Permutations:
    changes = list(descend(a, b, spec, start, key, masks))
    return changes[-1] if changes else start


def descend(
    a: Params,
    b: Params,
    spec: Spec,
    start: Permutations,
    key: jax.Array,
    shared_masks: Masks | None = None,
) -> Iterator[Permutations]:
    """Yields the permutations after each change; <a, P(b)> grows with every one.

    `start` must keep the shared masks as they are; every change then keeps them too.
    """
    a, b = _host(a), _host(b)
    _check(a, b, spec)
    signs = {k: 2.0 * m - 1 for k, m in _host(shared_masks).items() if m.ndim}
    names, permutations = list(spec.sizes), start
    smallest = SMALLEST_GAIN * np.sqrt(inner(a, a) * inner(b, b))
    for sweep in range(MAX_SWEEPS):
        moved = False
        order = rng.permutation(jax.random.fold_in(key, sweep), len(names))
        for name in (names[i] for i in order):
            gains = _gains(a, b, spec, permutations, name)
            if signs:
                # Signs that are equal everywhere give the largest possible agreement,
                # which the present permutation has.
                agreement = _gains(signs, signs, spec, permutations, name)
                gains = np.where(agreement == agreement.max(), gains, -np.inf)
            units, best = linear_sum_assignment(gains, maximize=True)
            gain = (gains[units, best] - gains[units, permutations[name]]).sum()
            if gain > smallest:
                permutations, moved = permutations | {name: best}, True
                yield permutations
        if not moved:
            return


def _forward(a, b, spec) -> Permutations:
    """Permutations one by one, of leaves whose other axes are matched already."""
    permutations, known = identity(spec), set()
    for name in spec.sizes:
        gains = _gains(a, b, spec, permutations, name, known)
        permutations[name] = linear_sum_assignment(gains, maximize=True)[1]
        known.add(name)
    return permutations


def _gains(a, b, spec, permutations, name, known=None) -> np.ndarray:
    """[i, j]: what unit j of b at index i adds to <a, P(b)>, the other names held.

    With `known`, only of leaves on whose other axes no other names act.
    """
    total = np.zeros((spec.sizes[name],) * 2)
    for leaf in a:
        axes = spec.axes.get(leaf, ())
        for k, axis in enumerate(axes):
            if axis is None or name not in axis.names:
                continue
            others = {n for x in (*axes[:k], *axes[k + 1 :]) if x for n in x.names}
            if known is not None and not others <= known:
                continue
            y = b[leaf]
            for j, other in enumerate(axes):
                if j != k and other is not None:
                    y = y.take(indices(permutations, spec, other), axis=j)
            total += _by_unit(a[leaf], k, axis, name, spec) @ (
                _by_unit(y, k, axis, name, spec).T
            )
    return total


def _by_unit(leaf, k, axis, name, spec) -> np.ndarray:
    """[units, all else]: the part of axis k that `name` permutes, unit by unit."""
    before = axis.names[: axis.names.index(name)]
    start = sum(spec.sizes[n] for n in before)
    leaf = np.moveaxis(leaf, k, 0)
    leaf = leaf.reshape(axis.positions, -1, leaf[0].size)
    leaf = leaf[:, start : start + spec.sizes[name]]
    return leaf.swapaxes(0, 1).reshape(spec.sizes[name], -1)


def _host(tree) -> dict[str, np.ndarray]:
    leaves = trees.named_leaves(tree).items()
    return {name: np.asarray(leaf).astype(np.float64) for name, leaf in leaves}


def _shared_mask(masks_a, masks_b):
    pairs = [_host(masks_a), _host(masks_b)]
    equal = pairs[0].keys() == pairs[1].keys() and all(
        np.array_equal(x, pairs[1][name]) for name, x in pairs[0].items()
    )
    if masks_a is None or masks_b is None or not equal:
        raise InputError("preserve_mask needs masks_a and masks_b to be equal.")
    return masks_a


def _check(a, b, spec) -> None:
    shapes = [{name: leaf.shape for name, leaf in tree.items()} for tree in (a, b)]
    if shapes[0] != shapes[1]:
        raise InputError("the two networks must have leaves of the same shapes.")
    apply(identity(spec), a, spec)
    for name, leaf in a.items():
        if not (np.isfinite(leaf).all() and np.isfinite(b[name]).all()):
            raise InputError(f"{name} is not finite: nothing can be matched to it.")
        acting = [n for axis in spec.axes.get(name, ()) if axis for n in axis.names]
        if len(set(acting)) < len(acting):
            raise InputError(f"a permutation acts on two axes of {name}: {acting}.")
