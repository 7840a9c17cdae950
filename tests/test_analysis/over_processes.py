"""Products and a training in float64; a test runs them in one process and in two."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np

from analysis import curvature, paths, spectra
from landscape import rng
from tests.test_analysis import over_devices


def loss_fn(params, batch):
    outputs = jnp.tanh(batch["image"] @ params["a"]) @ params["b"]
    return ((outputs - batch["label"]) ** 2).sum(1).mean()


def numbers(mesh):
    """Of H v, of eigenvalues and a density, and of a curve after 20 steps: lists."""
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
    # On a mesh each device keeps its part of the vectors.
    pairs, density = over_devices.spectrum(op if mesh is None else spectra.sharded(op))
    assert pairs.converged.all()
    found = {
        "product": op.matvec(np.cos(np.arange(32))),
        "curve": np.concatenate([np.ravel(x) for x in fit.path.points[1].values()]),
        "eigenvalues": pairs.values,
        "nodes": density.nodes,
        "weights": density.weights,
    }
    return {name: np.asarray(x).tolist() for name, x in found.items()}


def assert_same(found, expected):
    """What `numbers` returned twice is the same to rounding."""
    one, other = (
        {name: np.asarray(x) for name, x in each.items()} for each in (found, expected)
    )
    for name, tolerance in {
        "product": 1e-12,
        "curve": 1e-12,
        "eigenvalues": 1e-11,
    }.items():
        over_devices.assert_close(one[name], other[name], tolerance)
    densities = (SimpleNamespace(**each) for each in (one, other))
    assert over_devices.distance(*densities) < 1e-8
