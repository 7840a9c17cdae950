"""Spectral density and top eigenpairs: this code, matfree and the PyTorch peers.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.spectra                     # everything
    python -m benchmarks.spectra accuracy density    # of: accuracy, density, top

density, top: MLP 784-300-100-10 with tanh after 300 steps on 4,096 images of Gaussian
clusters; 80 steps of Lanczos from one probe, and the 10 largest eigenvalues. accuracy:
a network of 2,410 parameters (64-32-10) after 1,500 steps on 1,437 digits, against the
exact spectrum in float64. Rivals alternate in one process; times are medians over 3
rounds; the first call (compilation) is reported apart. "error" of the top 10 is the
largest relative one, against scipy in float64, "products" those of the last run; of the
density the Wasserstein-1 distance from the exact spectrum over the largest eigenvalue.
PyHessian calls torch.eig, which PyTorch no longer has: it is given torch.linalg.eig; it
keeps the graph of one batch, but differentiates each batch of a loader again. Without
PyTorch its libraries are left out. About 10 minutes on 2 cores.
"""

import argparse
import warnings
from functools import partial
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.sparse.linalg
from scipy.stats import wasserstein_distance

from analysis import curvature, spectra
from benchmarks.timing import race
from landscape import data, models
from landscape.config import DenseRun
from landscape.objective import Objective
from landscape.tables import format_table

STEPS, TOP = 80, 10
TORCH = find_spec("torch") is not None


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


def density_rivals(problem, found, bounds):
    """Name to a call that leaves (nodes, weights) or (grid, values) in `found`."""
    from matfree import decomp

    objective, params, batch = problem
    keys = iter(jax.random.split(jax.random.key(1), 1000))

    def ours():
        # Linearising is part of the job.
        result = spectra.spectral_density(
            operator(problem), key=next(keys), num_steps=STEPS, num_probes=1
        )
        found["this code"] = result.nodes[0], result.weights[0]

    @jax.jit
    def matfree_tridiagonal(v, params, batch):
        grad = jax.grad(objective.data_loss)
        _, unravel = jax.flatten_util.ravel_pytree(params)

        def product(x):
            tangent = jax.jvp(lambda p: grad(p, batch), (params,), (unravel(x),))[1]
            return jax.flatten_util.ravel_pytree(tangent)[0]

        return decomp.tridiag_sym(STEPS)(product, v / jnp.linalg.norm(v))[1]

    def matfree():
        size = sum(x.size for x in jax.tree.leaves(params))
        v = jax.random.normal(next(keys), (size,))
        matrix = np.asarray(matfree_tridiagonal(v, params, batch), np.float64)
        nodes, vectors = np.linalg.eigh(matrix)
        found["matfree"] = nodes, vectors[0] ** 2

    rivals = {"this code": ours, "matfree": matfree}
    if not TORCH:
        return rivals
    net, pair, loss = torch_problem(params, batch)
    import curvlinops
    import hessian_eigenthings
    import pyhessian

    def theirs():
        op = hessian_eigenthings.HessianOperator(
            net, [pair], hessian_eigenthings.supervised_loss(loss)
        )
        result = hessian_eigenthings.spectral_density(
            op, num_runs=1, lanczos_steps=STEPS
        )
        found["hessian-eigenthings"] = result.grid, result.density

    def curv():
        op = curvlinops.HessianLinearOperator(
            net, loss, list(net.parameters()), [pair], check_deterministic=False
        )
        grid, values = curvlinops.lanczos_approximate_spectrum(
            op, STEPS, num_repeats=1, boundaries=bounds
        )
        found["curvlinops, bounds known"] = np.array(grid), np.array(values)

    def py(name, **given):
        op = pyhessian.hessian(net, loss, cuda=False, **given)
        nodes, weights = op.density(iter=STEPS, n_v=1)
        found[name] = np.array(nodes[0]), np.array(weights[0])

    pyhessians = {
        "PyHessian, a loader": {"dataloader": [pair]},
        "PyHessian, graph kept": {"data": pair},
    }
    return rivals | {
        "hessian-eigenthings": theirs,
        "curvlinops, bounds known": curv,
        **{name: partial(py, name, **given) for name, given in pyhessians.items()},
    }


def top_rivals(problem, found, products):
    """Name to a call that leaves the 10 largest eigenvalues in `found`.

    Where products are ours, their number is left in `products`.
    """
    _, params, batch = problem
    keys = iter(jax.random.split(jax.random.key(2), 1000))

    def ours(name, verify):
        pairs = spectra.top_eigenpairs(
            operator(problem), TOP, key=next(keys), which="largest", verify=verify
        )
        found[name], products[name] = pairs.values, pairs.products

    def scipy_product(name):
        op, calls = operator(problem).to_scipy(), []
        counted = scipy.sparse.linalg.LinearOperator(
            op.shape, lambda x: calls.append(1) or op.matvec(x), dtype=op.dtype
        )
        found[name] = scipy.sparse.linalg.eigsh(
            counted, TOP, which="LA", tol=1e-6, return_eigenvectors=False
        )
        products[name] = len(calls)

    rivals = {
        "this code": partial(ours, "this code", True),
        "this code, verify=False": partial(ours, "this code, verify=False", False),
        "scipy over our product": partial(scipy_product, "scipy over our product"),
    }
    if not TORCH:
        return rivals
    net, pair, loss = torch_problem(params, batch)
    import curvlinops
    import hessian_eigenthings

    def theirs():
        op = hessian_eigenthings.HessianOperator(
            net, [pair], hessian_eigenthings.supervised_loss(loss)
        )
        result = hessian_eigenthings.lanczos(
            op, k=TOP, max_iter=60, reorthogonalize=True, which="LA", tol=1e-6
        )
        found["hessian-eigenthings, 60 steps"] = np.array(result.eigenvalues)

    def curv():
        op = curvlinops.HessianLinearOperator(
            net, loss, list(net.parameters()), [pair], check_deterministic=False
        ).to_scipy()
        found["curvlinops, scipy"] = scipy.sparse.linalg.eigsh(
            op, TOP, which="LA", tol=1e-6, return_eigenvectors=False
        )

    return rivals | {
        "hessian-eigenthings, 60 steps": theirs,
        "curvlinops, scipy": curv,
    }


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


def show(title, times, errors, products=None):
    """Prints one table; ratios are over ours."""
    products = products or {}
    mine = times["this code"]
    rows = [
        [
            name,
            f"{t.wall:.2f}",
            f"{t.cpu:.2f}",
            f"{t.wall / mine.wall:.2f}",
            f"{t.cpu / mine.cpu:.2f}",
            f"{max(t.first - t.wall, 0):.1f}",
            f"{errors[name]:.1e}" if name in errors else "-",
            str(products.get(name, "-")),
        ]
        for name, t in times.items()
    ]
    header = [title, "wall s", "CPU s", "wall", "CPU", "compile s", "error", "products"]
    print(format_table(header, rows), end="\n\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="accuracy, density, top")
    cases = parser.parse_args().cases or ["accuracy", "density", "top"]
    # Peers' own: scripting, deprecated calls, complex values cast.
    warnings.simplefilter("ignore")
    if TORCH:
        compatible_torch()
    if "accuracy" in cases:
        problem, found = small(), {}
        with jax.enable_x64(True):
            values = spectra.eigenvalues(operator(in_float64(problem)))
        bounds = (float(values[0]), float(values[-1]))
        times = race(density_rivals(problem, found, bounds), 3)
        errors = {name: distance(pair, values) for name, pair in found.items()}
        show("density, 2,410 parameters", times, errors)
        times = race(top_rivals(problem, found := {}, products := {}), 3)
        errors = top_errors(found, values[::-1])
        show("top 10, 2,410 parameters", times, errors, products)
    problem = large() if {"density", "top"} & set(cases) else None
    if "density" in cases:
        reference = float(reference_top(problem)[0])
        times = race(density_rivals(problem, {}, (-0.1 * reference, reference)), 3)
        show("density, 266,610 parameters", times, {})
    if "top" in cases:
        times = race(top_rivals(problem, found := {}, products := {}), 3)
        errors = top_errors(found, reference_top(problem))
        show("top 10, 266,610 parameters", times, errors, products)


def top_errors(found, values):
    """The largest relative error of each rival's 10."""
    best = values[:TOP]
    return {
        name: (np.abs(np.sort(x)[::-1][:TOP] - best) / best).max()
        for name, x in found.items()
    }


if __name__ == "__main__":
    main()
