"""Averages over a data set of whatever a function gives for a batch.

What batches may be and what each counts: `landscape.derivatives`.

Functions are kept as `jax.tree_util.Partial`, and what they need goes through jit as
arguments: a closed-over array is folded at compile time, for many seconds.
"""

from collections.abc import Callable, Iterator
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from landscape.aliases import Batch, Batches
from landscape.callables import as_partial
from landscape.derivatives.batches import as_batches, num_examples, total_weight
from landscape.machine import division
from landscape.machine.backend import settled
from landscape.one_line import one_line


class WeightedSum(NamedTuple):
    """Sum_k w_k x_k and sum_k w_k: what averages are accumulated in.

    Attributes:
      total: a pytree of arrays, in float32 or wider.
      weight: a scalar.
    """

    total: Any
    weight: jax.Array

    __repr__ = one_line

    def mean(self) -> Any:
        """Sum_k w_k x_k / sum_k w_k."""
        return _divided(self)


def average(
    function: Callable,
    batches: Batches,
    *args: Any,
    chunk_size: int | None = None,
    scan: bool = False,
) -> Any:
    """Sum_k w_k function(*args, batch_k) / sum_k w_k, over batches or their chunks.

    Args:
      function: returns a pytree of float arrays, each a mean over the batch.
      batches: see the module. NumPy arrays are sent to the device at every use; put
        them there (`jax.device_put`) if they fit and are used often.
      args: pytrees of arrays, the same for every batch.
      chunk_size: examples that one call of `function` sees, which bounds the memory;
        the last chunk of a batch may be smaller. Default: whole batches.
      scan: the chunks go in one compiled loop; otherwise in one jitted call each, which
        an outer jit unrolls. A loop suits accelerators and dense layers: on a CPU, XLA
        runs convolutions inside it ten to a hundred times slower.

    Returns:
      The pytree of `function`, in float32 or wider. Batches of weight 0 are left out,
      even if their mean is not finite.

    Raises:
      InputError: batches or a chunk size that `as_batches` refuses.

    >>> batches = [jnp.ones(3), jnp.zeros(1)]
    >>> float(average(lambda batch: batch.mean(), batches))
    0.75
    """
    batches = as_batches(batches, chunk_size)
    return average_of(as_partial(function), args, batches, chunk_size, scan)


def average_of(
    function: Partial,
    args: tuple,
    batches: list,
    chunk_size: int | None = None,
    scan: bool = False,
) -> Any:
    """`average` over batches that `as_batches` gave: nothing is looked at again."""
    return sums_of(function, args, batches, chunk_size, scan).mean()


def sums_of(
    function: Partial,
    args: tuple,
    batches: list,
    chunk_size: int | None = None,
    scan: bool = False,
) -> WeightedSum:
    """The sums whose quotient is the average; arguments as in `average_of`.

    >>> sums_of(Partial(jnp.mean), (), [jnp.ones(3), jnp.zeros(1)]).total.tolist()
    3.0
    """
    parts = _parts(function, args, batches, chunk_size, scan)
    return reduce(lambda a, b: settled(added(a, b)), parts)


def chunks(batches: list, chunk_size: int | None = None) -> Iterator[Batch]:
    """The batches that `as_batches` gave, in parts of at most `chunk_size` examples.

    Of a batch that is divided among devices (`landscape.machine.division`) a part has
    as many examples of each, and at least one.

    >>> [len(chunk) for chunk in chunks([jnp.ones(5), jnp.ones(2)], 3)]
    [3, 2, 2]
    """
    for batch in batches:
        if chunk_size is None or chunk_size >= num_examples(batch):
            yield batch
        elif mesh := division.mesh_of(batch):
            size = max(chunk_size - chunk_size % mesh.size, mesh.size)
            for start in range(0, num_examples(batch), size):
                length = min(size, num_examples(batch) - start)
                yield division.chunk(mesh, batch, start, length)
        else:
            for start in range(0, num_examples(batch), chunk_size):
                yield _slice(batch, start, chunk_size)


def weighted(mean: Any, weight: jax.Array) -> WeightedSum:
    """The sum of one term: a mean over a batch, times the weight of the batch.

    It is 0 if the weight is, where the mean over no example is NaN.

    >>> weighted(jnp.array([jnp.nan]), jnp.zeros(())).total.tolist()
    [0.0]
    """

    def times(x):
        w = weight.astype(jnp.promote_types(x.dtype, jnp.float32))
        return jnp.where(w != 0, w * x, 0)

    return WeightedSum(jax.tree.map(times, mean), weight)


@jax.jit
def added(a: Any, b: Any) -> Any:
    """The sum of two pytrees of one structure, of two `WeightedSum`s say."""
    return jax.tree.map(jnp.add, a, b)


def _parts(function, args, batches, chunk_size, scan) -> Iterator[WeightedSum]:
    for batch in batches:
        if scan and chunk_size is not None and chunk_size < num_examples(batch):
            yield _scanned(function, args, batch, chunk_size)
        else:
            for chunk in chunks([batch], chunk_size):
                yield _weighted(function, args, chunk)


def _slice(batch, start: int, size: int):
    size = min(size, num_examples(batch) - start)

    def leaf_slice(leaf):
        if isinstance(leaf, np.ndarray):
            return leaf[start : start + size]
        # A start that is an operand, not a constant, compiles once for all chunks.
        return jax.lax.dynamic_slice_in_dim(leaf, start, size)

    return jax.tree.map(leaf_slice, batch)


@jax.jit
def _divided(sums: WeightedSum) -> Any:
    return jax.tree.map(lambda x: x / sums.weight.astype(x.dtype), sums.total)


@jax.jit
def _weighted(function, args, batch) -> WeightedSum:
    return weighted(function(*args, batch), total_weight(batch))


@partial(jax.jit, static_argnames="chunk_size")
def _scanned(function, args, batch, chunk_size):
    count = num_examples(batch) // chunk_size
    whole = count * chunk_size
    chunks = jax.tree.map(
        lambda x: x[:whole].reshape(count, chunk_size, *x.shape[1:]), batch
    )
    shapes = jax.eval_shape(
        _weighted, function, args, jax.tree.map(lambda x: x[0], chunks)
    )
    total, _ = jax.lax.scan(
        lambda total, chunk: (added(total, _weighted(function, args, chunk)), None),
        jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes),
        chunks,
    )
    if whole == num_examples(batch):
        return total
    rest = jax.tree.map(lambda x: x[whole:], batch)
    return added(total, _weighted(function, args, rest))
