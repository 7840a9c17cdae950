"""Which entries are largest: exact, inside jit, and without a sort.

The k-th largest score is found by counting how many scores reach a threshold. Scores
are seen as integers of the same order, so the search ends on the exact score; equal
scores are then split at an index, which is found by the same search. A first bracket
comes from a sample, then interpolation and bisection take turns.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

_SAMPLE = 4096
_INTERPOLATIONS = 8


class _Search(NamedTuple):
    """Where the search is; `low <= answer <= high`.

    Attributes:
      step: passes made.
      low, high: bracket of the threshold, and later of the index at which equal scores
        are split (counted down, so that larger keeps less in both).
      at_low: entries kept at `low`, at least `count`.
      above_high: entries kept just above `high`, less than `count`.
      tied: whether the threshold is known, and the index is searched.
      threshold: if so, the threshold.
    """

    step: jax.Array
    low: jax.Array
    high: jax.Array
    at_low: jax.Array
    above_high: jax.Array
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
    keys = [_ordered_integers(jnp.asarray(leaf, dtype)) for leaf in leaves]
    threshold, end = _search(keys, jnp.asarray(count, jnp.int32))
    return treedef.unflatten(_kept(keys, threshold, end))


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


def _kept(keys: list[jax.Array], threshold: jax.Array, end: jax.Array) -> list:
    """Keys above the threshold, and those equal to it before the index `end`."""
    masks, start = [], 0
    for key in keys:
        index = start + jax.lax.iota(jnp.int32, key.size).reshape(key.shape)
        masks.append((key > threshold) | ((key == threshold) & (index < end)))
        start += key.size
    return masks


def _search(keys: list[jax.Array], count: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The threshold and the end of its ties that keep exactly `count` keys."""
    size = sum(key.size for key in keys)
    limits = jnp.iinfo(keys[0].dtype)
    dtype = jnp.promote_types(keys[0].dtype, jnp.int32)
    unsigned = jnp.dtype(f"u{dtype.name}")
    real = jnp.float64 if dtype.itemsize == 8 else jnp.float32

    def settings(s: _Search, at: jax.Array) -> tuple[jax.Array, jax.Array]:
        threshold = jnp.where(s.tied, s.threshold, at)
        return threshold, jnp.where(s.tied, -at, size).astype(jnp.int32)

    def propose(s: _Search) -> jax.Array:
        # The width of the bracket does not fit the signed type; wrapped, it is right.
        width = (s.high - s.low).astype(unsigned)
        share = (s.at_low - count).astype(real) / (s.at_low - s.above_high).astype(real)
        guess = jnp.minimum((width.astype(real) * share).astype(unsigned), width)
        # Keys in lumps mislead interpolation: then bisection alone, one step a bit.
        bisect = (s.step % 2 == 1) | (s.step > 2 * _INTERPOLATIONS)
        offset = jnp.where(bisect, width - width // 2, guess)
        return s.low + offset.astype(dtype)

    def step(s: _Search) -> _Search:
        proposal = propose(s)
        for i, guess in enumerate(guesses):
            proposal = jnp.where(s.step == i, guess, proposal)
        at = jnp.clip(proposal, s.low + 1, s.high)
        kept = _kept(keys, *settings(s, at))
        reach = sum(jnp.sum(mask, dtype=jnp.int32) for mask in kept)
        enough = reach >= count
        s = s._replace(
            step=s.step + 1,
            low=jnp.where(enough, at, s.low),
            high=jnp.where(enough, s.high, at - 1),
            at_low=jnp.where(enough, reach, s.at_low),
            above_high=jnp.where(enough, s.above_high, reach),
        )
        ties = ~s.tied & (s.low >= s.high) & (s.at_low != count)
        return s._replace(
            low=jnp.where(ties, -size, s.low),
            high=jnp.where(ties, 0, s.high),
            tied=s.tied | ties,
            threshold=jnp.where(ties, s.low, s.threshold),
        )

    guesses = [guess.astype(dtype) for guess in _guesses(keys, count, size)]
    first = _Search(
        step=jnp.zeros((), jnp.int32),
        low=jnp.array(limits.min, dtype),
        high=jnp.array(limits.max, dtype),
        at_low=jnp.array(size, jnp.int32),
        above_high=jnp.zeros((), jnp.int32),
        tied=jnp.array(False),
        threshold=jnp.zeros((), dtype),
    )
    last = jax.lax.while_loop(
        lambda s: (s.low < s.high) & (s.at_low != count), step, first
    )
    return settings(last, last.low)


def _guesses(keys: list[jax.Array], count: jax.Array, size: int) -> list[jax.Array]:
    """Two keys that the threshold most likely lies between, from a sorted sample."""
    stride = max(1, size // _SAMPLE)
    sample = jnp.sort(jnp.concatenate([key.reshape(-1)[::stride] for key in keys]))
    last = sample.size - 1
    rank = (1 - count.astype(jnp.float32) / size) * last
    # Three standard deviations of the sample's rank.
    spread = 3 * jnp.sqrt(rank * (last - rank) / max(last, 1)) + 1
    ranks = jnp.clip(jnp.stack([rank - spread, rank + spread]), 0, last)
    return list(sample[ranks.astype(jnp.int32)])
