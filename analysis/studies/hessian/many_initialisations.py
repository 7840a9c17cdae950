"""One network trained from many initialisations (Sagun et al. 2016, figure 6)."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from analysis.programs import results
from analysis.studies.hessian.scales import Plane
from analysis.studies.hessian.two_clusters import clusters, gradient_descent, network
from landscape import rng
from landscape.cli import Progress

STD = 0.2

RATE = 1.0
"""Ten times that of the other planar networks: clusters so separable allow it."""


def measure(scale: Plane, root: str) -> dict[str, Any]:
    """The largest eigenvalue after each training of one network.

    That of `two_clusters`, on clusters of standard deviation 0.2. All initialisations
    are of one distribution; gradient descent runs until the gradient's norm is 1e-4, in
    at most the scale's steps.

    Returns:
      `largest`, a list; `unfinished`, the number of trainings that ran out of steps.
    """
    count, steps = scale.initialisations, scale.steps
    folder = Path(root) / "starts" / f"steps-{steps}"
    found = results.kept(folder)
    done = len(found.get("largest", ()))
    data = jax.device_put(clusters(scale.per_cluster, STD, 0))
    objective = network(scale.hidden)
    loss_fn = objective.bind()
    progress = Progress("initialisations", count, min(done, count), "training")
    while done < count:
        indices = done + np.arange(scale.per_save)
        keys = jax.vmap(lambda i: rng.stream(0, "start", i))(indices)
        found_now = _trained(objective.model, loss_fn, keys, data, steps)
        largest, made = map(np.asarray, found_now)
        found = {
            "largest": np.concatenate([found.get("largest", largest[:0]), largest]),
            "made": np.concatenate([found.get("made", made[:0]), made]),
        }
        results.keep(folder, found)
        done += scale.per_save
        progress.update(min(done, count))
    progress.close()
    return {
        "largest": found["largest"][:count].tolist(),
        "unfinished": int((found["made"][:count] >= steps).sum()),
    }


@partial(jax.jit, static_argnums=0)
def _trained(model, loss_fn, keys, data, steps):
    """Of each initialisation: the largest eigenvalue at the end, and the steps."""

    def one(key):
        params = model.init(key, data["image"][:1])["params"]
        params, made, _ = gradient_descent(loss_fn, params, data, RATE, steps)
        flat, unravel = ravel_pytree(params)
        matrix = jax.hessian(lambda x: loss_fn(unravel(x), data))(flat)
        return jnp.linalg.eigvalsh(matrix)[-1], made

    # Sequential: under vmap all would take the steps of the slowest.
    return jax.lax.map(one, keys)
