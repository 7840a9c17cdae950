"""What the study of paper 3 measures of one run; each measurement is stored with it.

Where all eigenvalues are found anyway (`exact`), the others are read off them.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis import curvature, spectra
from analysis.programs import results
from analysis.spectra import NEAR_ZERO, NEGATIVE, top_eigenpairs, xtrace
from landscape import rng, runs
from landscape.cli import activity, limit_compiled_programs

Arrays = dict[str, np.ndarray]

TOLERANCE = 1e-5
"""Of the eigenvalues at the edges, relative."""

MEMORY = 2**34
"""Bytes that a matrix may take whose negative eigenvalues are counted."""


def stored(
    name: str, what: str, settings: dict[str, Any], measure: Callable[[], Arrays]
) -> Arrays:
    """The arrays that `measure()` returns, or those it returned for `name` before."""
    folder = results.folder("hessian-study", [what], [runs.parse(name)], settings)
    found = results.kept(folder)
    if not found:
        limit_compiled_programs()
        print(f"{name}: {what}", file=sys.stderr, flush=True)
        with activity(what):
            found = measure()
        results.keep(folder, found)
    return found


def hessian(name: str) -> curvature.Operator:
    """Of a run's data loss over its training split."""
    run = runs.load(name)
    loss_fn = run.objective.bind(run.state.batch_stats)
    return curvature.hessian(loss_fn, run.state.params, run.data.train)


def edges(
    name: str, top: int, bottom: int = 2, *, exact: bool = False
) -> dict[str, list[float]]:
    """The `top` largest and `bottom` smallest eigenvalues, outermost first.

    Each with its error and whether it has converged: `largest`, `largest_errors`,
    `largest_converged`, and the same of `smallest`.
    """
    counts = {"largest": top, "smallest": bottom}
    if exact:
        values = everything(name)
        ends = {"largest": values, "smallest": values[::-1]}
        error = 20 * float(np.finfo(np.float32).eps) * float(np.abs(values).max())
        found = {}
        for end, count in counts.items():
            found[end] = ends[end][:count]
            found[f"{end}_errors"] = np.full(len(found[end]), error)
            found[f"{end}_converged"] = np.full(len(found[end]), True)
        return {key: value.tolist() for key, value in found.items()}

    def measure():
        op, found = hessian(name), {}
        for end, tol in (("largest", TOLERANCE), ("smallest", 1e-3)):
            pairs = top_eigenpairs(
                op, min(counts[end], op.size), which=end, tol=tol,
                key=rng.stream(0, f"edge-{end}"),
            )  # fmt: skip
            # Outermost first.
            order = slice(None, None, 1 if end == "largest" else -1)
            found[end] = pairs.values[order]
            found[f"{end}_errors"] = pairs.errors[order]
            found[f"{end}_converged"] = pairs.converged[order]
        return found

    settings = {"top": top, "bottom": bottom, "errors": True}
    found = stored(name, "edges", settings, measure)
    return {key: value.tolist() for key, value in found.items()}


def known(found: dict[str, Any], end: str, count: int | None = None) -> bool:
    """Whether the outermost `count` eigenvalues of an end (default: all) are known.

    >>> known({"largest": [3.0, 2.0], "largest_converged": [True, False]}, "largest", 1)
    True
    """
    return all(found.get(f"{end}_converged", [True])[:count])


def mean(name: str, *, exact: bool = False) -> float:
    """The mean eigenvalue; if not exact, by about 60 products."""
    if exact:
        return float(everything(name).mean())

    def measure():
        op = hessian(name)
        trace = xtrace(op, min(60, op.size), key=rng.stream(0, "trace")).value
        return {"mean": np.array(trace / op.size)}

    return float(stored(name, "mean", {}, measure)["mean"])


def near_zero(name: str, *, exact: bool = False) -> float:
    """The fraction of eigenvalues below a thousandth of the largest in magnitude."""
    if exact:
        values = everything(name)
        return float((np.abs(values) < NEAR_ZERO * values[0]).mean())

    def measure():
        op = hessian(name)
        dense, scale = spectra.materialise(op), _largest(op)
        low, high = (
            spectra.inertia(dense, shift * scale).negative / op.size
            for shift in (-NEAR_ZERO, NEAR_ZERO)
        )
        return {"share": np.array(high - low)}

    return float(stored(name, "near-zero", {}, measure)["share"])


def negative(name: str) -> float:
    """The fraction of eigenvalues below -1e-5 of the largest."""

    def measure():
        op = hessian(name)
        found = spectra.inertia(op, -NEGATIVE * _largest(op), memory=MEMORY)
        return {"share": np.array(found.negative / op.size)}

    return float(stored(name, "negative", {}, measure)["share"])


def _largest(op: curvature.Operator) -> float:
    key = rng.stream(0, "edge-largest")
    # A scale: of one value no copy matters.
    found = top_eigenpairs(op, 1, key=key, which="largest", verify=False)
    return float(found.values[0])


def everything(name: str) -> np.ndarray:
    """All eigenvalues, descending."""

    def measure():
        return {"all": spectra.eigenvalues(hessian(name))[::-1]}

    return stored(name, "all", {}, measure)["all"]


def negative_of(values: np.ndarray) -> float:
    """As `negative`, of all eigenvalues, descending.

    >>> negative_of(np.array([1.0, 1e-4, 0.0, -0.1]))
    0.25
    """
    return float((values < -NEGATIVE * values[0]).mean())
