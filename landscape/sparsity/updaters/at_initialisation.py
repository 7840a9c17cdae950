"""Masks from scores at initialisation: SNIP, GraSP, SynFlow, and any other score."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape.aliases import Batches, Masks, Params
from landscape.derivatives import as_batches
from landscape.sparsity import choices
from landscape.sparsity.masks import full, pruned_leaves
from landscape.sparsity.saliency.scoring import check_comparable
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters.constant import never, unchanged


def scored_at_initialisation(
    counts: dict[str, int], rounds: int = 1, *, per_layer: bool = False
) -> Updater:
    """Removes the weights of lowest score at step 0, in rounds; then masks stay.

    Of n weights of which k stay, round r of R leaves round(n (k / n)^(r / R)), the
    exponential schedule of SynFlow (arXiv:2006.05467); the last round leaves exactly k.
    The scores of each round are those of the network that the one before left.

    Args:
      counts: entries kept in the end by name of the kernel; leaves that are not named,
        or keep all their entries, are never pruned (nor compared).
      rounds: R.
      per_layer: each layer keeps its count. Else scores are compared over all layers as
        they are, and only the sum of the counts is met.

    Raises:
      InputError: in `init`, a name or a count does not fit the parameters.

    >>> updater = scored_at_initialisation({"w": 1}, rounds=2)
    >>> params = {"w": jnp.array([1.0, 3.0, 2.0, 0.5])}
    >>> masks, state = updater.init(None, params)
    >>> updater.stops(params), updater.rounds
    ((0,), 2)
    >>> for _ in range(updater.rounds):
    ...     masks, state, _ = updater.scored(0, params, masks, state)
    ...     print(masks["w"].tolist())
    [False, True, True, False]
    [False, True, False, False]
    """

    choice = choices.by_layer(counts, global_=not per_layer)

    def init(key: Any, params: Params):
        masks = full(counts, params)
        whole = jax.tree.map(lambda mask: jnp.ones(mask.shape, bool), masks)
        return whole, jnp.zeros((), jnp.int32)

    def scored(step, scores, masks, done):
        sizes = pruned_leaves(counts, scores)
        before = np.array([*sizes.values()])
        after = np.array([counts[name] for name in sizes])
        if not per_layer:
            before, after = before.sum(keepdims=True), after.sum(keepdims=True)
        left = _kept(before, after, rounds)
        now = jnp.asarray(left)[done]
        masks = choices.remaining(choice, sizes, scores, masks, now)
        return masks, done + 1, {"changed": jnp.ones((), bool)}

    def stops(params):
        return (0,) if pruned_leaves(counts, params) else ()

    return Updater(init, unchanged, stops, scored, rounds, steps=never)


def of_settings(
    counts: dict[str, int], params: Params, rounds_of_scores: int, per_layer: bool
) -> Updater:
    """`scored_at_initialisation`, as rows of `landscape.registries.methods` name it."""
    return scored_at_initialisation(counts, rounds_of_scores, per_layer=per_layer)


def masks_at_initialisation(
    score: Callable,
    function: Callable | None,
    params: Params,
    batches: Batches | None,
    counts: dict[str, int],
    *,
    rounds: int = 1,
    per_layer: bool = False,
    key: jax.Array | None = None,
    **settings: Any,
) -> Masks:
    """The masks that a score finds at given parameters, for any training loop.

    SNIP is `saliency.taylor1.score_abs` and GraSP `saliency.grasp.score`, both with one
    round; SynFlow is `saliency.synflow.score` with 100.

    Args:
      score: of `landscape.sparsity.saliency`, or one of the same arguments.
      function: what the score takes first: `loss_fn(params, batch)`, in eval mode; of
        SynFlow `model_fn(params, batch)`; of magnitude or random scores None.
      params: any pytree of float arrays.
      batches: those that are scored on; None for scores without data.
      counts: entries kept by name of the kernel, as `kept_counts` gives; others stay.
      rounds, per_layer: as in `scored_at_initialisation`.
      key: for random scores.
      settings: of the score.

    Returns:
      Booleans in the structure of `params`; scalars for leaves that are not pruned.

    Raises:
      InputError: a score needs data and there is none, a count does not fit, or the
        scores of a layer are not finite or all zero.

    >>> from landscape.sparsity import kept_counts, prunable, saliency
    >>> params = {"kernel": jnp.array([[0.1, 2.0], [3.0, -4.0]]), "bias": jnp.zeros(2)}
    >>> counts = kept_counts(prunable(params), 0.5)
    >>> def loss_fn(params, x):
    ...     return jnp.mean((x @ params["kernel"] + params["bias"])[:, 0])
    >>> snip = saliency.taylor1.score_abs
    >>> masks = masks_at_initialisation(snip, loss_fn, params, jnp.ones((4, 2)), counts)
    >>> masks["kernel"].tolist(), masks["bias"].shape
    ([[True, False], [True, False]], ())
    """
    updater = scored_at_initialisation(counts, rounds, per_layer=per_layer)
    masks, state = updater.init(None, params)
    batches = None if batches is None else as_batches(batches)
    for _ in range(rounds if updater.stops(params) else 0):
        scores = score(function, params, batches, masks, key, **settings)
        check_comparable(scores, masks, pruned_leaves(counts, params))
        masks, state, _ = updater.scored(0, scores, masks, state)
    return masks


def _kept(before: np.ndarray, after: np.ndarray, rounds: int) -> np.ndarray:
    """What is kept after each round, [rounds, layers or 1]."""
    if before.max(initial=0) >= 2**31:
        raise ValueError("scores of 2^31 weights or more cannot be compared.")
    parts = np.arange(1, rounds + 1)[:, None] / rounds
    kept = np.rint(before * (after / before) ** parts)
    kept[-1] = after
    return kept.astype(np.int32)
