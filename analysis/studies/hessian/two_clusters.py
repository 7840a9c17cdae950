"""Two Gaussian clusters in the plane (Sagun, Bottou and LeCun 2016, figures 3 and 7).

Their centres are given, (1, 1) and (-1, -1), and nothing is standardised, so these data
are not those of the data set blobs: they are made, and trained on, here.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis import curvature, spectra
from analysis.studies.hessian.scales import Plane
from landscape import models, rng, trees
from landscape.aliases import Batch, LossFn, Params
from landscape.cli import limit_compiled_programs
from landscape.disk.files import read_json, write_atomically
from landscape.objective import Objective

RATE = 0.1
GRADIENT_NORM = 1e-4


def measure(scale: Plane, root: str, seeds: range) -> dict[str, list[dict[str, Any]]]:
    """Standard deviation -> seeds: steps made, gradient norm, all 162 eigenvalues.

    Gradient descent from one initialisation a seed, until the gradient's norm is 1e-4
    or the scale's steps are made.
    """
    return {
        f"{std:g}": [_one(scale, Path(root), std, seed) for seed in seeds]
        for std in scale.stds
    }


def _one(scale: Plane, root: Path, std: float, seed: int) -> dict[str, Any]:
    steps = scale.steps
    path = root / "planar" / f"deviation-{std:g}-seed-{seed}-steps-{steps}.json"
    if path.exists():
        return read_json(path, "remove it, and it is computed again")
    limit_compiled_programs()
    print(path.with_suffix(""), file=sys.stderr, flush=True)
    data = clusters(scale.per_cluster, std, seed)
    objective = network(scale.hidden)
    params, _ = models.init(objective.model, rng.stream(seed, "init"), (2,))
    loss_fn = objective.bind()
    params, made, norm = gradient_descent(loss_fn, params, data, RATE, steps)
    values = spectra.eigenvalues(curvature.hessian(loss_fn, params, data))[::-1]
    found = {
        "steps": int(made), "gradient_norm": float(norm), "values": values.tolist()
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(found))
    return found


def network(hidden: int) -> Objective:
    """The cross-entropy of a ReLU network 2-hidden-hidden-2; 10: 162 parameters."""
    return Objective(models.create("mlp", (2,), 2, (hidden, hidden), "relu"))


def clusters(per_cluster: int, std: float, seed: int) -> dict[str, np.ndarray]:
    """Points around (1, 1), of label 0, and as many around (-1, -1), of label 1.

    >>> clusters(100, 1.0, 0)["image"].shape
    (200, 2)
    """
    label = np.arange(2 * per_cluster) % 2
    noise = np.random.default_rng(seed).normal(size=(len(label), 2))
    image = (1 - 2 * label)[:, None] + std * noise
    return {"image": image.astype(np.float32), "label": label.astype(np.int32)}


@jax.jit
def gradient_descent(
    loss_fn: LossFn, params: Params, data: Batch, rate: float, steps: int
) -> tuple[Params, jax.Array, jax.Array]:
    """Gradient descent until the gradient's norm is 1e-4 or `steps` are made.

    Returns:
      params, the steps made, and the gradient's norm.
    """

    def gradient(params):
        found = jax.grad(loss_fn)(params, data)
        return found, trees.norm(found)

    def unfinished(carry):
        _, _, norm, made = carry
        return (norm > GRADIENT_NORM) & (made < steps)

    def step(carry):
        params, grads, _, made = carry
        params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
        return params, *gradient(params), made + 1

    params, _, norm, made = jax.lax.while_loop(
        unfinished, step, (params, *gradient(params), jnp.int32(0))
    )
    return params, made, norm
