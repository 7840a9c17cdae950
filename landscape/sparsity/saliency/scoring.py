"""What all scores share: the network inside the masks, and the refusal of NaN."""

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
    return trees.project(masks, params)


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
    """`pruned_last`, checked.

    Raises:
      InputError: a score of a kept weight is NaN; its leaf is named. Within jit nothing
        is checked.

    >>> finished(None, {"Dense_0": {"kernel": jnp.array([1.0, jnp.nan])}})
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: 1 of 2 scores of Dense_0/kernel is not a number.
    """
    scores = pruned_last(masks, scores)
    if not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(scores)):
        counts = trees.named_leaves(jax.device_get(_not_numbers(scores)))
        for (name, leaf), count in zip(
            trees.named_leaves(scores).items(), counts.values(), strict=True
        ):
            if count:
                raise InputError(
                    f"{count} of {leaf.size} scores of {name or 'the parameters'}"
                    f" {'is' if count == 1 else 'are'} not a number."
                )
    return scores


@jax.jit
def _not_numbers(scores: Params) -> Any:
    return jax.tree.map(lambda x: jnp.isnan(x).sum(dtype=jnp.int32), scores)
