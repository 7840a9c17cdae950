"""What all scores share: the network inside the masks, and the refusal of NaN."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.arrays import check_floating
from landscape.errors import InputError


def network(params: Params, masks: Masks | None) -> Params:
    """The parameters inside the masks: zero where a mask is False.

    Raises:
      InputError: a parameter is not of floating point, or the masks do not fit.

    >>> network({"w": jnp.ones(2)}, {"w": jnp.array([True, False])})["w"].tolist()
    [1.0, 0.0]
    """
    check_floating(params, "the parameters")
    trees.check_mask(masks, params)
    return _inside(masks, params)


_inside = jax.jit(trees.project)


def pruned_last(masks: Masks | None, scores: Params) -> Params:
    """The scores, -inf where a mask is False, and above -inf elsewhere.

    A live weight whose score overflows to -inf has the lowest finite one instead, so
    that it is not on a par with what is pruned.

    >>> mask = {"w": jnp.array([True, False])}
    >>> pruned_last(mask, {"w": jnp.array([-3.0, 5.0])})["w"].tolist()
    [-3.0, -inf]
    """

    def leaf(mask, score):
        # A comparison with NaN is False: NaN stays NaN, for the check to find.
        lowest = jnp.finfo(score.dtype).min
        live = jnp.where(score < lowest, lowest, score)
        return jnp.where(mask, live, -jnp.inf)

    if masks is None:
        masks = jax.tree.map(lambda _: True, scores)
    return jax.tree.map(leaf, masks, scores)


def finished(masks: Masks | None, scores: Params) -> Params:
    """`pruned_last`, checked; see `computed`."""
    return computed(masks, _given, scores)


def computed(masks: Masks | None, entries: Callable, *args: Any) -> Params:
    """`pruned_last` of the scores `entries(*args)`, compiled at once, and checked.

    Args:
      entries: a function of a module.
      args: its arguments, pytrees of arrays.

    Raises:
      InputError: a score of a kept weight is NaN; its leaf is named. Within jit nothing
        is checked.

    >>> computed(None, dict, {"Dense_0": jnp.array([1.0, jnp.nan])})
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: 1 of 2 scores of Dense_0 is not a number.
    """
    scores, counts = _finish(entries, masks, *args)
    if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(scores)):
        return scores
    counts = jax.tree.leaves(jax.device_get(counts))
    each = zip(trees.named_leaves(scores).items(), counts, strict=True)
    for (name, leaf), count in each:
        if count:
            raise InputError(
                f"{count} of {leaf.size} scores of {name or 'the parameters'}"
                f" {'is' if count == 1 else 'are'} not a number."
            )
    return scores


def check_comparable(scores: Params, masks: Masks, names: Iterable[str]) -> None:
    """Refuses scores that say nothing of which weights to keep.

    Args:
      scores: larger = keep.
      masks: what is kept so far; scores of other entries are not looked at.
      names: of the leaves that are pruned.

    Raises:
      InputError: a score is NaN or infinite; or all of a layer are zero before any
        weight is removed, or all of all layers after.

    >>> params, masks = {"a": jnp.ones(3)}, {"a": jnp.ones(3, bool)}
    >>> check_comparable({"a": jnp.zeros(3)}, masks, ["a"])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: all 3 scores of a are zero: no weight of it can be \
preferred to another.
    """
    kept, of = trees.named_leaves(masks), trees.named_leaves(scores)
    names = list(names)
    told = jax.device_get(_told([kept[n] for n in names], [of[n] for n in names]))
    idle = {}
    for name, (live, bad, some) in zip(names, told, strict=True):
        if bad:
            raise InputError(
                f"{bad} of {of[name].size} scores of {name} are not finite: they do not"
                f" fit into {of[name].dtype}."
            )
        if live and not some:
            idle[name] = live
    whole = sum(live for live, *_ in told) == sum(of[name].size for name in names)
    if idle and (whole or not any(some for *_, some in told)):
        name, count = next(iter(idle.items()))
        raise InputError(
            f"all {count} scores of {name} are zero: no weight of it can be preferred"
            " to another."
        )


@jax.jit
def _told(masks, scores):
    """Of each leaf how many are live, live and not finite, live and not zero."""

    def leaf(mask, score):
        mask = jnp.broadcast_to(mask, score.shape)
        each = mask, mask & ~jnp.isfinite(score), mask & (score != 0)
        return tuple(jnp.sum(x, dtype=jnp.int32) for x in each)

    return [leaf(*pair) for pair in zip(masks, scores, strict=True)]


@partial(jax.jit, static_argnums=0)
def _finish(entries, masks, *args):
    scores = pruned_last(masks, entries(*args))
    counts = jax.tree.map(lambda x: jnp.isnan(x).sum(dtype=jnp.int32), scores)
    return scores, counts


def _given(scores):
    return scores
