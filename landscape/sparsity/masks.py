"""Masks: pytrees of booleans with the structure of the parameters, True = kept.

A leaf that is never pruned holds a scalar True, which broadcasts in `where`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from landscape import trees

_KERNEL = "kernel"


def prunable(params: Any) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the kernels of dense and convolutional layers.

    These are what can be pruned: the leaves named "kernel" with two dimensions or more.
    Biases and batch norm are never pruned. Parameters may be abstract.

    >>> prunable({"Dense_0": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}})
    {'Dense_0/kernel': (3, 2)}
    """
    return {
        name: jnp.shape(leaf)
        for name, leaf in trees.named_leaves(params).items()
        if name.split("/")[-1] == _KERNEL and jnp.ndim(leaf) >= 2
    }


def layer_name(name: str) -> str:
    """The layer of a kernel, by which users name it.

    >>> layer_name("Block_0/Conv_1/kernel")
    'Block_0/Conv_1'
    """
    return name.removesuffix(f"/{_KERNEL}")


def dense(params: Any) -> Any:
    """Masks that keep everything: a scalar True for every leaf.

    >>> dense({"w": jnp.ones(3)})
    {'w': Array(True, dtype=bool)}
    """
    return jax.tree.map(lambda _: jnp.ones((), bool), params)


def apply(masks: Any, tree: Any) -> Any:
    """`tree`, exactly zero where `masks` is False, whatever was there.

    A product would not do: infinity times zero is not a number.

    >>> apply({"w": jnp.array([True, False])}, {"w": jnp.array([1.0, jnp.inf])})
    {'w': Array([1., 0.], dtype=float32)}
    """
    return trees.project(masks, tree)


def count(masks: Any, params: Any) -> dict[str, jax.Array]:
    """Kept entries of every leaf, by name: int32, exact, also inside jit.

    >>> masks = {"a": jnp.array([True, False]), "b": jnp.array(True)}
    >>> kept = count(masks, {"a": jnp.ones(2), "b": jnp.ones(3)})
    >>> int(kept["a"]), int(kept["b"])
    (1, 3)
    """
    kept = trees.named_leaves(masks)
    return {
        name: jnp.sum(kept[name], dtype=jnp.int32) * (leaf.size // kept[name].size)
        for name, leaf in trees.named_leaves(params).items()
    }


def sparsity(masks: Any, params: Any) -> float:
    """Removed entries over entries of all prunable kernels, those kept dense included.

    >>> params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(6)}
    >>> sparsity({"kernel": jnp.eye(2) > 0, "bias": jnp.array(True)}, params)
    0.5
    """
    return _removed_share(masks, params, set(prunable(params)))


def sparsity_total(masks: Any, params: Any) -> float:
    """Removed entries over all entries of all parameters.

    >>> params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(6)}
    >>> sparsity_total({"kernel": jnp.eye(2) > 0, "bias": jnp.array(True)}, params)
    0.2
    """
    return _removed_share(masks, params, set(trees.named_leaves(params)))


def _removed_share(masks: Any, params: Any, names: set[str]) -> float:
    # Python's integers: sums over leaves may not fit 32 bits.
    kept = {k: int(v) for k, v in jax.device_get(count(masks, params)).items()}
    sizes = {k: leaf.size for k, leaf in trees.named_leaves(params).items()}
    total = sum(sizes[name] for name in names)
    return (total - sum(kept[name] for name in names)) / max(total, 1)
