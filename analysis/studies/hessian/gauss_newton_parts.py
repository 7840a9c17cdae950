"""Networks small enough to materialise H and G: their difference, and H's check."""

from functools import partial
from typing import Any

import jax
import numpy as np
import scipy.linalg
from jax.flatten_util import ravel_pytree

from analysis import curvature, spectra
from analysis.studies.hessian.measurements import Arrays, stored
from analysis.studies.hessian.scales import PLAIN, Parts
from analysis.studies.training import train
from landscape import runs, trees
from landscape.config import DenseRun


def measure(scale: Parts, root: str, seeds: range) -> dict[str, list[dict[str, float]]]:
    """Of networks on blobs (100-12-12-k on 200), full batches: classes k -> seeds.

    Each has, with "_start" and "_end", `residual`, the norm of H - G over that of H,
    and `overlap`, the mean squared cosine between the top-k eigenspaces of H and G;
    at the end the `rank` of G (eigenvalues above 1e-10 of the largest), its `bound`
    N (k - 1), the number of parameters if that is less, and the training loss.
    """
    return {
        str(k): [_one(scale, f"{root}/small/k-{k}/seed-{s}", k, s) for s in seeds]
        for k in scale.classes
    }


def _run(scale: Parts, name: str, seed: int, **changes: Any) -> DenseRun:
    fields = PLAIN | {
        "dataset": "blobs", "blob_dim": scale.dim, "blob_samples": scale.samples,
        "widths": scale.widths, "learning_rate": 0.1, "batch_size": scale.samples,
        "seed": seed, "data_seed": seed, "workdir": name,
    }  # fmt: skip
    return DenseRun(**fields | changes)


def _one(scale: Parts, name: str, k: int, seed: int) -> dict[str, float]:
    summary = train(_run(scale, name, seed, blob_classes=k, steps=scale.steps))
    start = stored(f"{name}@init", "parts", {}, partial(_parts, f"{name}@init", k))
    end = stored(name, "parts", {}, partial(_parts, name, k))
    bound = min(scale.samples * (k - 1), summary["num_params"])
    found = {"train_loss": summary["train_loss"], "bound": bound}
    found |= {f"{key}_start": float(start[key]) for key in ("residual", "overlap")}
    found |= {f"{key}_end": float(end[key]) for key in ("residual", "overlap")}
    return found | {"rank": int(end["rank"])}


def _parts(name: str, k: int) -> Arrays:
    # float64: the rank of G is counted down to 1e-10 of its largest eigenvalue.
    with jax.enable_x64(True):
        run = runs.load(name)
        params, data = trees.widened((run.state.params, run.data.train))
        model_fn, loss = run.objective.bind_logits(), run.objective.bind_output_loss()
        h = spectra.materialise(curvature.hessian(run.objective.bind(), params, data))
        g = spectra.materialise(curvature.gauss_newton(model_fn, loss, params, data))
    values = spectra.eigenvalues(g)
    spaces = [_leading(matrix, k) for matrix in (h, g)]
    return {
        "residual": np.array(_norm(h - g) / _norm(h)),
        "overlap": np.array((spaces[0].T @ spaces[1]) ** 2).sum() / k,
        "rank": np.array((values > 1e-10 * values[-1]).sum()),
    }


def _leading(matrix: np.ndarray, k: int) -> np.ndarray:
    n = len(matrix)
    return scipy.linalg.eigh(matrix, subset_by_index=(n - k, n - 1))[1]


def _norm(matrix: np.ndarray) -> float:
    """The largest magnitude of an eigenvalue."""
    n = len(matrix)
    ends = [
        scipy.linalg.eigh(matrix, subset_by_index=(i, i), eigvals_only=True)[0]
        for i in (0, n - 1)
    ]
    return float(np.abs(ends).max())


def products_against_jax(scale: Parts, root: str, seeds: range) -> list[float]:
    """The largest difference of H by products from jax.hessian's, entry by entry.

    In float64, for trained networks 10-8-8-5 (205 parameters).
    """
    return [_difference(scale, f"{root}/tiny/seed-{seed}", seed) for seed in seeds]


def _difference(scale: Parts, name: str, seed: int) -> float:
    shape = {"blob_dim": 10, "widths": (8, 8), "blob_classes": 5}
    train(_run(scale, name, seed, **shape, steps=scale.products_steps))

    def measure():
        with jax.enable_x64(True):
            run = runs.load(name)
            params, data = trees.widened((run.state.params, run.data.train))
            loss_fn = run.objective.bind()
            ours = spectra.materialise(curvature.hessian(loss_fn, params, data))
            flat, unravel = ravel_pytree(params)
            twin = jax.jit(jax.hessian(lambda x, data: loss_fn(unravel(x), data)))
            theirs = np.asarray(twin(flat, data))
        return {"difference": np.array(np.abs(ours - theirs).max())}

    return float(stored(name, "products", {}, measure)["difference"])
