"""Which weights a schedule keeps: by layer, over all layers, or N of each M inputs.

An updater says when masks change and how far removal has come; a `Choice` says what
that means for each layer, and which of its scores are kept.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from landscape import layout, trees
from landscape.aliases import Masks, Params
from landscape.errors import check_choice
from landscape.layout import Leaf, Rules
from landscape.sparsity.distributions import check_groups
from landscape.sparsity.masks import pruned_leaves
from landscape.sparsity.saliency.scoring import pruned_last
from landscape.sparsity.selection import (
    keep_largest,
    keep_largest_along,
    keep_largest_global,
)


class Choice(NamedTuple):
    """How many weights are kept, and which.

    Attributes:
      layers: `(params) -> layers`, by name, what the others need to know of each layer
        that loses weights; raises InputError where the choice does not fit.
      counts: `(layers, removed) -> counts`, whole numbers that say how many are kept
        now; `removed(total)` is how many of `total` are removed.
      keep: `(layers, scores, counts) -> masks`, both by name; larger scores are kept.
        Inside jit.
    """

    layers: Callable[[Params], dict[str, Any]]
    counts: Callable[[dict[str, Any], Callable[[int], int]], list[int]]
    keep: Callable[..., dict[str, jax.Array]]


def by_layer(final_counts: dict[str, int], global_: bool = False) -> Choice:
    """The largest scores of each layer, or of all layers together.

    Args:
      final_counts: entries kept in the end by name of the kernel; leaves that are not
        named, or keep all their entries, are never pruned (nor compared).
      global_: scores are compared over all layers as they are, and only the sum of the
        counts is met; a layer may lose everything.

    >>> choice = by_layer({"w": 1})
    >>> layers = choice.layers({"w": jnp.ones(4)})
    >>> counts = choice.counts(layers, lambda total: total - 1)
    >>> masks = choice.keep(layers, {"w": jnp.arange(4)}, counts)
    >>> counts, masks["w"].tolist()
    ([2], [False, False, True, True])
    """

    def layers(params):
        return pruned_leaves(final_counts, params)

    def counts(layers, removed):
        each = [n - removed(n - final_counts[name]) for name, n in layers.items()]
        return [sum(each)] if global_ else each

    def keep(layers, scores, counts):
        scores = {name: scores[name] for name in layers}
        if global_:
            return keep_largest_global(scores, counts[0])
        return {
            name: keep_largest(score, count)
            for (name, score), count in zip(scores.items(), counts, strict=True)
        }

    return Choice(layers, counts, keep)


def n_of_m(names: Iterable[str], n: int, m: int, rules: Rules = ()) -> Choice:
    """The `n` largest scores of every `m` neighbours among a unit's inputs.

    The neighbours are consecutive along the contraction axis: for each output the
    inputs of its kernel in the order (*window, inputs), the last fastest (kh kw c_in of
    a convolution, as with NHWC data), whatever the order of the axes is in the library
    that made the layer (`landscape.layout`). Of equal scores the first are kept.

    Args:
      names: of the kernels that have the pattern; all others stay dense.
      n, m: 1 <= n < m; removal goes from m to n kept, for all groups alike.
      rules: as of `landscape.sparsity.prunable`.

    >>> choice = n_of_m(["w"], 1, 2)
    >>> layers = choice.layers(kernel := {"w": jnp.array([[1, 7], [2, 6], [4, 4]])[:2]})
    >>> choice.keep(layers, kernel, [1])["w"].tolist()
    [[False, True], [True, False]]
    """
    names = tuple(names)

    def layers(params):
        kernels = layout.kernels(params, rules)
        for name in names:
            check_choice("kernel", name, kernels)
        check_groups({name: kernels[name].canonical for name in names}, n, m)
        return {name: leaf for name, leaf in kernels.items() if name in names}

    def counts(layers, removed):
        return [m - removed(m - n)]

    def keep(layers, scores, counts):
        return {
            name: _in_groups(leaf, scores[name], m, counts[0])
            for name, leaf in layers.items()
        }

    return Choice(layers, counts, keep)


def is_n_of_m(masks: Masks, params: Params, n: int, m: int, rules: Rules = ()) -> bool:
    """Whether the kernels that lose weights keep `n` of every `m` inputs, as `n_of_m`.

    False where no kernel loses any. Takes masks as they are, in a shape of their own or
    as a scalar True; not inside jit.

    >>> kernel, mask = {"w": jnp.ones((4, 1))}, jnp.array([[1], [0], [0], [1]], bool)
    >>> is_n_of_m({"w": mask}, kernel, 1, 2), is_n_of_m({"w": mask}, kernel, 1, 4)
    (True, False)
    """
    live = trees.named_leaves(jax.device_get(masks))
    pruned = {
        name: leaf
        for name, leaf in layout.kernels(params, rules).items()
        if not live[name].all()
    }
    return bool(pruned) and all(
        math.prod(leaf.canonical[:-1]) % m == 0
        and (_groups(leaf, live[name], m).sum(1) == n).all()
        for name, leaf in pruned.items()
    )


def everything(layers: dict[str, Any], params: Params) -> Masks:
    """Masks that keep all, whole arrays for the leaves named, scalars for the others.

    >>> masks = everything({"a": 7}, {"a": jnp.ones((4, 5)), "b": jnp.ones(5)})
    >>> masks["a"].shape, masks["b"].shape
    ((4, 5), ())
    """
    return trees.map_named(
        lambda name, x: jnp.ones(jnp.shape(x) if name in layers else (), bool), params
    )


def remaining(
    choice: Choice, layers: dict[str, Any], scores: Params, masks: Masks, counts: Any
) -> Masks:
    """Masks of what a choice keeps of the weights that `masks` keep.

    Where fewer are left than a count wants, these all stay, and no other comes back.

    Args:
      choice, layers: the choice, and what it knows of the layers.
      scores: larger = keep, in the shapes of the parameters.
      masks: whole arrays for those layers; those of other leaves stay as they are.
      counts: of the choice; may be traced.

    >>> scores = {"a": jnp.array([1.0, 5.0]), "b": jnp.array([-7.0, -6.0])}
    >>> masks = {"a": jnp.array([False, False]), "b": jnp.array([True, True])}
    >>> choice = by_layer({"a": 1, "b": 1}, global_=True)
    >>> left = remaining(choice, choice.layers(scores), scores, masks, [1])
    >>> left["a"].tolist(), left["b"].tolist()
    ([False, False], [False, True])
    """
    all_scores, live = map(trees.named_leaves, (scores, masks))
    # Below every score, so that what is pruned loses also against zeros.
    ranked = {name: pruned_last(live[name], all_scores[name]) for name in layers}
    kept = choice.keep(layers, ranked, counts)
    return replaced(masks, {name: live[name] & mask for name, mask in kept.items()})


def replaced(masks: Masks, new: dict[str, jax.Array]) -> Masks:
    """`masks` with those in `new`, by name."""
    return trees.map_named(lambda name, mask: new.get(name, mask), masks)


def _in_groups(
    leaf: Leaf, scores: jax.Array, m: int, count: int | jax.Array
) -> jax.Array:
    """The mask of one kernel: the `count` largest of each `m` inputs of an output."""
    kept = keep_largest_along(_groups(leaf, jnp.asarray(scores), m), count, axis=1)
    order = _order(leaf)
    back = sorted(range(len(order)), key=order.__getitem__)
    arranged = [scores.shape[at] for at in order]
    return jnp.transpose(kept.reshape(arranged), back)


def _groups(leaf: Leaf, entries: jax.Array, m: int) -> jax.Array:
    """The entries of one kernel, [groups, m, outputs]."""
    return entries.transpose(_order(leaf)).reshape(-1, m, leaf.canonical[-1])


def _order(leaf: Leaf) -> list[int]:
    """The axes of a kernel: its window, its inputs, its outputs."""
    return [
        at for letter in "kio" for at, axis in enumerate(leaf.axes) if axis == letter
    ]
