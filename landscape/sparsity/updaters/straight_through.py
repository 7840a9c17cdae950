"""Straight-through magnitude pruning: pruned weights are trained on, and come back."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.layout import Rules
from landscape.recipes import schedules
from landscape.sparsity import choices
from landscape.sparsity.choices import Choice
from landscape.sparsity.masks import dense, pruned_leaves
from landscape.sparsity.saliency import magnitude
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters.constant import never, unchanged
from landscape.sparsity.updaters.gradual import kept_at


class Latent(NamedTuple):
    """The updater's state.

    Attributes:
      latent: dense weights in the structure of the parameters.
    """

    latent: Params


def straight_through(choice: Choice, start: int, end: int, every: int) -> Updater:
    """Keeps the largest magnitudes of latent weights, which all get the gradient.

    The network is the projection of the latent weights on the masks; its dense gradient
    at these projected weights goes to the latent ones as it is (Bengio et al. 2013,
    arXiv:1308.3432). So does that of an L2 term of the objective, which is zero at a
    pruned weight; the decoupled decay of an optimizer acts on the latent weights.

    The masks are refreshed after the steps start, start + every, ... and `end`, with
    the counts of the cubic schedule of `pruning`, and after every further `every` steps
    with the final ones, so that a pruned weight that has grown comes back. `every` = 1
    refreshes them at each step, as the field does (jaxpruner's SteMagnitudePruning) and
    as trains better (docs/measured.md). With `choices.n_of_m` this is SR-STE (Zhou et
    al. 2021, arXiv:2102.04010) without its regulariser on pruned weights.

    Args:
      choice: which magnitudes are kept.
      start, end, every: in completed updates.

    Raises:
      InputError: the steps are out of order; or, in `init`, the choice does not fit.

    >>> updater = straight_through(choices.by_layer({"w": 1}), 0, 1, every=2)
    >>> masks, state = updater.init(None, {"w": jnp.array([2.0, 1.0])})
    >>> for step, w in enumerate([[2, 1], [2, -3], [4, 3], [4, 3]], start=1):
    ...     params = {"w": jnp.array(w)}
    ...     masks, _, _ = updater.update(step, None, params, None, masks, state)
    ...     print(step, masks["w"].tolist())
    1 [True, False]
    2 [False, True]
    3 [False, True]
    4 [True, False]
    """
    grid = schedules.update_steps(start, end, every)

    def init(key: Any, params: Params) -> tuple[Masks, Latent]:
        return choices.everything(choice.layers(params), params), Latent(params)

    def update(step, key, params, grads, masks, state):
        layers = choice.layers(params)
        if not layers:
            return masks, state, {"changed": jnp.zeros((), bool)}
        kept = jnp.asarray(kept_at(grid, choice, layers, start, end).astype(np.int32))
        on_grid = (step >= start) & ((step - start) % every == 0)

        def refresh(masks):
            # Before the start nothing is refreshed: there is a row.
            counts = kept[jnp.sum(jnp.asarray(grid) <= step) - 1]
            scores = trees.named_leaves(magnitude.entries(params))
            new = choices.replaced(masks, choice.keep(layers, scores, counts))
            pairs = zip(jax.tree.leaves(new), jax.tree.leaves(masks), strict=True)
            return new, jnp.any(jnp.stack([jnp.any(a != b) for a, b in pairs]))

        masks, changed = jax.lax.cond(
            on_grid | (step == end),
            refresh,
            lambda masks: (masks, jnp.zeros((), bool)),
            masks,
        )
        return masks, state, {"changed": changed}

    return Updater(init, update, latent=True)


unchanging_latent = Updater(
    lambda key, params: (dense(params), Latent(params)),
    unchanged,
    steps=never,
    latent=True,
)
"""As `unchanging`, of updaters with latent weights, which are stepped."""


def straight_through_of_settings(
    counts: dict[str, int],
    params: Params,
    pattern: tuple[int, int] | None,
    pruning_steps: tuple[int, int, int],
    global_pruning: bool,
    rules: Rules = (),
) -> Updater:
    """`straight_through`, as a row of `landscape.registries.methods` names it."""
    if pattern is None:
        choice = choices.by_layer(counts, global_pruning)
    else:
        choice = choices.n_of_m(pruned_leaves(counts, params), *pattern, rules)
    return straight_through(choice, *pruning_steps)
