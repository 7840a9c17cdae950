"""What is left when the weights of lowest score are removed."""

from collections.abc import Iterable

import jax

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.sparsity.saliency.scoring import pruned_last
from landscape.sparsity.selection import keep_largest, keep_largest_global


def remaining(
    scores: Params, masks: Masks, names: Iterable[str], counts: jax.Array
) -> Masks:
    """Masks of the largest scores, of what `masks` keep; of equal ones the first.

    Args:
      scores: larger = keep, in the shapes of the parameters.
      masks: whole arrays for the leaves that lose entries.
      names: of those leaves; the masks of others stay as they are.
      counts: int32, may be traced: what each of `names` keeps [names], or, compared
        with each other, all of them together [1] (one name: both are the same).

    >>> import jax.numpy as jnp
    >>> scores = {"a": jnp.array([1.0, 5.0]), "b": jnp.array([7.0, 6.0])}
    >>> masks = {"a": jnp.array([True, True]), "b": jnp.array([False, True])}
    >>> left = remaining(scores, masks, ["a", "b"], jnp.array([1]))
    >>> left["a"].tolist(), left["b"].tolist()
    ([False, False], [False, True])
    """
    all_scores, live = map(trees.named_leaves, (scores, masks))
    # Below every score, so that what is pruned loses also against zeros.
    ranked = {name: pruned_last(live[name], all_scores[name]) for name in names}
    if len(counts) == 1:
        new = keep_largest_global(ranked, counts[0])
    else:
        each = zip(ranked.items(), counts, strict=True)
        new = {name: keep_largest(score, count) for (name, score), count in each}
    return trees.map_named(lambda name, mask: new.get(name, mask), masks)
