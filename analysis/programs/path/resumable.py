"""Paths and planes in pieces that are saved: an interruption loses at most one."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from analysis import paths, planes
from analysis.evaluation import evaluate, placed
from analysis.programs import results
from analysis.programs.inputs import EvaluationSetup
from landscape import rng, trees
from landscape.arrays import on_device
from landscape.cli import Progress
from landscape.runs import Run

# Steps of a curve's training between two saves: a second or two of an MLP's.
STEPS_PER_SAVE = 4 * paths.STEPS_PER_CALL


def fitted(
    config: Any, folder: Path, path: paths.Path, run: Run, setup: EvaluationSetup
) -> paths.Path:
    """The curve after `config.fit_steps` steps of training.

    Each step minimises the run's whole objective, L2 term included, with the statistics
    of its own batch where there is batch norm.
    """
    optimizer = paths.default_optimizer()
    inner = path.points[1:-1]
    leaves, structure = jax.tree.flatten((inner, optimizer.init(inner)))
    kept = {k: v for k, v in results.kept(folder).items() if k.startswith("fit/")}
    at = int(kept.get("fit/step", 0))
    if kept:
        leaves = [kept[f"fit/{i}"] for i in range(len(leaves))]
    inner, opt_state = jax.tree.unflatten(structure, leaves)
    fit = paths.Fit(
        path._replace(points=(path.points[0], *inner, path.points[-1])),
        paths.FitState(at, opt_state),
        np.zeros(0),
        np.zeros(0),
    )
    bar = Progress(f"{config.kind} curve", config.fit_steps, at)
    while (at := fit.state.step) < config.fit_steps:
        fit = paths.fit(
            fit.path,
            run.objective.bind(run.state.batch_stats, "batch", l2=True),
            setup.examples,
            rng.stream(config.seed, "path"),
            num_steps=min(STEPS_PER_SAVE, config.fit_steps - at),
            batch_size=config.batch_size,
            optimizer=optimizer,
            mask=run.masks if config.subspace == "sparse" else None,
            state=fit.state,
            mesh=setup.mesh,
        )
        leaves = jax.tree.leaves((fit.path.points[1:-1], fit.state.opt_state))
        kept = {f"fit/{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
        at = fit.state.step
        what = f"{at} of {config.fit_steps} steps of the curve"
        results.keep(folder, kept | {"fit/step": np.array(at)}, what)
        bar.update(fit.state.step)
    bar.close()
    return fit.path


def controls(points: tuple[Any, ...]) -> dict[str, np.ndarray]:
    """The inner points of a curve as arrays of its arrays.npz."""
    return {
        f"control_{i}/{name}": np.asarray(leaf)
        for i, point in enumerate(points[1:-1], 1)
        for name, leaf in trees.named_leaves(point).items()
    }


def trained(arrays: dict[str, np.ndarray], points: tuple[Any, ...]) -> tuple[Any, ...]:
    """The points of a curve: the ends of `points`, inside them those of `controls`."""
    first, *inner, last = points
    structure, names = jax.tree.structure(first), trees.named_leaves(first)
    found = [
        structure.unflatten([arrays[f"control_{i}/{name}"] for name in names])
        for i in range(1, len(inner) + 1)
    ]
    return (first, *found, last)


def evaluated(
    folder: Path, path: paths.Path, ts: np.ndarray, setup: EvaluationSetup
) -> dict[str, np.ndarray]:
    """loss, l2 and accuracy at every t, float64 [T]."""
    rows = path.coefficients(ts)
    size = min(setup.points_per_save, len(rows))
    kept = results.kept(folder)
    values = {k[7:]: v for k, v in kept.items() if k.startswith("values/")}
    start = len(values["loss"]) if values else 0
    bar = Progress("points of the path", len(rows), start, "point")
    examples, others = _on_devices(setup)
    for first in range(start, len(rows), size):
        # All calls are of one shape, which compiles once.
        taken = rows[np.minimum(np.arange(first, first + size), len(rows) - 1)]
        new = evaluate(
            path.points,
            taken,
            setup.loss_fn,
            examples,
            statistics=setup.statistics,
            statistics_batches=others,
            mesh=setup.mesh,
        )
        new = {k: np.asarray(v, float)[: len(rows) - first] for k, v in new.items()}
        values = {
            name: np.concatenate([values.get(name, np.zeros(0)), array])
            for name, array in new.items()
        }
        done = min(first + size, len(rows))
        if done < len(rows):
            together = {f"values/{name}": array for name, array in values.items()}
            results.keep(folder, kept | together, f"{done} of {len(rows)} points")
        bar.update(done)
    bar.close()
    return values


def rows(
    folder: Path,
    plane: planes.Plane,
    alphas: np.ndarray,
    betas: np.ndarray,
    setup: EvaluationSetup,
) -> dict[str, np.ndarray]:
    """loss, l2 and accuracy on the grid, float64 [rows, columns]."""
    values = results.kept(folder)
    start = len(values["loss"]) if values else 0
    bar = Progress("rows of the plane", len(betas), start, "row")
    examples, others = _on_devices(setup)
    blocks = planes.evaluate_rows(
        plane,
        setup.loss_fn,
        examples,
        alphas,
        betas,
        start_row=start,
        rows_per_block=max(1, min(len(betas), setup.points_per_save // len(alphas))),
        statistics=setup.statistics,
        statistics_batches=others,
        mesh=setup.mesh,
    )
    for row, new in blocks:
        values = {
            name: np.concatenate(
                [values.get(name, np.zeros((0, len(alphas)))), np.asarray(array, float)]
            )
            for name, array in new.items()
        }
        done = row + len(new["loss"])
        results.keep(folder, values, f"{done} of {len(betas)} rows")
        bar.update(done)
    bar.close()
    return values


def _on_devices(setup: EvaluationSetup) -> tuple[Any, Any]:
    """The examples, and those of the statistics, put on the devices once."""
    both = setup.examples, setup.statistics_examples
    if setup.mesh is not None:
        return tuple(
            None if some is None else placed(setup.mesh, some, setup.statistics)
            for some in both
        )
    return on_device(setup.examples), setup.statistics_examples
