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
from landscape.cli import limit_compiled_programs

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
    """The `top` largest and `bottom` smallest eigenvalues, outermost first."""
    if exact:
        values = everything(name)
        smallest = values[::-1][:bottom]
        return {"largest": values[:top].tolist(), "smallest": smallest.tolist()}

    def measure():
        op = hessian(name)
        large, small = (
            top_eigenpairs(
                op, min(count, op.size), which=which, tol=tol,
                key=rng.stream(0, f"edge-{which}"),
            )
            for which, count, tol in (
                ("largest", top, TOLERANCE), ("smallest", bottom, 1e-3)
            )
        )  # fmt: skip
        return {"largest": large.values, "smallest": small.values[::-1]}

    found = stored(name, "edges", {"top": top, "bottom": bottom}, measure)
    return {key: value.tolist() for key, value in found.items()}


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
