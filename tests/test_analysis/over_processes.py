"""A product and a training in float64; a test runs them in one process and in two."""

import jax
import jax.numpy as jnp
import numpy as np

from analysis import curvature, paths
from landscape import rng


def loss_fn(params, batch):
    outputs = jnp.tanh(batch["image"] @ params["a"]) @ params["b"]
    return ((outputs - batch["label"]) ** 2).sum(1).mean()


def numbers(mesh):
    """Of H v, and of the middle of a curve after 20 steps; a list."""
    draw = np.random.default_rng(0)
    ends = [
        {"a": draw.normal(size=(5, 4)), "b": draw.normal(size=(4, 3))} for _ in "ab"
    ]
    # The last one does not divide.
    batch = {"image": draw.normal(size=(25, 5)), "label": draw.normal(size=(25, 3))}
    op = curvature.hessian(loss_fn, ends[0], batch, mesh=mesh, check=False)
    fit = paths.fit(
        paths.straight(*ends, 2), loss_fn, batch, rng.stream(0, "curve"),
        num_steps=20, batch_size=8, mesh=mesh,
    )  # fmt: skip
    found = op.matvec(np.cos(np.arange(32))), fit.path.points[1]
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(found)]).tolist()
