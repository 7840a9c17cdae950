"""Where all random keys are made, and all random numbers drawn.

Nothing random is ever stored: a key is a function of a seed, the name of what it is
for, and counters such as the step, so a resumed run draws what an uninterrupted one
draws. Nor is anything inherited from the process: the generator of keys (threefry2x32),
the way its bits are laid out (partitionable) and the width of the numbers (32 bits
unless a dtype is given) are named here, whatever JAX_DEFAULT_PRNG_IMPL,
JAX_THREEFRY_PARTITIONABLE and JAX_ENABLE_X64 say. Outside of this file `jax.random`
serves for `fold_in` alone, which knows no such setting.
"""

import zlib
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

IMPLEMENTATION = "threefry2x32"


def stream(seed: int, name: str, *counters: int | jax.Array) -> jax.Array:
    """A typed PRNG key for `(seed, name, *counters)`.

    `name` enters by its CRC-32, which is the same in every process (`hash()` is not).
    Counters may be traced.

    >>> a, b = stream(0, "init"), stream(0, "order")
    >>> bool(jax.random.bits(a) == jax.random.bits(b))
    False
    >>> bool(jax.random.bits(stream(0, "order", 3)) == jax.random.bits(
    ...     jax.jit(lambda step: stream(0, "order", step))(3)))
    True
    """
    key = jax.random.key(seed, impl=IMPLEMENTATION)
    key = jax.random.fold_in(key, zlib.crc32(name.encode()))
    for counter in counters:
        key = jax.random.fold_in(key, counter)
    return key


def partitionable() -> Any:
    """A context in which bits are laid out as everywhere here, for draws of others.

    What is traced in it keeps that layout wherever it is compiled and run.

    >>> key = stream(0, "init")
    >>> with jax.threefry_partitionable(False):
    ...     a = jax.random.bits(key, (3,))
    ...     with partitionable():
    ...         b = jax.random.bits(key, (3,))
    >>> (a == b).tolist(), (bits(key, (3,)) == b).tolist()
    ([False, False, False], [True, True, True])
    """
    return jax.threefry_partitionable(True)


def split(key: jax.Array, num: int = 2) -> jax.Array:
    """As `jax.random.split`."""
    with partitionable():
        return jax.random.split(key, num)


def bits(key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
    """Random bits, uint32."""
    with partitionable():
        return jax.random.bits(key, shape, jnp.uint32)


def integers(key: jax.Array, shape: tuple[int, ...], low: int, high: int) -> jax.Array:
    """Uniform in [low, high), int32."""
    with partitionable():
        return jax.random.randint(key, shape, low, high, jnp.int32)


def permutation(key: jax.Array, num: int) -> jax.Array:
    """A random order of 0 ... num - 1."""
    with partitionable():
        return jax.random.permutation(key, num)


def uniform(key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
    """Uniform in [0, 1), float32."""
    with partitionable():
        return jax.random.uniform(key, shape, jnp.float32)


def coins(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Booleans, True with probability 1/2."""
    with partitionable():
        return jax.random.bernoulli(key, jnp.float32(0.5), shape)


def normal(
    key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
) -> jax.Array:
    """Independent standard normal numbers."""
    with partitionable():
        return jax.random.normal(key, shape, dtype)


def rademacher(
    key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
) -> jax.Array:
    """Independent signs, -1 or 1 with equal chance; the same ones in every dtype.

    >>> rademacher(stream(0, "signs"), (4,)).tolist()
    [1.0, -1.0, -1.0, 1.0]
    """
    return jnp.where(coins(key, shape), 1, -1).astype(dtype)


def categorical(key: jax.Array, logits: ArrayLike, shape: tuple[int, ...]) -> jax.Array:
    """Indices drawn from softmax(logits), [*shape]; in the width of the logits."""
    with partitionable():
        return jax.random.categorical(key, logits, shape=shape)
