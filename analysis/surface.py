"""The loss on a plane through parameter space.

    python -m analysis.surface runs/digits/pruned
    python -m analysis.surface runs/digits/pruned runs/digits/lottery \
runs/digits/scratch
    python -m analysis.surface runs/digits/pruned --plane trajectory

Of one run: two random directions, filter-normalised and orthogonal (Li et al. 2018),
inside its mask or in all dimensions; the principal plane of its training trajectory,
from the steps it kept (--keep-every); or that of the Hessian's two largest eigenvalues.
Of three runs: the plane through them. Writes result.json, arrays.npz and figure.png
below RUN/analysis/, and resumes if interrupted. Networks of digits take about 15 s of
CPU time, which grows with points^2.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from analysis import path
from analysis.programs.options import LossOptions
from analysis.programs.surface.options import Config
from analysis.programs.surface.text import axes, describe, title
from analysis.programs.text import short_names
from landscape.cli import activity, command, launch, parse
from landscape.errors import InputError


def run(config: Config) -> dict[str, Any]:
    """Evaluates the plane, writes its folder, and returns the content of result.json.

    The result of the same settings is read back, if it is there; an interrupted plane
    resumes and ends with the same bits.

    Raises:
      InputError: the runs cannot be loaded, or do not span a plane.
    """
    where = folder(config)
    _check(config, where)
    from analysis.programs import shell

    return shell.read_or_compute(
        where, partial(_evaluate, config), _draw, describe, config.format
    )


def _check(config: Config, where: Path) -> None:
    """Refuses what can be known to fail, before JAX is loaded."""
    from analysis.programs import checks

    refs = _refs(config)
    first, *_ = checks.same_space(refs, config.data_dir)
    if checks.is_finished(where):
        return
    if config.kind == "trajectory":
        _kept_states(refs[0])
    train = config.split == "train"
    count = checks.num_examples(first, config.num_examples if train else None)
    if train:
        checks.check_statistics(refs[0], config, count)
    checks.load_jax(where)


def _evaluate(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays of the plane; pieces of the work are kept in `where`."""
    import numpy as np

    from analysis import planes
    from analysis.programs import inputs, stored_statistics
    from analysis.programs.path import resumable as resumable_paths

    refs = _refs(config)
    names = list(config.runs)
    if config.kind == "trajectory":
        refs = _kept_states(refs[0])
        names = [str(ref) for ref in refs]
    loaded = inputs.load(refs, config.data_dir)
    setup = inputs.evaluation_setup(
        loaded[-1] if config.kind == "trajectory" else loaded[0],
        config.num_examples,
        config.batch_norm,
        config.batch_size,
        config.split,
    )
    with activity("directions of the plane"):
        plane = _plane(config, loaded)
    extent: Any = config.extent
    if config.kind in ("through", "trajectory"):
        extent = planes.around(plane.coordinates, config.margin)
    alphas, betas = planes.grid(config.points, extent)
    evaluated = plane
    if setup.batch_norm == "stored":
        of = loaded if config.kind == "through" else loaded[-1:]
        stats = [run.state.batch_stats for run in of]
        evaluated = stored_statistics.on_plane(plane, stats)
    values = resumable_paths.rows(where, evaluated, alphas, betas, setup)
    total = values["loss"] + values["l2"]
    finite = np.where(np.isfinite(total), total, np.inf)
    row, column = np.unravel_index(finite.argmin(), total.shape)
    result = {
        **asdict(config),
        "runs": list(config.runs),
        "plane": config.kind,
        "num_examples": setup.num_examples,
        "dataset": loaded[0].config.dataset,
        "batch_norm": setup.batch_norm,
        "names": names,
        "coordinates": plane.coordinates.tolist(),
        "explained": None if plane.explained is None else plane.explained.tolist(),
        "eigenvalues": (
            None if plane.eigenvalues is None else plane.eigenvalues.tolist()
        ),
        "same_masks": all(
            inputs.same_masks(loaded[0].masks, other.masks) for other in loaded
        ),
        "minimum": float(finite.min()),
        "minimum_at": [float(alphas[column]), float(betas[row])],
        "accuracy_at_minimum": float(values["accuracy"][row, column]),
        "maximum": float(np.nanmax(np.where(np.isfinite(total), total, np.nan))),
        "not_finite": int((~np.isfinite(total)).sum()),
        "alphas": alphas.tolist(),
        "betas": betas.tolist(),
    }
    arrays = {"alphas": alphas, "betas": betas, "coordinates": plane.coordinates}
    return result, arrays | values


def _draw(result: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The figure, of what `_evaluate` found."""
    from landscape import figures

    through, first = result["plane"] == "through", result["runs"][0]
    return figures.surface(
        arrays["alphas"],
        arrays["betas"],
        arrays["loss"] + arrays["l2"],
        arrays["coordinates"],
        short_names(result["names"]) if through else None,
        title(result) if through else f"{short_names([first])[0]}: {title(result)}",
        axes(result),
        accuracies=arrays.get("accuracy"),
        split=result.get("split", "train"),
    )


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    words = [config.kind]
    directed = config.kind in ("random", "eigenvectors")
    words += [config.subspace] if directed else []
    settings = asdict(config) | {"plane": config.kind}
    if config.split == "train":
        del settings["split"]  # Older analyses are found.
    else:
        words.append(config.split)
    if config.kind == "through" and config.batch_norm == "stored":
        settings["statistics"] = "of all runs"  # Older analyses had the first one's.
    return results.folder("surface", words, _refs(config), settings)


def _refs(config: Config):
    from landscape import runs

    return [runs.parse(name) for name in config.runs]


def _kept_states(ref):
    """The states that a run kept, up to that of `ref`."""
    from analysis.programs import checks

    kept = checks.kept_states(ref)
    if len(kept) < 3:
        raise InputError(
            f"{ref.folder} kept only the steps {', '.join(str(r.step) for r in kept)}:"
            " a trajectory needs at least 3; train with --keep-every."
        )
    return kept


def _plane(config: Config, loaded):
    import jax

    from analysis import curvature, planes, spectra
    from analysis.programs import inputs
    from landscape import rng
    from landscape.machine import devices

    points = [run.state.params for run in loaded]
    if config.kind == "through":
        return planes.through(*points)
    if config.kind == "trajectory":
        return planes.trajectory(points)
    mask = loaded[0].masks if config.subspace == "sparse" else None
    key = rng.stream(config.seed, "plane")
    if config.kind == "random":
        return planes.random(points[0], key, mask, loaded[0].objective.rules)
    # The data loss's on training examples, in eval mode, as in analysis.spectrum.
    asked = config.num_examples if config.split == "train" else None
    examples = inputs.examples_of(loaded[0], asked)
    loss_fn = loaded[0].objective.bind(loaded[0].state.batch_stats)
    mesh = devices.make_mesh() if jax.device_count() > 1 else None
    op = curvature.hessian(loss_fn, points[0], examples, mask=mask, mesh=mesh)
    pairs = spectra.top_eigenpairs(op, 2, key=key, which="largest", tol=1e-8)
    u, v = spectra.as_trees(op, pairs)
    plane = planes.along(points[0], (u, v))
    return plane._replace(eigenvalues=pairs.values)


def main(config: Config) -> None:
    """Evaluates a plane; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    result = run(config)
    following = _next_command(config, result["same_masks"])
    shell.announce(describe(result), folder(config), following)


def _next_command(config: Config, same_masks: bool) -> str:
    if config.kind == "through":
        shared = {f.name: getattr(config, f.name) for f in fields(LossOptions)}
        subspace = "sparse" if same_masks else "dense"
        ends = config.runs[:2]
        return path.command_line(
            path.Config(
                *ends,
                kind="quadratic",
                subspace=subspace,
                split=config.split,
                **shared,
            )
        )
    if config.kind == "trajectory":
        return command_line(replace(config, plane=None))
    other = {"sparse": "dense", "dense": "sparse"}[config.subspace]
    return command_line(replace(config, subspace=other))


def command_line(config: Config) -> str:
    """The command that evaluates a plane."""
    return command("analysis.surface", config, positional=("runs",))


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__, distributed=True)))
