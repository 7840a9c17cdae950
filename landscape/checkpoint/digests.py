"""What a checkpoint says of its own contents, so that damage is seen: CRC-32 digests.

A digest of a leaf is its dtype, its shape and the CRC-32 of its bytes.
"""

import zlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from landscape.errors import InputError
from landscape.trees import named_leaves


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a pytree by name, as NumPy arrays on the host, bit for bit.

    Raises:
      InputError: two leaves have one name.

    >>> named_arrays({"a": {"b": np.int32(3)}})
    {'a/b': array(3, dtype=int32)}
    """
    return {name: np.asarray(leaf) for name, leaf in _typed_leaves(tree).items()}


def leaf_digests(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Type and CRC-32 of every array, by name.

    >>> leaf_digests({"w": np.zeros((2, 3), np.float32)})
    {'w': {'type': 'float32[2,3]', 'crc32': 2747386400}}
    """
    return {name: _digest(array) for name, array in arrays.items()}


def check_like(digests: dict[str, dict[str, Any]], like: Any) -> None:
    """Checks that a table of digests is one of a pytree with the leaves of `like`.

    Args:
      digests: as `leaf_digests` returns it.
      like: a pytree of arrays or of `jax.ShapeDtypeStruct`.

    Raises:
      InputError: names the first leaf that differs.

    >>> check_like(leaf_digests({"w": np.zeros(2)}), {"w": np.ones(3)})
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: leaf w is float64[2] there and float64[3] here
    """
    here = {name: _type(leaf) for name, leaf in _typed_leaves(like).items()}
    there = {name: digest["type"] for name, digest in digests.items()}
    for name in list(here) + list(there):
        if here.get(name) != there.get(name):
            raise InputError(
                f"leaf {name} is {there.get(name, 'missing')} there"
                f" and {here.get(name, 'missing')} here"
            )


def _typed_leaves(tree: Any) -> dict[str, Any]:
    # A Python number gets the dtype that JAX would give it, as in `jax.eval_shape`.
    return {
        name: leaf if hasattr(leaf, "dtype") else np.asarray(jnp.asarray(leaf))
        for name, leaf in named_leaves(tree).items()
    }


def _type(leaf: Any) -> str:
    return f"{np.dtype(leaf.dtype).name}[{','.join(map(str, leaf.shape))}]"


def _digest(array: np.ndarray) -> dict[str, Any]:
    # Bytes by way of uint8: the buffer protocol does not know bfloat16.
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return {"type": _type(array), "crc32": zlib.crc32(data)}
