"""The order of examples: a function of seed, epoch and step alone.

Every host and every resumed run computes it for itself, so there is no state to
save.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from landscape import rng

# Permutations are made for as many epochs at once as hold about this many indices:
# one epoch of a large data set, hundreds of a small one.
BLOCK_INDICES = 2**16


def batches(
    seed: int, num_examples: int, batch_size: int, start_step: int, num_steps: int
) -> jax.Array:
    """The examples of steps `start_step` to `start_step + num_steps - 1`.

    Batches are consecutive slices of the concatenated permutations of the epochs:

        sequence = P_0 | P_1 | P_2 | ...
        P_e      = rng.permutation(rng.stream(seed, "order", e), num_examples)
        batch t  = sequence[t * batch_size : (t + 1) * batch_size]

    Nothing is dropped and nothing padded: a batch may straddle epochs, and every
    example comes once in each. On several hosts each works out the whole batch and
    keeps its part, so the order does not depend on how many there are.

    Args:
      seed: the order seed, at least 0 and below 2^31.
      num_examples: size of the training split, below 2^31.
      batch_size: examples in a batch.
      start_step: a Python integer; steps in the billions are fine.
      num_steps: number of batches.

    Returns:
      int32 [num_steps, batch_size], in [0, num_examples).

    >>> batches(0, num_examples=5, batch_size=3, start_step=0, num_steps=5).shape
    (5, 3)
    >>> alone = batches(0, num_examples=5, batch_size=3, start_step=4, num_steps=1)
    >>> bool((alone == batches(0, 5, 3, 0, 5)[4:]).all())
    True
    """
    epochs = max(1, BLOCK_INDICES // num_examples)
    size = epochs * num_examples
    # Python integers on the host: int32 would overflow after 2^31 examples.
    first, offset = divmod(start_step * batch_size, size)
    total = num_steps * batch_size
    # As many blocks as the largest offset needs, so that all windows of one length run
    # the same compiled program.
    count = 2 + (total - 2) // size
    blocks = [_block(seed, num_examples, epochs, first + i) for i in range(count)]
    return _cut(blocks, offset, num_steps, batch_size)


# A window is much shorter than an epoch of a large data set, whose permutation is
# two sorts: 20 to 45 ms of a CPU for 60,000 examples.
@lru_cache(maxsize=8)
def _block(seed: int, num_examples: int, epochs: int, index: int) -> jax.Array:
    """The concatenated permutations of `epochs` epochs, from epoch `index * epochs`."""
    first = np.uint32(index * epochs)
    return _permutations(np.uint32(seed), first, num_examples, epochs)


@partial(jax.jit, static_argnums=(2, 3))
def _permutations(seed, first, num_examples, epochs):
    def permutation(epoch):
        key = rng.stream(seed, "order", epoch)
        return rng.permutation(key, num_examples)

    epoch = first + jnp.arange(epochs, dtype=jnp.uint32)
    return jax.vmap(permutation)(epoch).astype(jnp.int32).ravel()


@partial(jax.jit, static_argnums=(2, 3))
def _cut(blocks, offset, num_steps, batch_size):
    indices = jnp.concatenate(blocks)
    cut = jax.lax.dynamic_slice(indices, (offset,), (num_steps * batch_size,))
    return cut.reshape(num_steps, batch_size)
