"""Where all random keys are made.

Nothing random is ever stored: a key is a function of a seed, the name of what it is
for, and counters such as the step, so a resumed run draws what an uninterrupted one
draws.
"""

import zlib

import jax


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
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))
    for counter in counters:
        key = jax.random.fold_in(key, counter)
    return key
