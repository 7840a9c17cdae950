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
      stops: `(params) -> steps` of an updater that wants scores over data; `update`
        never changes its masks, and after each of these completed updates
        `landscape.sparsity.scored_update` does, with scores that the training loop
        computes. The steps depend on settings and shapes alone. None for others.
      scored: `(step, scores, masks, state) -> (masks, state, info)`, at those steps.
        scores: of all entries of the parameters, larger = keep.

    `landscape.sparsity.masked_update` joins an updater to an optimizer.
    """

    init: Callable[[Any, Any], tuple[Any, Any]]
    update: Callable[..., tuple[Any, Any, dict[str, Any]]]
    stops: Callable[[Any], tuple[int, ...]] | None = None
    scored: Callable[..., tuple[Any, Any, dict[str, Any]]] | None = None
