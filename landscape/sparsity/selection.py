"""Which entries are largest: exact, inside jit, and without a sort.

The k-th largest score is found by bisection, counting how many scores reach a
threshold. Scores are seen as integers of the same order, so it ends on the exact score
after at most one pass a bit; then equal scores are split at an index, found in the same
way. It ends early as soon as a threshold keeps the right number.
"""

import zlib
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from landscape import rng


class _Search(NamedTuple):
    """Where the search is; `low <= answer <= high`.

    Attributes:
      low, high: bracket of the threshold, and later of the index at which equal scores
        are split (counted down, so that larger keeps less in both).
      kept: entries kept at `low`, never fewer than asked for.
      tied: whether the threshold is known, and the index is searched.
      threshold: if so, the threshold.
    """

    low: jax.Array
    high: jax.Array
    kept: jax.Array
    tied: jax.Array
    threshold: jax.Array


@jax.jit
def keep_largest(scores: ArrayLike, count: ArrayLike) -> jax.Array:
    """A mask that is True at exactly the `count` largest scores.

    Of equal scores those at the lowest (row-major) indices are kept; -0.0 equals 0.0. A
    NaN counts as the largest score of all, so that it is not pruned out of sight.

    Args:
      scores: floats or integers of any shape, fewer than 2^31.
      count: int32, 0 <= count <= scores.size; may be traced.

    >>> keep_largest(jnp.array([0.1, 3.0, 2.0, 2.0, -5.0]), 2).tolist()
    [False, True, True, False, False]
    """
    return keep_largest_global([scores], count)[0]


def keep_at_random(
    key: jax.Array, name: str, shape: tuple[int, ...], count: ArrayLike
) -> jax.Array:
    """A mask that is True at exactly `count` entries, every set of them equally likely.

    It draws from the key and the name, so that leaves of one shape differ.

    >>> int(keep_at_random(jax.random.key(0), "a", (4, 5), 7).sum())
    7
    """
    return keep_largest(random_scores(key, name, shape), count)


def random_scores(key: jax.Array, name: str, shape: tuple[int, ...]) -> jax.Array:
    """Independent scores, uniform in 0 ... 2^32 - 1, of the key and the name; uint32.

    >>> random_scores(jax.random.key(0), "a", (4, 5)).shape
    (4, 5)
    """
    key = jax.random.fold_in(key, zlib.crc32(name.encode()))
    return rng.bits(key, shape)


@jax.jit
def keep_largest_global(scores: Any, count: ArrayLike) -> Any:
    """Masks that are True at exactly the `count` largest scores of all leaves.

    As `keep_largest`; of equal scores those of earlier leaves come first. Leaves of
    different dtypes are compared in their common one.

    >>> keep_largest_global({"a": jnp.array([1, 5]), "b": jnp.array([5, 4])}, 1)
    {'a': Array([False,  True], dtype=bool), 'b': Array([False, False], dtype=bool)}
    """
    leaves, treedef = jax.tree.flatten(scores)
    dtype = jnp.result_type(*leaves)
    keys = [_ordered_integers(jnp.ravel(leaf).astype(dtype)) for leaf in leaves]
    threshold, end = _search(keys, jnp.asarray(count, jnp.int32))
    masks = _above(keys, threshold, end)
    return treedef.unflatten(
        mask.reshape(jnp.shape(leaf)) for mask, leaf in zip(masks, leaves, strict=True)
    )


@partial(jax.jit, static_argnames="axis")
def keep_largest_along(scores: ArrayLike, count: ArrayLike, axis: int) -> jax.Array:
    """A mask that is True at exactly the `count` largest scores along `axis`.

    As `keep_largest`, in each line along the axis: by counting, for every score, those
    that come before it, so for axes that are short.

    >>> keep_largest_along(jnp.array([[2, 9, 2, 2], [1, 0, 5, 7]]), 2, axis=1).tolist()
    [[True, True, False, False], [False, False, True, True]]
    """
    keys = _ordered_integers(jnp.asarray(scores))
    index = jax.lax.broadcasted_iota(jnp.int32, keys.shape, axis)

    def passed_by(i: jax.Array, rank: jax.Array) -> jax.Array:
        key = jax.lax.dynamic_index_in_dim(keys, i, axis)
        return rank + ((key > keys) | ((key == keys) & (i < index)))

    ranks = jax.lax.fori_loop(0, keys.shape[axis], passed_by, jnp.zeros_like(index))
    return ranks < count


def _ordered_integers(x: jax.Array) -> jax.Array:
    """Signed integers of the dtype's width, in the order of `x`."""
    signed = jnp.dtype(f"int{x.dtype.itemsize * 8}")
    bits = jax.lax.bitcast_convert_type(x, signed)
    lowest = jnp.iinfo(signed).min
    if jnp.issubdtype(x.dtype, jnp.unsignedinteger):
        return bits ^ lowest
    if jnp.issubdtype(x.dtype, jnp.signedinteger):
        return bits
    # Floats are sign and magnitude. Nothing is compared as a float, because hosts may
    # take subnormal numbers for zero.
    infinity = jax.lax.bitcast_convert_type(jnp.array(jnp.inf, x.dtype), signed)
    ordered = jnp.where(bits < 0, lowest - bits, bits)
    return jnp.where((bits & ~lowest) > infinity, infinity + 1, ordered)


def _above(keys: list[jax.Array], threshold: jax.Array, end: jax.Array) -> list:
    """Keys above the threshold, and those equal to it before the index `end`."""
    masks, start = [], 0
    for key in keys:
        index = jax.lax.iota(jnp.int32, key.size)
        masks.append((key > threshold) | ((key == threshold) & (index < end - start)))
        start += key.size
    return masks


def _total(mask: jax.Array) -> jax.Array:
    """How many are True: int32, of one dimension.

    By groups of 32 in one byte first: XLA reads the mask's operands and sums in a
    single pass then, where a plain sum stores an int32 for every entry on a CPU.
    """
    whole = mask.size // 32 * 32
    groups = jnp.sum(mask[:whole].reshape(-1, 32), axis=1, dtype=jnp.int8)
    rest = jnp.sum(mask[whole:], dtype=jnp.int32)
    return jnp.sum(groups, dtype=jnp.int32) + rest


def _search(keys: list[jax.Array], count: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The threshold and the end of its ties that keep exactly `count` keys."""
    size = sum(key.size for key in keys)
    limits = jnp.iinfo(keys[0].dtype)
    dtype = jnp.promote_types(keys[0].dtype, jnp.int32)

    def settings(s: _Search, at: jax.Array) -> tuple[jax.Array, jax.Array]:
        threshold = jnp.where(s.tied, s.threshold, at)
        return threshold, jnp.where(s.tied, -at, size).astype(jnp.int32)

    def halve(s: _Search) -> _Search:
        # The mean rounded up, without the sum, which might overflow.
        at = (s.low | s.high) - ((s.low ^ s.high) >> 1)
        reach = sum(map(_total, _above(keys, *settings(s, at))))
        enough = reach >= count
        low = jnp.where(enough, at, s.low)
        high = jnp.where(enough, s.high, at - 1)
        kept = jnp.where(enough, reach, s.kept)
        ties = ~s.tied & (low == high) & (kept != count)
        return _Search(
            low=jnp.where(ties, -size, low),
            high=jnp.where(ties, 0, high),
            kept=kept,
            tied=s.tied | ties,
            threshold=jnp.where(ties, low, s.threshold),
        )

    first = _Search(
        low=jnp.array(limits.min, dtype),
        high=jnp.array(limits.max, dtype),
        kept=jnp.array(size, jnp.int32),
        tied=jnp.array(False),
        threshold=jnp.zeros((), dtype),
    )
    last = jax.lax.while_loop(
        lambda s: (s.low < s.high) & (s.kept != count), halve, first
    )
    return settings(last, last.low)
