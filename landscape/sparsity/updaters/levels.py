"""Iterative magnitude pruning (Frankle & Carbin 2019, arXiv:1803.03635): one level.

Masks do not change while a level is trained; between two levels the smallest weights
of the first are removed.
"""

import jax.numpy as jnp

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.errors import InputError
from landscape.layout import layer_name
from landscape.sparsity import choices
from landscape.sparsity.masks import full, pruned_leaves
from landscape.sparsity.saliency.scoring import pruned_last
from landscape.sparsity.selection import keep_largest, keep_largest_global
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters.constant import fixed


def next_masks(
    params: Params, masks: Masks, counts: dict[str, int], *, global_: bool = False
) -> Masks:
    """The masks of the next level: of the kept weights those of largest magnitude.

    Args:
      params: at the end of a level.
      masks: of that level; what is pruned stays so.
      counts: entries kept by the next one by name of the kernel; leaves that are not
        named, or keep all their entries, stay as they are and are not compared.
      global_: magnitudes are compared over all layers, and only the sum of the counts
        is met; a layer may lose everything.

    Raises:
      InputError: a name does not fit the parameters, or more is to be kept than there
        is.

    >>> params = {"w": jnp.array([0.1, -3.0, 2.0, 0.0])}
    >>> masks = {"w": jnp.array([True, True, True, False])}
    >>> next_masks(params, masks, {"w": 2})["w"].tolist()
    [False, True, True, False]
    """
    pruned = pruned_leaves(counts, params)
    weights, before = map(trees.named_leaves, (params, masks))
    live = {
        name: jnp.broadcast_to(before[name], weights[name].shape) for name in counts
    }
    left = {name: int(mask.sum()) for name, mask in live.items()}
    short = [name for name in counts if counts[name] > left[name]]
    if global_:
        total = sum(counts[name] for name in pruned)
        enough = total <= sum(left[name] for name in pruned)
        short = [name for name in short if name not in pruned or not enough][:1]
    if short:
        raise InputError(
            f"a level keeps {counts[short[0]]} weights of layer {layer_name(short[0])},"
            f" of which the one before kept {left[short[0]]}: choose a larger"
            " --level-fraction, or --distribution uniform."
        )
    scores = {n: pruned_last(live[n], jnp.abs(weights[n])) for n in pruned}
    if global_:
        kept = keep_largest_global(scores, sum(counts[name] for name in pruned))
    else:
        kept = {name: keep_largest(s, counts[name]) for name, s in scores.items()}
    return choices.replaced(masks, kept)


def level_of_settings(
    counts: dict[str, int], params: Params, global_pruning: bool
) -> Updater:
    """The updater of one level, as a row of `landscape.registries.methods` names it.

    Its masks keep everything, as those of the first level do; those of the others are
    `next_masks` of the level before, by the same settings.
    """
    return fixed(full(counts, params))
