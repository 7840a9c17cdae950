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

import jax
import numpy as np

from analysis import spectra
from benchmarks.spectra_problems import (
    TOP,
    compatible_torch,
    distance,
    in_float64,
    large,
    operator,
    reference_top,
    small,
)
from benchmarks.spectra_rivals import TORCH, density_rivals, top_rivals
from benchmarks.timing import race
from landscape.tables import format_table


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
