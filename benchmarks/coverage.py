"""How often two stated errors hold the exact value: densities and XTrace.

    python -m benchmarks.coverage                   # everything, 1,000 keys a row
    python -m benchmarks.coverage density --num-keys 200 --sizes 20 200
    python -m benchmarks.coverage xtrace

Diagonal matrices, whose spectra are known; the starts are random, so that a diagonal
is as good as any other basis. A row is one spectrum, dtype, number of probes and so on.
"covered" is the percentage of keys for which the exact value is within two stated
errors, or within rounding, of the estimate; "bias" the mean deviation over the mean
stated error (of 1,000 keys it varies by about .03). "exact" is the percentage of keys
with a deviation of rounding alone. About an hour on 2 busy cores.
"""

import argparse
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis import spectra
from benchmarks.many_quadratures import diagonal, quadratures
from landscape.tables import format_table

BYTES = 2**23
"""Of the bases of the probes that run together, so that a cache holds them."""

SHARE = 1e-3
"""Near zero: at most this fraction of the largest eigenvalue."""


class Row(NamedTuple):
    """Of one quantity: see the header.

    Attributes:
      covered, exact: fractions of keys.
      bias: in stated errors.
    """

    covered: float
    bias: float
    exact: float


def densities(
    op, num_keys, num_steps, num_probes, pairs=None
) -> Iterator[spectra.Density]:
    """Densities of as many independent keys."""
    values = np.asarray(op.matvec.args[0])
    locked = None if pairs is None else pairs.vectors[np.flatnonzero(pairs.converged)]
    each = min(num_steps, op.size) * op.size * op.dtype.itemsize * num_probes
    at_once = max(1, min(num_keys, BYTES // each))
    draw = np.random.default_rng([num_probes, zlib.crc32(values.tobytes())])
    for start in range(0, num_keys, at_once):
        keys = min(at_once, num_keys - start)
        found = quadratures(op, draw, num_steps, keys * num_probes, locked)
        for i in range(keys):
            mine = found[i * num_probes : (i + 1) * num_probes]
            yield spectra.density_from_probes(op, mine, pairs)


def density_rows(values, num_keys, num_steps, num_probes, pairs=0) -> dict[str, Row]:
    """Trace, second moment and share near zero of one spectrum."""
    op = diagonal(values)
    exact = np.asarray(jnp.asarray(values, float), np.float64)
    known = None
    if pairs:
        known = spectra.top_eigenpairs(
            op, pairs, key=jax.random.key(1), which="magnitude"
        )
    tol = SHARE * np.abs(exact).max()
    found = {"trace": [], "second moment": [], "share near zero": []}
    for density in densities(op, num_keys, num_steps, num_probes, known):
        found["trace"].append(spectra.trace(density))
        found["second moment"].append(spectra.moment(density, 2))
        found["share near zero"].append(spectra.fraction_below(density, tol))
    eps = 100 * float(np.finfo(op.dtype).eps)
    wanted = {
        "trace": (exact.sum(), eps * np.abs(exact).sum()),
        "second moment": (np.mean(exact**2), eps * np.mean(exact**2)),
        "share near zero": (np.mean(np.abs(exact) <= tol), eps),
    }
    return {name: row(found[name], *wanted[name]) for name in found}


def xtrace_row(values, num_keys, num_products) -> Row:
    """XTrace of one spectrum."""
    op = diagonal(values)
    exact = np.asarray(jnp.asarray(values, float), np.float64)
    keys = range(num_keys)
    found = [spectra.xtrace(op, num_products, key=jax.random.key(i)) for i in keys]
    eps = 100 * float(np.finfo(op.dtype).eps)
    return row(found, exact.sum(), eps * np.abs(exact).sum())


def row(found, exact, rounding) -> Row:
    """The row of estimates with a value and an error."""
    off = np.array([each.value for each in found]) - exact
    errors = np.array([each.error for each in found])
    close = np.abs(off) <= rounding
    covered = np.abs(off) <= 2 * errors + rounding
    bias = 0.0 if close.all() else off.mean() / errors.mean()
    return Row(float(covered.mean()), float(bias), float(close.mean()))


def density_spectra(size) -> dict[str, np.ndarray]:
    """Multiplicities, clusters, outliers and a bulk; `size` eigenvalues each."""
    draw = np.random.default_rng(0)
    found = {}
    for times in (1, 2, 3, 5, 10):
        found[f"{times} x 5, rest 0"] = np.r_[
            np.full(times, 5.0), np.zeros(size - times)
        ]
    tail = 1 / np.arange(1, size + 1.0)
    for times in (1, 2, 3, 5, 10):
        found[f"1/k, each {times} times"] = np.repeat(tail, times)[:size]
    near = 1 + 1e-6 * np.arange(3)
    clusters = np.concatenate([level * near for level in (9, 7, 4, 2)])
    rest = draw.uniform(0, 1, size - len(clusters))
    found["clusters of 1e-6, bulk"] = np.concatenate([clusters, rest])
    found["outliers, bulk"] = np.r_[30, 12, 10, draw.normal(size=size - 3)]
    return found


def xtrace_spectra(size) -> dict[str, np.ndarray]:
    """From flat to low rank, of one sign and of two."""
    draw = np.random.default_rng(0)
    ranks = np.arange(1, size + 1.0)
    return {
        "flat": np.linspace(0.5, 1, size),
        "1/k": 1 / ranks,
        "1/k^2": ranks**-2,
        "0.7^k": 0.7**ranks,
        "outliers, bulk": np.r_[30, 12, 10, draw.normal(size=size - 3)],
        "negative": -(np.linspace(0, 1, size) ** 2),
        "rank 5": np.r_[5, 5, 3, 2, 1, np.zeros(size - 5)],
    }


def cells(row: Row) -> list[str]:
    """As text."""
    return [f"{100 * row.covered:.1f}", f"{row.bias:+.2f}", f"{100 * row.exact:.0f}"]


def worst(rows: list[Row]) -> list[str]:
    """The smallest coverage and the largest bias of several spectra, as text."""
    covered, bias, exact = zip(*rows, strict=True)
    exact = 100 * np.mean(np.array(exact) == 1)
    return [f"{100 * min(covered):.1f}", f"{max(map(abs, bias)):.2f}", f"{exact:.0f}"]


def show(heads: list[str], names: list[str], found: list[tuple]) -> None:
    """The rows of all spectra, and the worst of those that differ by spectrum alone.

    Args:
      heads: of what a row is, the spectrum second.
      names: of the quantities.
      found: heads' values and a `Row` for each quantity.
    """
    columns = ["covered %", "bias", "exact %"]
    header = [f"{name}: {column}" for name in names for column in columns]
    lines = [[*head, *chain.from_iterable(map(cells, rows))] for head, *rows in found]
    print(format_table([*heads, *header], lines), end="\n\n")
    groups: dict[tuple, list] = {}
    for head, *rows in found:
        groups.setdefault((head[0], *head[2:]), []).append(rows)
    lines = []
    for head, rows in groups.items():
        columns = map(worst, map(list, zip(*rows, strict=True)))
        lines.append([*head, *chain.from_iterable(columns)])
    print("The worst spectrum of each; exact: the percentage of spectra.")
    print(format_table([heads[0], *heads[2:], *header], lines), end="\n\n", flush=True)


def density_cases(sizes) -> Iterator[tuple[int, bool, int, int]]:
    """Size, float64, probes, pairs."""
    for size in sizes:
        for x64 in (False, True):
            yield size, x64, 10, 0
            yield size, x64, 10, 4
        if size < 2000:
            yield size, False, 3, 0
            yield size, False, 1, 0


def show_density(num_keys: int, sizes: list[int]) -> None:
    """The tables of densities."""
    lines = []
    for size, x64, probes, pairs in density_cases(sizes):
        for name, values in density_spectra(size).items():
            with jax.enable_x64(x64):
                found = density_rows(values, num_keys, min(size, 40), probes, pairs)
            dtype = "float64" if x64 else "float32"
            head = [f"{size}", name, dtype, f"{probes}", f"{pairs}"]
            lines.append((head, *found.values()))
    heads = ["n", "spectrum", "dtype", "probes", "pairs"]
    show(heads, ["trace", "moment", "share"], lines)


def show_xtrace(num_keys: int, sizes: list[int]) -> None:
    """The tables of XTrace."""
    lines = []
    for size in sizes:
        for products in (4, 6, 8, 16, 40):
            for name, values in xtrace_spectra(size).items():
                if products // 2 < size:
                    found = xtrace_row(values, num_keys, products)
                    lines.append(([f"{size}", name, f"{products}"], found))
    show(["n", "spectrum", "products"], ["xtrace"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="density, xtrace")
    parser.add_argument("--num-keys", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 200, 2000])
    args = parser.parse_args()
    cases = args.cases or ["density", "xtrace"]
    if "density" in cases:
        show_density(args.num_keys, args.sizes)
    if "xtrace" in cases:
        show_xtrace(args.num_keys, args.sizes)


if __name__ == "__main__":
    main()
