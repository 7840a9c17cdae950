"""One network trained from many initialisations (Sagun et al. 2016, figure 6)."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from analysis.programs import results
from analysis.studies.hessian.two_clusters import clusters, descended, network
from landscape import rng
from landscape.cli import Progress

DEVIATION = 0.2

RATE = 1.0
"""Ten times that of the other planar networks: so separable clusters allow it."""

TOGETHER = 50
"""Trainings between two saves."""


def measure(root: str, count: int, steps: int) -> dict[str, Any]:
    """The largest eigenvalue after each of `count` trainings of one network.

    That of `hessian_planar`, on two clusters of deviation 0.2. All start from the same
    distribution and descend until the gradient's norm is 1e-4, in at most `steps`.

    Returns:
      `largest`, a list; `unfinished`, the number of trainings that ran out of steps.
    """
    folder = Path(root) / "starts" / f"steps-{steps}"
    found = results.kept(folder)
    done = len(found.get("largest", ()))
    data = jax.device_put(clusters(DEVIATION, 0))
    loss_fn = network().bind()
    progress = Progress("starts", count, min(done, count), "training")
    while done < count:
        keys = jax.vmap(lambda i: rng.stream(0, "start", i))(done + np.arange(TOGETHER))
        largest, made = map(np.asarray, _trained(loss_fn, keys, data, steps))
        found = {
            "largest": np.concatenate([found.get("largest", largest[:0]), largest]),
            "made": np.concatenate([found.get("made", made[:0]), made]),
        }
        results.keep(folder, found)
        done += TOGETHER
        progress.update(min(done, count))
    progress.close()
    return {
        "largest": found["largest"][:count].tolist(),
        "unfinished": int((found["made"][:count] >= steps).sum()),
    }


@jax.jit
def _trained(loss_fn, keys, data, steps):
    """Of each initialisation: the largest eigenvalue at the end, and the steps."""
    model = network().model

    def one(key):
        params = model.init(key, data["image"][:1])["params"]
        params, made, _ = descended(loss_fn, params, data, RATE, steps)
        flat, unravel = ravel_pytree(params)
        matrix = jax.hessian(lambda x: loss_fn(unravel(x), data))(flat)
        return jnp.linalg.eigvalsh(matrix)[-1], made

    # In turn: under vmap all would take the steps of the slowest.
    return jax.lax.map(one, keys)
