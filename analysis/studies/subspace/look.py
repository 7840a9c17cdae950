"""The landscape at one point of a sparse subspace: inside the mask, and outside of it.

Works on any objective and parameters; everything is in the dtype of the parameters,
which should be float64 (`jax.enable_x64`), so that signs are those of the loss and not
of rounding.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from analysis import curvature, evaluation, spectra
from analysis.spectra import top_eigenpairs
from analysis.studies.subspace.compact import Compact, compact
from landscape import derivatives, trees
from landscape.backend import on_cpu
from landscape.objective import Objective

EXACT = 3000
"""Kept entries up to which all eigenvalues are computed."""

NEGATIVE = 1e-9
"""Of the largest eigenvalue: below minus this one of an exact spectrum is negative."""

PAIRS = 3
"""Most negative eigenvectors that are walked along."""

SHORTEST, LONGEST, POINTS = 1e-3, 10.0, 25
"""Of the distances walked each way, even in their logarithm; then refined."""


def look(
    objective: Objective,
    batch_stats: Any,
    params: Any,
    masks: Any,
    data: Any,
    curvature_data: Any,
    key: jax.Array,
    *,
    dense_pairs: int = PAIRS,
) -> dict[str, Any]:
    """Gradient, curvature and ways down, inside the mask and in the dense space.

    Of the objective: data loss and L2 term, batch norm with its stored statistics.

    Args:
      objective, batch_stats: of the network.
      params, masks: the point; zero where the mask is False.
      data: the training split.
      curvature_data: what eigenvalues are computed on; `data`, or less of it.
      key: of Lanczos' random start.
      dense_pairs: lowest eigenpairs of the dense space; 0: none.

    Returns:
      Numbers and lists, as they stand in result.json.
    """
    loss_fn = objective.bind(batch_stats, l2=True)
    terms, _ = evaluation.of_objective(objective, batch_stats)
    gradient = derivatives.gradient(loss_fn, params, data)
    kept = trees.project(masks, gradient)
    pruned = jax.tree.map(jnp.subtract, gradient, kept)
    num_kept = _count(masks, params)
    num_pruned = trees.size(params) - num_kept
    keys = jax.random.split(key)

    small = compact(objective, params, masks)
    edge = _inside(small, batch_stats, curvature_data, keys[0])
    vectors = [small.expand(vector, params) for vector in edge.pop("vectors")]
    inside = {
        "gradient_norm": float(trees.norm(kept)),
        "gradient_mean": float(_absolute(kept)) / num_kept,
        "size": num_kept,
        **edge,
        "down": along(terms, params, _down(kept), data, both=False),
        "eigenvectors": [along(terms, params, v, data) for v in vectors],
    }

    whole = curvature.hessian(loss_fn, params, curvature_data)
    direction = _down(pruned)
    outside = {
        "gradient_norm": float(trees.norm(pruned)),
        "gradient_mean": float(_absolute(pruned)) / max(num_pruned, 1),
        "size": num_pruned,
        "curvature": float(trees.dot(direction, whole(direction))),
        "down": along(terms, params, direction, data, both=False),
        "smallest": [],
        "smallest_errors": [],
        "mass_on_pruned": [],
        "eigenvectors": [],
    }
    if dense_pairs:
        pairs = top_eigenpairs(
            whole, dense_pairs, key=keys[1], which="smallest", tol=1e-2
        )
        vectors = [whole.unravel(vector) for vector in pairs.vectors[::-1]]
        outside |= {
            "smallest": pairs.values[::-1].tolist(),
            "smallest_errors": pairs.errors[::-1].tolist(),
            "mass_on_pruned": [1 - _square(trees.project(masks, v)) for v in vectors],
            "eigenvectors": [along(terms, params, v, data) for v in vectors],
        }
    start = inside["down"]
    return {
        "objective": start["start"],
        "data_loss": start["data_start"],
        "inside": inside,
        "outside": outside,
    }


def _inside(small: Compact, batch_stats, data, key) -> dict[str, Any]:
    """The spectrum over the kept entries, and its lowest eigenvectors as trees."""
    loss_fn = small.objective.bind(batch_stats, l2=True)
    op = curvature.hessian(loss_fn, small.params, data, mask=small.masks)
    if op.size > EXACT:
        pairs = top_eigenpairs(op, PAIRS, key=key, tol=1e-3)
        return {
            "exact": False,
            "largest": float(pairs.values[0]),
            "smallest": pairs.values[::-1][:PAIRS].tolist(),
            "smallest_errors": pairs.errors[::-1][:PAIRS].tolist(),
            "num_negative": None,
            "eigenvalues": pairs.values.tolist(),
            "vectors": [op.unravel(v) for v in pairs.vectors[::-1][:PAIRS]],
        }
    # In turn: on a CPU many products together are slower.
    matrix = spectra.materialise(op, block_size=1 if on_cpu() else None)
    values, vectors = spectra.eigenvalues(matrix, vectors=True)
    lone = [small.objective.weight_decay] * small.lone_decayed + [0.0] * small.lone_free
    everything = np.sort(np.concatenate([values, lone]))
    rounding = op.size * np.finfo(op.dtype).eps * float(np.abs(values).max())
    return {
        "exact": True,
        "largest": float(values[-1]),
        "smallest": values[:PAIRS].tolist(),
        "smallest_errors": [float(rounding)] * min(PAIRS, len(values)),
        "num_negative": int((everything < -NEGATIVE * values[-1]).sum()),
        "eigenvalues": everything.tolist(),
        "vectors": [op.unravel(v) for v in vectors.T[:PAIRS]],
    }


def along(
    terms: Any, params: Any, direction: Any, data: Any, *, both: bool = True
) -> dict[str, Any]:
    """The objective along a unit direction, and how far it falls.

    On `SHORTEST` to `LONGEST`, both ways if `both`, and again in small steps around the
    lowest point.

    Args:
      terms: the loss function of `evaluation.of_objective`.

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
    # As many points one way as both ways: one compiled program serves all.
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


def settle(
    objective: Objective,
    batch_stats: Any,
    params: Any,
    masks: Any,
    data: Any,
    steps: int,
) -> Any:
    """Where at most `steps` steps of L-BFGS on the objective lead within the mask.

    Kept entries that the L2 term alone sees are zero there.
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
    point = unravel(jnp.zeros_like(flat).at[kept].set(found.x))
    if small.alive is None:
        return point
    whole = small.expand(point, params)
    # A bias that no longer reaches anything stays where it is.
    reached = small.expand(jax.tree.map(jnp.ones_like, small.params), params)
    rest = jax.tree.map(lambda p, r: jnp.where(r == 0, p, 0), params, reached)
    for layer in rest.values():
        layer["kernel"] = jnp.zeros_like(layer["kernel"])
    return jax.tree.map(jnp.add, whole, rest)


@jax.jit
@jax.value_and_grad
def _slope(x, like, kept, loss_fn, data):
    flat, unravel = trees.ravel(like)
    return loss_fn(unravel(jnp.zeros_like(flat).at[kept].set(x)), data)


def _down(gradient) -> Any:
    """Minus the gradient at length 1; zero if it is zero."""
    size = trees.norm(gradient)
    return trees.scale(jnp.where(size > 0, -1 / size, 0), gradient)


def _absolute(tree) -> jax.Array:
    return sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(tree))


def _square(tree) -> float:
    return float(trees.dot(tree, tree))


def _count(masks, params) -> int:
    pairs = zip(jax.tree.leaves(masks), jax.tree.leaves(params), strict=True)
    return sum(int(np.broadcast_to(m, p.shape).sum()) for m, p in pairs)
