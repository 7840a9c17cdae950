"""Hessians for `benchmarks.spectra`: networks, the same in PyTorch, exact values."""

import jax
import numpy as np
import optax
import scipy.sparse.linalg
from scipy.stats import wasserstein_distance

from analysis import curvature
from landscape import data, models
from landscape.config import DenseRun
from landscape.objective import Objective

TOP = 10


def large():
    """MLP 784-300-100-10 on clusters."""
    draw = np.random.default_rng(0)
    labels = draw.integers(10, size=4096).astype(np.int32)
    centres = draw.normal(size=(10, 784))
    images = (centres[labels] + 3 * draw.normal(size=(4096, 784))).astype(np.float32)
    return trained((300, 100), {"image": images, "label": labels}, 300)


def small():
    """64-32-10 on digits: 2,410 parameters."""
    digits = data.load(DenseRun()).train
    batch = {name: np.asarray(digits[name]) for name in ("image", "label")}
    batch["image"] = batch["image"].reshape(len(batch["label"]), -1)
    return trained((32,), batch, 1500)


def trained(widths, batch, steps):
    """A tanh network after full-batch steps: objective, parameters, data."""
    shape = batch["image"].shape[1:]
    model = models.create("mlp", shape, 10, widths, "tanh")
    params, _ = models.init(model, jax.random.key(0), shape)
    objective, batch = Objective(model), jax.device_put(batch)
    optimizer = optax.sgd(0.1, momentum=0.9)

    @jax.jit
    def fit(params, batch):
        def step(_, carry):
            params, state = carry
            grads = jax.grad(objective.data_loss)(params, batch)
            updates, state = optimizer.update(grads, state)
            return optax.apply_updates(params, updates), state

        return jax.lax.fori_loop(0, steps, step, (params, optimizer.init(params)))[0]

    return objective, fit(params, batch), batch


def torch_problem(params, batch):
    """The same network, data and loss in PyTorch."""
    import torch
    from torch import nn

    layers = []
    for name in sorted(params):
        kernel, bias = (np.array(params[name][k]) for k in ("kernel", "bias"))
        linear = nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(kernel.T.copy()))
            linear.bias.copy_(torch.tensor(bias))
        layers += [linear, nn.Tanh()]
    net = nn.Sequential(*layers[:-1])
    images = torch.tensor(np.array(batch["image"]))
    labels = torch.tensor(np.array(batch["label"])).long()
    return net, (images, labels), nn.CrossEntropyLoss()


def operator(problem):
    """Our operator of the problem's Hessian, linearised."""
    objective, params, batch = problem
    return curvature.hessian(objective.bind(), params, batch, check=False)


def in_float64(problem):
    """The problem with parameters and data in float64; inside `enable_x64`."""
    objective, params, batch = problem
    wide = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    images = np.asarray(batch["image"], np.float64)
    return objective, wide, {"image": images, "label": np.asarray(batch["label"])}


def reference_top(problem):
    """The 10 largest eigenvalues in float64, descending."""
    with jax.enable_x64(True):
        op = operator(in_float64(problem)).to_scipy()
        found = scipy.sparse.linalg.eigsh(op, TOP, which="LA", tol=1e-12)[0]
    return np.sort(found)[::-1]


def distance(found, values):
    """Wasserstein-1 from the exact eigenvalues, over the largest."""
    nodes, mass = found
    mass = np.clip(mass, 0, None)
    return wasserstein_distance(nodes, values, mass / mass.sum()) / values.max()


def compatible_torch():
    """Defines torch.eig, which PyHessian calls and PyTorch has removed."""
    import torch

    def eig(matrix, eigenvectors=True):
        values, vectors = torch.linalg.eig(matrix)
        return torch.view_as_real(values), vectors.real

    torch.eig = eig
