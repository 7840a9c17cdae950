"""What the leaves of a pytree must be: refusals in a sentence, by the leaf's name."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape.errors import InputError
from landscape.trees import leaf_name, named_leaves

APART = "keep what is no array apart, as equinox.partition does"


def on_device(tree: Any) -> Any:
    """`tree` as JAX arrays; its NumPy arrays are copied to the default device.

    The same as `jnp.asarray` of each leaf, which compiles a program for each shape of
    NumPy arrays.

    >>> on_device({"w": np.ones(2, np.float32)})
    {'w': Array([1., 1.], dtype=float32)}
    """

    def leaf(x):
        if not isinstance(x, np.ndarray):
            return jnp.asarray(x)
        # On a CPU the device may use the memory that it is given.
        return jax.device_put(x.copy())

    return jax.tree.map(leaf, tree)


def check_arrays(tree: Any, what: str, advice: str = APART) -> None:
    """Raises InputError unless every leaf is an array that JAX takes, or a number.

    Args:
      what: the tree, for the message.
      advice: ends the message.

    >>> check_arrays({"w": jnp.ones(2), "act": jnp.tanh}, "the parameters")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: act in the parameters must be an array of numbers, \
not the function tanh: keep what is no array apart, as equinox.partition does.
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not _is_array(leaf):
            where = f"{leaf_name(path)} in {what}" if path else what
            raise InputError(
                f"{where} must be an array of numbers, not {_kind(leaf)}: {advice}."
            )


def check_floating(tree: Any, what: str, advice: str = "") -> None:
    """Raises InputError unless every leaf is an array of floating point, or a float.

    >>> check_floating({"step": 3}, "the parameters")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: step must be of floating point, not int32.
    """
    check_arrays(tree, what)
    for name, leaf in named_leaves(tree).items():
        dtype = jnp.result_type(leaf)
        if not jnp.issubdtype(dtype, jnp.floating):
            name = name or what
            raise InputError(f"{name} must be of floating point, not {dtype}{advice}.")


def check_key(key: Any, name: str = "key") -> None:
    """Raises InputError unless it is one key, of `jax.random.key` or `PRNGKey`.

    >>> check_key(0)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: key must be a key, as of jax.random.key(0), not 0.
    """
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    typed = isinstance(key, jax.Array) and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    raw = dtype == np.uint32 and len(shape) == 1
    if not (typed and shape == ()) and not raw:
        seen = repr(key) if dtype is None else f"{dtype}{list(shape)}"
        raise InputError(f"{name} must be a key, as of jax.random.key(0), not {seen}.")


def check_integer(value: Any, name: str) -> None:
    """Raises InputError unless it is an integer.

    >>> check_integer(2.5, "num_steps")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: num_steps must be an integer, not 2.5.
    """
    if not isinstance(value, int | np.integer):
        raise InputError(f"{name} must be an integer, not {value!r}.")


def _is_array(leaf: Any) -> bool:
    if isinstance(leaf, np.ma.MaskedArray):
        return False
    if isinstance(leaf, np.ndarray | np.generic):
        # Text, objects, dates, spans of time and long doubles are nothing to JAX.
        number = jnp.issubdtype(leaf.dtype, jnp.number) or leaf.dtype == bool
        return number and leaf.dtype.char not in "mgG"
    known = jax.Array | jax.ShapeDtypeStruct | int | float | complex
    return isinstance(leaf, known) or hasattr(leaf, "__jax_array__")


def _kind(leaf: Any) -> str:
    if type(leaf) is np.ndarray:
        return f"one of {leaf.dtype}"
    if callable(leaf) and hasattr(leaf, "__name__"):
        return f"the function {leaf.__name__}"
    return f"of type {type(leaf).__name__}"
