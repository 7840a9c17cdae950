"""Time to a spectral density of equal error: this code and matfree.

    pip install matfree
    python -m benchmarks.equal_error                # both networks, 10 keys
    python -m benchmarks.equal_error --keys 3

Networks of 64-32-10 (cross-entropy, digits, 2,410 parameters) and of 64-32-5 (squared
error of five outputs, 2,245 parameters) after 1,500 steps, against their exact spectra
in float64. "error" is the Wasserstein-1 distance from the exact spectrum over the
largest eigenvalue, the mean over keys. matfree's plain quadrature of 80 steps is
averaged over as many probes as it takes for the error of ours, which uses what several
probes together know of multiplicities; its time is that of a probe times their number.
"over" tells that the number given is not enough. About 2 minutes on 2 cores.
"""

import argparse
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from analysis import curvature, spectra
from benchmarks.spectra_problems import distance, small
from benchmarks.timing import race
from landscape.tables import format_table

STEPS = 80
PROBES = (1, 2, 3, 5, 10)
MOST = 200
"""Probes of matfree."""


def regression():
    """Loss, parameters and data: 64-32-5 with tanh after training."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(1437, 64)) * np.arange(1, 65) ** -0.5
    hidden = np.tanh(x @ draw.normal(size=(64, 16)) / 4)
    y = hidden @ draw.normal(size=(16, 5)) / 4 + 0.1 * draw.normal(size=(1437, 5))
    batch = {"x": jnp.asarray(x, "float32"), "y": jnp.asarray(y, "float32")}
    shapes = {"a": (64, 32), "b": (32,), "c": (32, 5), "d": (5,)}
    params = {
        name: jnp.asarray(draw.normal(size=shape) / np.sqrt(shape[0]), "float32")
        for name, shape in shapes.items()
    }

    def loss(params, batch):
        hidden = jnp.tanh(batch["x"] @ params["a"] + params["b"])
        return jnp.mean((hidden @ params["c"] + params["d"] - batch["y"]) ** 2)

    optimizer = optax.sgd(0.05, momentum=0.9)

    @jax.jit
    def fit(params):
        def step(_, carry):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params, batch), state)
            return optax.apply_updates(params, updates), state

        return jax.lax.fori_loop(0, 1500, step, (params, optimizer.init(params)))[0]

    return loss, fit(params), batch


def classification():
    """Loss, parameters and data of the network of `benchmarks.spectra_problems`."""
    objective, params, batch = small()
    return objective.bind(), params, batch


def exact(loss, params, batch):
    """All eigenvalues, ascending."""
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
        batch = {
            name: np.asarray(x, np.float64) if x.dtype.kind == "f" else np.asarray(x)
            for name, x in batch.items()
        }
        return spectra.eigenvalues(curvature.hessian(loss, params, batch, check=False))


def matfree_probe(loss, params, batch):
    """A function of a key to nodes and weights."""
    from matfree import decomp

    flat, unravel = ravel_pytree(params)

    @jax.jit
    def tridiagonal(v, params, batch):
        def product(x):
            grad = jax.grad(loss)
            tangent = jax.jvp(lambda p: grad(p, batch), (params,), (unravel(x),))[1]
            return ravel_pytree(tangent)[0]

        return decomp.tridiag_sym(STEPS)(product, v / jnp.linalg.norm(v))[1]

    def probe(key):
        v = jax.random.normal(key, flat.shape)
        matrix = np.asarray(tridiagonal(v, params, batch), np.float64)
        nodes, vectors = np.linalg.eigh(matrix)
        return nodes, vectors[0] ** 2

    return probe


def pooled(parts):
    """Nodes and weights of several probes."""
    return np.concatenate([x[0] for x in parts]), np.concatenate([x[1] for x in parts])


def rows_of(title, problem, num_keys):
    """A row for each number of our probes."""
    values, probe = exact(*problem), matfree_probe(*problem)
    loss, params, batch = problem

    def ours(key, count):
        # Linearising is part of the job.
        op = curvature.hessian(loss, params, batch, check=False)
        found = spectra.spectral_density(op, key=key, num_steps=STEPS, num_probes=count)
        return found.nodes.ravel(), found.weights.ravel()

    theirs = [probe(jax.random.fold_in(jax.random.key(1), i)) for i in range(MOST)]

    def their_error(count):
        groups = islice(range(0, MOST - count + 1, count), num_keys)
        return np.mean(
            [distance(pooled(theirs[i : i + count]), values) for i in groups]
        )

    keys = iter(jax.random.split(jax.random.key(2), 1000))
    calls = {f"{p}": lambda p=p: ours(next(keys), p) for p in PROBES}
    times = race(calls | {"matfree": lambda: probe(next(keys))}, 3)
    lines = []
    for count in PROBES:
        errors = [distance(ours(next(keys), count), values) for _ in range(num_keys)]
        enough = (q for q in range(1, MOST + 1) if their_error(q) <= np.mean(errors))
        theirs_count = next(enough, None)
        used = MOST if theirs_count is None else theirs_count
        mine, other = times[f"{count}"], times["matfree"]
        over = "over " if theirs_count is None else ""
        errors = f"{np.mean(errors):.1e}", f"{their_error(count):.1e}"
        seconds = f"{mine.wall:.2f}", f"{mine.cpu:.2f}"
        ratios = (used * x / y for x, y in zip(other[1:], mine[1:], strict=True))
        ratios = (f"{ratio:.1f}" for ratio in ratios)
        lines.append([title, f"{count}", *errors, *seconds, f"{over}{used}", *ratios])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=10)
    keys = parser.parse_args().keys
    problems = {"64-32-10": classification(), "64-32-5": regression()}
    lines = []
    for title, problem in problems.items():
        lines += rows_of(title, problem, keys)
    header = ["network", "probes", "error", "matfree's", "wall s", "CPU s"]
    header += ["matfree's probes for it", "its wall", "CPU"]
    print(format_table(header, lines))


if __name__ == "__main__":
    main()
