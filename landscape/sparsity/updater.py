"""What a mask updater is: a pair of pure functions, as an optax optimizer is one."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Updater(NamedTuple):
    """When and how masks change.

    Attributes:
      init: `(key, params) -> (masks, state)`.
      update: `(step, key, params, grads, masks, state) -> (masks, state, info)`.
        step: int32 scalar, completed updates, this one included.
        params: those after the optimizer's step, zero where `masks` is False.
        grads: the dense gradients, at the parameters before that step.
        state: whatever the updater needs to remember; may be empty.
        info: a dict of scalars; "changed" says whether the masks changed now.
      steps: `(params) -> steps`, completed updates, at which `update` may change the
        masks; None: at any, as with latent weights. At other steps a training loop may
        use `landscape.sparsity.updaters.unchanging` instead, in a program without the
        memory that an update of the masks takes; the state stays as it is there.
      stops: `(params) -> steps` of an updater that wants scores over data; `update`
        never changes its masks, and after each of these completed updates
        `landscape.sparsity.scored_update` does, with scores that the training loop
        computes. The steps depend on settings and shapes alone. None for others.
      scored: `(step, scores, masks, state) -> (masks, state, info)`, at those steps.
        scores: of all entries of the parameters, larger = keep.
      rounds: how often, at each of `stops`, scores are computed and `scored` is called;
        the scores of each round are those of the network that the one before left.
      latent: whether the optimizer steps dense weights that stay beside the masks (as
        straight-through estimators do). The updater's state is a named tuple then,
        whose field `latent` holds them: `masked_update` gives the optimizer the dense
        gradients and these weights, `update` gets the new ones as `params`, and the
        parameters of the network are their projection on the new masks.

    `landscape.sparsity.masked_update` joins an updater to an optimizer.
    """

    init: Callable[[Any, Any], tuple[Any, Any]]
    update: Callable[..., tuple[Any, Any, dict[str, Any]]]
    stops: Callable[[Any], tuple[int, ...]] | None = None
    scored: Callable[..., tuple[Any, Any, dict[str, Any]]] | None = None
    rounds: int = 1
    latent: bool = False
    steps: Callable[[Any], tuple[int, ...]] | None = None
