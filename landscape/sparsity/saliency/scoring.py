"""What all scores share: the network inside the masks, and the refusal of NaN."""

from collections.abc import Callable
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


@partial(jax.jit, static_argnums=0)
def _finish(entries, masks, *args):
    scores = pruned_last(masks, entries(*args))
    counts = jax.tree.map(lambda x: jnp.isnan(x).sum(dtype=jnp.int32), scores)
    return scores, counts


def _given(scores):
    return scores
