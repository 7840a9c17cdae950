"""Pytrees as vectors: the linear algebra of parameters, and the names of leaves."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey


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
    """The name of a leaf from its key path, its parts joined by `/`."""
    return "/".join(map(_part, path))


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by name, in the order of `jax.tree.leaves`.

    >>> list(named_leaves({"Dense_0": {"kernel": 1.0, "bias": 2.0}}))
    ['Dense_0/bias', 'Dense_0/kernel']
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {leaf_name(path): leaf for path, leaf in leaves}


def map_named(function, tree: Any, *rest: Any) -> Any:
    """`jax.tree.map` whose function gets the leaf's name first."""
    return jax.tree_util.tree_map_with_path(
        lambda path, *leaves: function(leaf_name(path), *leaves), tree, *rest
    )


def size(tree: Any) -> int:
    """The number of entries in all leaves."""
    return sum(jnp.size(leaf) for leaf in jax.tree.leaves(tree))
