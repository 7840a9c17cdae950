"""Pytrees as vectors: the linear algebra of parameters, and the names of leaves."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.tree_util import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey
from jax.typing import ArrayLike

from landscape import rng
from landscape.errors import InputError


def _part(key: Any) -> str:
    match key:
        case DictKey(key=name) | FlattenedIndexKey(key=name):
            return str(name)
        case GetAttrKey(name=name):
            return name
        case SequenceKey(idx=index):
            return str(index)
    return str(key)


def leaf_name(path: tuple) -> str:
    """The key path of a leaf, its parts joined by `/`; two leaves may have the same."""
    return "/".join(map(_part, path))


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by `leaf_name`, in the order of `jax.tree.leaves`.

    A variable of Flax NNX has the name of its one leaf: a state of variables and the
    same state as pure arrays, which `nnx.Optimizer` makes of it, have the same names.

    Raises:
      InputError: two leaves have one name, as "b" in "a" and "a/b" have.

    >>> list(named_leaves({"Dense_0": {"kernel": 1.0, "bias": 2.0}}))
    ['Dense_0/bias', 'Dense_0/kernel']
    """
    paths, named = {}, {}
    for path, leaf in _leaves_with_paths(tree):
        name = leaf_name(path)
        if name in named:
            one, other = map(jax.tree_util.keystr, (paths[name], path))
            raise InputError(
                f"two leaves, {one} and {other}, would both be called {name!r}: name"
                " one of them otherwise."
            )
        paths[name], named[name] = path, leaf
    return named


def _leaves_with_paths(tree: Any) -> list[tuple[tuple, Any]]:
    def is_variable(node):
        # By a method of its class, as Flax may not be there.
        return hasattr(type(node), "get_metadata")

    found = []
    nodes, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_variable)
    for path, node in nodes:
        inner, _ = jax.tree_util.tree_flatten_with_path(node)
        alone = is_variable(node) and len(inner) == 1
        found += [(path if alone else path + end, leaf) for end, leaf in inner]
    return found


def map_named(function, tree: Any, *rest: Any) -> Any:
    """`jax.tree.map` whose function gets the leaf's name first; see `named_leaves`."""
    names = jax.tree.unflatten(jax.tree.structure(tree), named_leaves(tree))
    return jax.tree.map(function, names, tree, *rest)


def size(tree: Any) -> int:
    """The number of entries in all leaves."""
    return sum(jnp.size(leaf) for leaf in jax.tree.leaves(tree))


def widened(tree: Any) -> Any:
    """Floating-point leaves as NumPy arrays of float64, other leaves as they are.

    Exact, and whether or not JAX has 64 bits enabled.

    >>> wide = widened({"a": jnp.full(2, 0.5), "n": 3})
    >>> wide["a"].dtype, wide["a"].tolist(), wide["n"]
    (dtype('float64'), [0.5, 0.5], 3)
    """

    def leaf(x):
        floating = jnp.issubdtype(jnp.result_type(x), jnp.floating)
        return np.asarray(x, np.float64) if floating else x

    return jax.tree.map(leaf, tree)


def dot(x: Any, y: Any) -> jax.Array:
    """The inner product of two pytrees of one structure, in float32 or wider.

    >>> float(dot({"a": jnp.ones(3), "b": 2.0}, {"a": jnp.ones(3), "b": 4.0}))
    11.0
    """

    def leaf_dot(a, b):
        wide = jnp.promote_types(jnp.result_type(a, b), jnp.float32)
        # Accelerators may round the factors of a product to fewer bits by default.
        return jnp.vdot(a, b, precision="highest", preferred_element_type=wide)

    return sum(jax.tree.leaves(jax.tree.map(leaf_dot, x, y)), jnp.zeros(()))


def norm(x: Any) -> jax.Array:
    """The Euclidean norm of all entries.

    >>> float(norm([jnp.full(2, 2.0), jnp.ones(1)]))
    3.0
    """
    return jnp.sqrt(dot(x, x))


def scale(a: ArrayLike, x: Any) -> Any:
    """`a x` for a scalar a, in the dtypes of `x`.

    >>> scale(2.0, {"a": jnp.arange(3.0)})["a"].tolist()
    [0.0, 2.0, 4.0]
    """
    return jax.tree.map(lambda u: (a * u).astype(jnp.result_type(u)), x)


def axpy(a: ArrayLike, x: Any, y: Any) -> Any:
    """`a x + y` for a scalar a, in the dtypes of `y`.

    >>> axpy(-1.0, {"a": jnp.ones(2)}, {"a": jnp.array([1.0, 3.0])})["a"].tolist()
    [0.0, 2.0]
    """
    return jax.tree.map(lambda u, w: (a * u + w).astype(jnp.result_type(w)), x, y)


def project(mask: Any, x: Any) -> Any:
    """`x` with zeros where `mask` is False; a leaf of the mask may be a scalar.

    A mask of None keeps everything.

    >>> project({"a": jnp.array([True, False])}, {"a": jnp.ones(2)})["a"].tolist()
    [1.0, 0.0]
    """
    if mask is None:
        return x
    return jax.tree.map(lambda m, u: jnp.where(m, u, 0), mask, x)


def check_mask(mask: Any, tree: Any) -> None:
    """Raises InputError unless `mask` holds booleans and fits `tree`, as None does."""
    if mask is None:
        return
    if jax.tree.structure(mask) != jax.tree.structure(tree):
        raise InputError("the mask must have the structure of the parameters.")
    leaves, kept = named_leaves(tree), jax.tree.leaves(mask)
    for (name, leaf), m in zip(leaves.items(), kept, strict=True):
        kind = m.dtype if hasattr(m, "dtype") else type(m).__name__
        if kind not in (np.bool_, "bool"):
            raise InputError(f"the mask of {name} must hold booleans, not {kind}.")
        seen, shape = jnp.shape(m), jnp.shape(leaf)
        if seen not in ((), shape):
            raise InputError(
                f"the mask of {name} must have shape {shape} or (), not {seen}."
            )


def _random_like(sampler, key: jax.Array, tree: Any) -> Any:
    leaves, treedef = jax.tree.flatten(tree)
    keys = rng.split(key, max(len(leaves), 1))
    draws = [
        sampler(k, jnp.shape(leaf), jnp.result_type(leaf))
        for k, leaf in zip(keys, leaves, strict=False)
    ]
    return treedef.unflatten(draws)


def normal_like(key: jax.Array, tree: Any) -> Any:
    """Independent standard normal entries in the shapes and dtypes of `tree`.

    >>> normal_like(jax.random.key(0), {"a": jnp.zeros((2, 3))})["a"].shape
    (2, 3)
    """
    return _random_like(rng.normal, key, tree)


def rademacher_like(key: jax.Array, tree: Any) -> Any:
    """Independent entries, -1 or 1 with equal chance, shaped and typed as `tree`.

    >>> signs = rademacher_like(jax.random.key(0), [jnp.zeros(4)])
    >>> jnp.abs(signs[0]).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    return _random_like(rng.rademacher, key, tree)


def ravel(tree: Any) -> tuple[jax.Array, Callable[[jax.Array], Any]]:
    """All entries as one vector, and the function that takes such a vector back.

    The order is that of `jax.tree.leaves`, each leaf row by row.

    >>> vector, unravel = ravel({"b": jnp.ones((1, 2)), "a": jnp.zeros(1)})
    >>> vector.tolist(), unravel(2 * vector)["b"].tolist()
    ([0.0, 1.0, 1.0], [[2.0, 2.0]])
    """
    return ravel_pytree(tree)
