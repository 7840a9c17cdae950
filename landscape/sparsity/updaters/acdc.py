"""AC/DC: sparse and dense phases alternate (Peste et al. 2021, arXiv:2106.12379)."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.errors import InputError
from landscape.sparsity import choices
from landscape.sparsity.choices import Choice
from landscape.sparsity.saliency import magnitude
from landscape.sparsity.updater import Updater


def acdc(
    choice: Choice, sparse_starts: Sequence[int], dense_starts: Sequence[int]
) -> Updater:
    """Prunes to the final counts and lets everything back, again and again.

    It begins dense. After each step of `sparse_starts` the largest magnitudes are kept,
    as many as in the end, and after each of `dense_starts` all weights are: the pruned
    ones start from 0, without momentum (that of the others stays, while the authors'
    code can reset it). No weights are kept beside the network's.

    Args:
      choice: which magnitudes are kept.
      sparse_starts, dense_starts: completed updates at which a phase ends and the next
        begins: rising, in alternation, a sparse one first and last.

    Raises:
      InputError: the steps are out of order; or, in `init`, the choice does not fit.

    >>> updater = acdc(choices.by_layer({"w": 1}), [1, 3], [2])
    >>> params = {"w": jnp.array([1.0, -2.0])}
    >>> masks, state = updater.init(None, params)
    >>> for step in (1, 2, 3):
    ...     masks, state, _ = updater.update(step, None, params, None, masks, state)
    ...     print(masks["w"].tolist())
    [False, True]
    [True, True]
    [False, True]
    """
    starts = sorted([*sparse_starts, *dense_starts])
    alternate = starts[::2] == [*sparse_starts] and starts[1::2] == [*dense_starts]
    if not alternate or len(starts) % 2 == 0 or len({0, *starts}) <= len(starts):
        raise InputError(
            "sparse and dense phases must start in alternation after step 0, sparse"
            f" ones first and last, not at {[*sparse_starts]} and {[*dense_starts]}."
        )

    def init(key: Any, params: Params) -> tuple[Masks, tuple]:
        return choices.everything(choice.layers(params), params), ()

    def update(step, key, params, grads, masks, state):
        layers = choice.layers(params)
        if not layers:
            return masks, state, {"changed": jnp.zeros((), bool)}
        counts = choice.counts(layers, lambda total: total)
        to_sparse = jnp.any(jnp.asarray(sparse_starts, jnp.int32) == step)
        to_dense = jnp.any(jnp.asarray(dense_starts, jnp.int32) == step)

        def compress(masks):
            scores = trees.named_leaves(magnitude.entries(params))
            return choices.replaced(masks, choice.keep(layers, scores, counts))

        def decompress(masks):
            return choices.everything(layers, params)

        masks = jax.lax.switch(
            to_sparse + 2 * to_dense, [lambda masks: masks, compress, decompress], masks
        )
        return masks, state, {"changed": to_sparse | to_dense}

    return Updater(init, update, steps=lambda params: tuple(starts))


def acdc_of_settings(
    counts: dict[str, int],
    params: Params,
    phase_starts: tuple[tuple[int, ...], tuple[int, ...]],
    global_pruning: bool,
) -> Updater:
    """`acdc`, as a row of `landscape.registries.methods` names it."""
    return acdc(choices.by_layer(counts, global_pruning), *phase_starts)
