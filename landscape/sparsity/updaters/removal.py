"""What is left when the weights of lowest score are removed."""

from typing import Any

import jax

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.sparsity import choices
from landscape.sparsity.choices import Choice
from landscape.sparsity.saliency.scoring import pruned_last


def remaining(
    choice: Choice,
    layers: dict[str, Any],
    scores: Params,
    masks: Masks,
    counts: jax.Array,
) -> Masks:
    """Masks of the largest scores, of what `masks` keep; of equal ones the first.

    Args:
      choice: how scores are compared.
      layers: `choice.layers(params)`; the masks of other leaves stay as they are.
      scores: larger = keep, in the shapes of the parameters.
      masks: whole arrays for the leaves that lose entries.
      counts: as of `choice.counts`; may be traced.

    >>> import jax.numpy as jnp
    >>> choice = choices.by_layer({"a": 1, "b": 1}, global_=True)
    >>> scores = {"a": jnp.array([1.0, 5.0]), "b": jnp.array([7.0, 6.0])}
    >>> masks = {"a": jnp.array([True, True]), "b": jnp.array([False, True])}
    >>> layers = choice.layers(scores)
    >>> left = remaining(choice, layers, scores, masks, jnp.array([1]))
    >>> left["a"].tolist(), left["b"].tolist()
    ([False, False], [False, True])
    """
    all_scores, live = map(trees.named_leaves, (scores, masks))
    # Below every score, so that what is pruned loses also against zeros.
    ranked = {name: pruned_last(live[name], all_scores[name]) for name in layers}
    return choices.replaced(masks, choice.keep(layers, ranked, counts))
