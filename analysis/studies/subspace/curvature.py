"""Gradient and curvature at one point of a sparse subspace, and in the dense space.

Works on any objective and parameters; everything is in the dtype of the parameters,
which should be float64 (`jax.enable_x64`), so that signs are those of the loss and not
of rounding.
"""

from typing import Any

import jax
import numpy as np

from analysis import curvature, evaluation, spectra
from analysis.spectra import top_eigenpairs
from analysis.studies.subspace.compact import Compact, compact
from analysis.studies.subspace.descent import along
from landscape import derivatives, rng, trees
from landscape.aliases import Batch, Masks, Params
from landscape.machine.backend import on_cpu
from landscape.objective import Objective

EXACT = 3000
"""Kept entries up to which all eigenvalues are computed."""

NEGATIVE = 1e-9
"""Of the largest eigenvalue: below minus this one of an exact spectrum is negative."""

PAIRS = 3
"""Lowest eigenvectors that the objective is evaluated along."""


def analyse(
    objective: Objective,
    batch_stats: Any,
    params: Params,
    masks: Masks,
    data: Batch,
    curvature_data: Batch,
    key: jax.Array,
    *,
    dense_pairs: int = PAIRS,
) -> dict[str, Any]:
    """Gradient, curvature and directions of descent, in the mask and the dense space.

    Of the objective: data loss and L2 term, batch norm with its stored statistics.

    Args:
      objective, batch_stats: of the network.
      params, masks: the point; zero where the mask is False.
      data: the training split.
      curvature_data: of the eigenvalues; `data`, or a part of it.
      key: of Lanczos' initial vector.
      dense_pairs: lowest eigenpairs of the dense space; 0: none.

    Returns:
      Numbers and lists, as they stand in result.json.
    """
    loss_fn = objective.bind(batch_stats, l2=True)
    terms, _ = evaluation.of_objective(objective, batch_stats)
    # From here on in NumPy: there is nothing to compile for each shape.
    gradient = jax.device_get(derivatives.gradient(loss_fn, params, data))
    kept = _within(masks, gradient)
    pruned = jax.tree.map(np.subtract, gradient, kept)
    num_kept = _count(masks, params)
    num_pruned = trees.size(params) - num_kept
    keys = rng.split(key)

    small = compact(objective, params, masks)
    edge = _inside(small, batch_stats, curvature_data, keys[0])
    vectors = [small.expand(vector, params) for vector in edge.pop("vectors")]
    inside = {
        "gradient_norm": _square(kept) ** 0.5,
        "gradient_mean": _absolute(kept) / num_kept,
        "size": num_kept,
        **edge,
        "down": along(terms, params, _down(kept), data, both=False),
        "eigenvectors": [along(terms, params, v, data) for v in vectors],
    }

    whole = curvature.hessian(loss_fn, params, curvature_data)
    direction = _down(pruned)
    outside = {
        "gradient_norm": _square(pruned) ** 0.5,
        "gradient_mean": _absolute(pruned) / max(num_pruned, 1),
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
            "mass_on_pruned": [1 - _square(_within(masks, v)) for v in vectors],
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
    # Sequential: on a CPU many products together are slower.
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


def _within(masks: Masks, tree: Params) -> Params:
    return jax.tree.map(lambda m, x: np.where(m, x, 0), masks, tree)


def _down(gradient: Params) -> Params:
    """Minus the gradient at length 1; zero if it is zero."""
    size = _square(gradient) ** 0.5
    return jax.tree.map(lambda x: x * (-1 / size if size > 0 else 0.0), gradient)


def _absolute(tree: Params) -> float:
    return float(sum(np.abs(leaf).sum() for leaf in jax.tree.leaves(tree)))


def _square(tree: Params) -> float:
    return float(sum(np.vdot(leaf, leaf) for leaf in jax.tree.leaves(tree)))


def _count(masks, params) -> int:
    pairs = zip(jax.tree.leaves(masks), jax.tree.leaves(params), strict=True)
    return sum(int(np.broadcast_to(m, p.shape).sum()) for m, p in pairs)
