"""Masks: pytrees of booleans with the structure of the parameters, True = kept.

A leaf that is never pruned holds a scalar True, which broadcasts in `where`.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from landscape import layout, trees
from landscape.aliases import Masks, Params
from landscape.errors import InputError, check_choice
from landscape.layout import Rules


def prunable(params: Params, rules: Rules = ()) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what can be pruned: kernels of two axes or more.

    Embeddings, biases and norms are never pruned: `landscape.layout` says which leaves
    are which. The shapes are those of plain layers, (*window, inputs, outputs): the
    heads of attention are outputs of one layer.

    Args:
      params: parameters, or their shapes.
      rules: patterns of names, and axes or kinds, for leaves that are not known.

    Raises:
      InputError: a leaf is not known.

    >>> prunable({"Dense_0": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}})
    {'Dense_0/kernel': (3, 2)}
    """
    kernels = layout.kernels(params, rules)
    return {k: leaf.canonical for k, leaf in kernels.items() if len(leaf.shape) > 1}


def dense(params: Params) -> Masks:
    """Masks that keep everything: a scalar True for every leaf.

    >>> dense({"w": jnp.ones(3)})
    {'w': Array(True, dtype=bool)}
    """
    return jax.tree.map(lambda _: jnp.ones((), bool), params)


def pruned_leaves(counts: dict[str, int], params: Params) -> dict[str, int]:
    """Sizes of the leaves that lose entries, by name, in the order of the tree.

    Args:
      counts: entries kept in the end, by name; leaves without a name here keep all.
      params: parameters, or their shapes.

    Raises:
      InputError: a name is not a leaf of `params`, or a count is not in 1 ... size.

    >>> params = {"a": np.ones((4, 5)), "b": np.ones(5)}
    >>> pruned_leaves({"a": 7, "b": 5}, params)
    {'a': 20}
    """
    sizes = _sizes(params)
    for name, count in counts.items():
        check_choice("parameter", name, sizes)
        if not 1 <= count <= sizes[name]:
            raise InputError(
                f"{name} can keep 1 to {sizes[name]} of its entries, not {count}."
            )
    return {name: n for name, n in sizes.items() if counts.get(name, n) < n}


def full(counts: dict[str, int], params: Params) -> Masks:
    """Masks that keep everything, whole arrays for the leaves that will lose entries.

    NumPy arrays without memory of their own; no device is touched.

    >>> masks = full({"a": 7}, {"a": np.ones((4, 5)), "b": np.ones(5)})
    >>> masks["a"].shape, masks["b"].shape, bool(masks["a"].all())
    ((4, 5), (), True)
    """
    pruned = pruned_leaves(counts, params)
    return trees.map_named(
        lambda name, leaf: np.broadcast_to(
            np.True_, leaf.shape if name in pruned else ()
        ),
        params,
    )


def apply(masks: Masks, tree: Params) -> Params:
    """`tree`, exactly zero where `masks` is False, whatever was there.

    A product would not do: infinity times zero is not a number.

    >>> apply({"w": jnp.array([True, False])}, {"w": jnp.array([1.0, jnp.inf])})
    {'w': Array([1., 0.], dtype=float32)}
    """
    return trees.project(masks, tree)


def count(masks: Masks, params: Params) -> dict[str, jax.Array]:
    """Kept entries of every leaf, by name: int32, exact, also inside jit.

    Raises:
      InputError: the masks do not fit the parameters.

    >>> masks = {"a": jnp.array([True, False]), "b": jnp.array(True)}
    >>> kept = count(masks, {"a": jnp.ones(2), "b": jnp.ones(3)})
    >>> int(kept["a"]), int(kept["b"])
    (1, 3)
    """
    masks = dense(params) if masks is None else masks
    trees.check_mask(masks, params)
    kept = trees.named_leaves(masks)
    return {
        # A scalar counts for all entries of its leaf.
        name: jnp.sum(kept[name], dtype=jnp.int32)
        * (1 if jnp.ndim(kept[name]) else size)
        for name, size in _sizes(params).items()
    }


def sparsity(masks: Masks, params: Params, rules: Rules = ()) -> float:
    """Removed entries over entries of all prunable kernels, those kept dense included.

    `rules` as in `prunable`.

    >>> params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(6)}
    >>> sparsity({"kernel": jnp.eye(2) > 0, "bias": jnp.array(True)}, params)
    0.5
    """
    return _removed_fraction(masks, params, set(prunable(params, rules)))


def sparsity_total(masks: Masks, params: Params) -> float:
    """Removed entries over all entries of all parameters.

    >>> params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(6)}
    >>> sparsity_total({"kernel": jnp.eye(2) > 0, "bias": jnp.array(True)}, params)
    0.2
    """
    return _removed_fraction(masks, params, set(trees.named_leaves(params)))


def _sizes(params: Params) -> dict[str, int]:
    return {k: math.prod(jnp.shape(x)) for k, x in trees.named_leaves(params).items()}


def _removed_fraction(masks: Masks, params: Params, names: set[str]) -> float:
    # Python's integers: sums over leaves may not fit 32 bits.
    kept = {k: int(v) for k, v in jax.device_get(count(masks, params)).items()}
    sizes = _sizes(params)
    total = sum(sizes[name] for name in names)
    return (total - sum(kept[name] for name in names)) / max(total, 1)
