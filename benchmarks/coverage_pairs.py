"""How often the stated errors of eigenpairs hold the exact eigenvalue.

    python -m benchmarks.coverage_pairs                 # 100 pairs a spectrum and dtype
    python -m benchmarks.coverage_pairs --pairs 20

Prescribed spectra, as diagonals and in random bases, and Hessians of small networks in
float32, against the eigenvalues of the same matrix or loss in float64: the five largest
and the five smallest of each. A unit is the dtype's precision times the largest
eigenvalue. "covered" is the percentage of pairs whose eigenvalue is within the stated
error; "wrong" counts values marked as converged that are off by more than the stated
error and 1e-6 of themselves; "off" is the median and the 99th percentile of the
deviation, "stated" the median stated error, both in units; "over" the median of the
stated error over the deviation (of 0.001 units at least). "looked" is the mean and the
largest number of products that the look for missed values added, "missed" the median of
the stated probability. A minute of CPU time.
"""

import argparse
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from analysis import curvature, spectra
from landscape.tables import format_table

ENDS = 5
"""Pairs of each end."""


def rotated(values, draw):
    """A symmetric matrix with these eigenvalues in a random basis."""
    basis = np.linalg.qr(draw.normal(size=(len(values),) * 2))[0]
    dense = (basis * values) @ basis.T
    return (dense + dense.T) / 2


def network(draw):
    """Eigenvalues over six decades, many zeros, a few negative ones."""
    return np.concatenate(
        [
            -(10.0 ** np.linspace(-6, -1.5, 20)),
            np.zeros(80),
            10 ** np.linspace(-6, 0, 50),
        ]
    )


def copies(draw):
    """A normal bulk, the largest values of which come in threes."""
    values = np.sort(draw.normal(size=150))
    return np.concatenate([values, np.repeat(values[-4:], 2)])


MATRICES = {
    "normal diagonal": lambda draw: np.diag(draw.normal(size=150)),
    "powers, diagonal": lambda draw: np.diag(10.0 ** draw.uniform(-6, 0, 150)),
    "threefold, diagonal": lambda draw: np.diag(copies(draw)),
    "like a network": lambda draw: rotated(network(draw), draw),
    "clusters": lambda draw: rotated(
        np.repeat([-2.0, -1.0, 0.0, 2.0, 5.0], [3, 10, 130, 4, 3]), draw
    ),
    "uniform": lambda draw: rotated(np.linspace(-1, 1, 150), draw),
}

LOSSES = {
    # Widths, activation, whether cross-entropy, scale of the weights, mean of inputs,
    # full-batch steps before.
    "tanh, cross-entropy": ((10, 12, 5), jnp.tanh, True, 1.0, 0.0, 0),
    "trained to certainty": ((10, 12, 5), jnp.tanh, True, 1.0, 0.0, 2000),
    "relu, three layers": ((10, 10, 10, 5), jax.nn.relu, True, 1.4, 0.0, 0),
    "tanh, five outputs": ((10, 12, 5), jnp.tanh, False, 1.0, 0.0, 0),
    "inputs of mean 20": ((10, 12, 5), jnp.tanh, True, 0.3, 20.0, 0),
    "gelu, three layers": ((10, 10, 10, 3), jax.nn.gelu, False, 1.5, 0.0, 0),
}


def loss_problem(name, draw):
    """Loss function, parameters and data of a small network, in float32."""
    widths, activation, entropy, scale, shift, steps = LOSSES[name]
    count = 100 if steps else 500
    params = [
        (scale * draw.normal(size=(a, b)) / np.sqrt(a), draw.normal(size=b) / 10)
        for a, b in pairwise(widths)
    ]
    labels = draw.integers(widths[-1], size=count)
    images = draw.normal(size=(widths[-1], 10))[labels] + draw.normal(size=(count, 10))
    batch = {"image": images + shift, "target": draw.normal(size=(count, widths[-1]))}

    def loss_fn(params, batch):
        x = batch["image"]
        for i, (kernel, bias) in enumerate(params):
            x = x @ kernel + bias
            x = activation(x) if i < len(params) - 1 else x
        if entropy:
            given = jax.nn.log_softmax(x)[jnp.arange(len(x)), batch["label"]]
            return -given.mean()
        return ((x - batch["target"]) ** 2).mean()

    params, batch = jax.tree.map(np.float32, (params, batch))
    batch |= {"label": labels.astype(np.int32)}
    step = jax.jit(
        lambda params: jax.tree.map(
            lambda x, g: x - g, params, jax.grad(loss_fn)(params, batch)
        )
    )
    for _ in range(steps):
        params = step(params)
    return loss_fn, jax.tree.map(np.asarray, params), batch


def widened(tree):
    """Its float32 arrays in float64."""
    return jax.tree.map(
        lambda x: x.astype(np.float64) if x.dtype == np.float32 else x, tree
    )


def matrix_case(name, seed, x64):
    """An operator, and its eigenvalues in float64, descending."""
    dtype = np.float64 if x64 else np.float32
    dense = MATRICES[name](np.random.default_rng(seed)).astype(dtype)
    return spectra.from_matrix(dense), np.linalg.eigvalsh(np.float64(dense))[::-1]


def loss_case(name, seed, x64):
    """The same of a Hessian."""
    loss_fn, params, batch = loss_problem(name, np.random.default_rng(seed))
    with jax.enable_x64(True):
        wide = curvature.hessian(loss_fn, *widened((params, batch)), check=False)
        values = np.linalg.eigvalsh(wide.to_dense())[::-1]
    return curvature.hessian(loss_fn, params, batch, check=False), values


def study(case, name, num_pairs, x64=False) -> tuple[list[str], np.ndarray]:
    """A row of the table, and [pairs, 2]: deviations and stated errors in units."""
    rows, wrong, looked, missed = [], 0, [], []
    for seed in range(-(-num_pairs // (2 * ENDS))):
        with jax.enable_x64(x64):
            op, values = case(name, seed, x64)
            plain, pairs = (
                spectra.top_eigenpairs(
                    op, ENDS, key=jax.random.key(seed), verify=verify
                )
                for verify in (False, True)
            )
        want = np.concatenate([values[:ENDS], values[-ENDS:]])
        off = np.abs(pairs.values - want)
        unit = float(np.finfo(op.dtype).eps) * np.abs(values).max()
        far = off > np.maximum(1e-6 * np.abs(want), pairs.errors)
        wrong += int((far & pairs.converged).sum())
        looked.append(pairs.products - plain.products)
        missed.append(pairs.miss_probability)
        rows += zip(off / unit, pairs.errors / unit, strict=True)
    found = np.array(rows)
    off, stated = found.T
    row = [
        name,
        "float64" if x64 else "float32",
        f"{100 * np.mean(off <= stated):.1f}",
        str(wrong),
        f"{np.median(off):.2g}, {np.quantile(off, 0.99):.2g}",
        f"{np.median(stated):.2g}",
        f"{np.median(stated / np.maximum(off, 1e-3)):.2g}",
        f"{np.mean(looked):.0f}, {max(looked)}",
        f"{np.median(missed):.1g}",
    ]
    return row, found


HEADER = [
    "spectrum", "dtype", "covered %", "wrong", "off", "stated", "over", "looked",
    "missed",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=100, help="of each spectrum")
    num_pairs = parser.parse_args().pairs
    cases = [(matrix_case, name, x64) for name in MATRICES for x64 in (False, True)]
    cases += [(loss_case, name, False) for name in LOSSES]
    results = [study(case, name, num_pairs, x64) for case, name, x64 in cases]
    print(format_table(HEADER, [row for row, _ in results]))
    off, stated = np.concatenate([found for _, found in results]).T
    print(
        f"\nof {len(off)} pairs {100 * np.mean(off <= stated):.2f} % are covered;"
        f" median overestimate {np.median(stated / np.maximum(off, 1e-3)):.2g}"
    )


if __name__ == "__main__":
    main()
