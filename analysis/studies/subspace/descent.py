"""Descent from one point: along a direction, and by L-BFGS within the mask.

In the dtype of the parameters; see `analysis.studies.subspace.curvature`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from analysis import evaluation
from analysis.studies.subspace.compact import compact
from landscape import trees
from landscape.aliases import Batch, Masks, Params
from landscape.objective import Objective

SHORTEST, LONGEST, POINTS = 1e-3, 10.0, 25
"""Of the distances on each side, even in their logarithm; then refined."""


def along(
    terms: Callable,
    params: Params,
    direction: Params,
    data: Batch,
    *,
    both: bool = True,
) -> dict[str, Any]:
    """The objective along a unit direction, and how far it falls.

    At distances from `SHORTEST` to `LONGEST`, on both sides if `both`, and again in
    small steps around the lowest point.

    Args:
      terms: the loss function of `analysis.evaluation.of_objective`.
      params, direction: pytrees of one structure.
      data: the examples.
      both: whether minus the direction is evaluated too.

    Returns:
      "ts" (distances), "losses" (of the objective), "start" and "data_start" (objective
      and data loss at distance 0), "fall" (of the objective, to the lowest point seen;
      0 if nothing is lower), "data_fall" (of the data loss, to the same point), and
      "distance" (of that point).

    >>> def terms(x, batch):
    ...     return {"loss": jnp.mean((x - batch) ** 2), "l2": jnp.zeros(())}
    >>> found = along(terms, jnp.zeros(1), jnp.ones(1), jnp.array([[0.3]]))
    >>> round(found["distance"], 3), round(found["fall"], 3)
    (0.3, 0.09)
    """
    # As many points on one side as on both: one compiled program serves all.
    steps = np.geomspace(SHORTEST, LONGEST, POINTS if both else 2 * POINTS)
    ts = np.concatenate([-steps[::-1] if both else [], [0.0], steps])

    def values(ts):
        rows = np.stack([np.ones_like(ts), ts], axis=1)
        found = evaluation.evaluate((params, direction), rows, terms, data)
        data_loss = np.asarray(found["loss"], np.float64)
        return data_loss + np.asarray(found["l2"], np.float64), data_loss

    total, data_loss = values(ts)
    origin = int(np.flatnonzero(ts == 0)[0])
    seen = np.stack([ts, total, data_loss])
    best = int(np.nanargmin(total))
    fine = np.linspace(ts[max(best - 1, 0)], ts[min(best + 1, len(ts) - 1)], len(ts))
    seen = np.concatenate([seen, [fine, *values(fine)]], axis=1)
    lowest = int(np.nanargmin(seen[1]))
    fell = seen[1, lowest] < total[origin]
    start, data_start = float(total[origin]), float(data_loss[origin])
    return {
        "ts": ts.tolist(),
        "losses": total.tolist(),
        "start": start,
        "data_start": data_start,
        "fall": start - float(seen[1, lowest]) if fell else 0.0,
        "data_fall": data_start - float(seen[2, lowest]) if fell else 0.0,
        "distance": float(seen[0, lowest]) if fell else 0.0,
    }


def minimise_in_mask(
    objective: Objective,
    batch_stats: Any,
    params: Params,
    masks: Masks,
    data: Batch,
    steps: int,
) -> Params:
    """The point that at most `steps` steps of L-BFGS reach within the mask.

    They minimise the objective. Entries that only its L2 term depends on are zero.

    Args:
      objective, batch_stats: of the network.
      params, masks: the initial point; zero where the mask is False.
      data: the training split.
      steps: iterations of scipy's L-BFGS-B.

    Returns:
      Parameters of the shapes of `params`.
    """
    small = compact(objective, params, masks)
    loss_fn = small.objective.bind(batch_stats, l2=True)
    flat, unravel = trees.ravel(small.params)
    mask = np.concatenate(
        [
            np.broadcast_to(m, p.shape).ravel()
            for m, p in zip(
                jax.tree.leaves(small.masks), jax.tree.leaves(small.params), strict=True
            )
        ]
    )
    kept = np.flatnonzero(mask)

    def function(x):
        value, gradient = _slope(x, small.params, kept, loss_fn, data)
        return float(value), np.asarray(gradient, np.float64)

    found = scipy.optimize.minimize(
        function,
        np.asarray(flat)[kept],
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "maxfun": 2 * steps, "ftol": 0, "gtol": 1e-8},
    )
    point = np.zeros_like(flat)
    point[kept] = found.x
    point = unravel(point)
    if small.alive is None:
        return point
    whole = small.expand(point, params)
    # A bias that nothing depends on keeps its value.
    reached = small.expand(jax.tree.map(np.ones_like, small.params), params)
    rest = jax.tree.map(lambda p, r: np.where(r == 0, p, 0), params, reached)
    for layer in rest.values():
        layer["kernel"] = np.zeros_like(layer["kernel"])
    return jax.tree.map(np.add, whole, rest)


@jax.jit
@jax.value_and_grad
def _slope(x, like, kept, loss_fn, data):
    flat, unravel = trees.ravel(like)
    return loss_fn(unravel(jnp.zeros_like(flat).at[kept].set(x)), data)
