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

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from analysis.programs.options import LossOptions
from analysis.programs.surface_text import axes, describe, title
from analysis.programs.text import short_names
from landscape.cli import launch, parse
from landscape.errors import InputError, check_choice, require
from landscape.tables import counted

PLANES = ("random", "through", "trajectory", "eigenvectors")


@dataclass(frozen=True)
class Config(LossOptions):
    runs: tyro.conf.Positional[tuple[str, ...]]
    """RUN, RUN@STEP or RUN@init: one, or three that span the plane."""
    plane: str | None = None
    """random, trajectory or eigenvectors (one run), through (three); default: random
    or through."""
    subspace: str = "sparse"
    """Of random directions and eigenvectors: sparse (within the mask) or dense."""
    points: int = 51
    """Points a side; odd, so that the middle is one of them."""
    extent: float = 1.0
    """Half the width: of a random plane in the norms of the filters, of one of
    eigenvectors in Euclidean distance."""
    margin: float = 0.3
    """Around the runs in another plane, as a fraction of the wider side."""

    def __post_init__(self):
        super().__post_init__()
        names = counted(len(self.runs), "run")
        if len(self.runs) == 2:
            raise InputError(
                "two runs span a line, not a plane: use python -m analysis.path, or"
                " name a third."
            )
        if len(self.runs) not in (1, 3):
            raise InputError(f"a plane is of 1 run or of 3, not of {names}.")
        check_choice("plane", self.kind, PLANES)
        if (self.kind == "through") != (len(self.runs) == 3):
            raise InputError(f"--plane {self.kind} does not go with {names}.")
        check_choice("subspace", self.subspace, ("sparse", "dense"))
        if self.points < 3 or self.points % 2 == 0:
            raise InputError(
                f"--points must be odd and at least 3, not {self.points}: an even"
                " number misses the middle."
            )
        require(self, "extent", 0 < self.extent < float("inf"), "positive")
        require(self, "margin", 0 <= self.margin < float("inf"), "at least 0")

    @property
    def kind(self) -> str:
        """The plane, named or by default."""
        return self.plane or ("through" if len(self.runs) == 3 else "random")


def run(config: Config) -> dict[str, Any]:
    """Evaluates the plane, writes its folder, and returns the content of result.json.

    The result of the same settings is read back, if it is there; an interrupted plane
    resumes and ends with the same bits.

    Raises:
      InputError: the runs cannot be loaded, or do not span a plane.
    """
    from analysis.programs import shell

    return shell.read_or_compute(folder(config), partial(_evaluate, config))


def _evaluate(config: Config, where: Path) -> dict[str, Any]:
    """The loss on the plane, and its files in the folder `where`."""
    import numpy as np

    from analysis import planes
    from analysis.programs import inputs, results, resumable_paths
    from landscape import figures

    refs = _refs(config)
    names = list(config.runs)
    if config.kind == "trajectory":
        refs = _kept_states(refs[0])
        names = [str(ref) for ref in refs]
    loaded = inputs.load(refs)
    setup = inputs.evaluation_setup(
        loaded[-1] if config.kind == "trajectory" else loaded[0],
        config.num_examples,
        config.batch_norm,
        config.batch_size,
    )
    plane = _plane(config, loaded, setup.examples)
    extent: Any = config.extent
    if config.kind in ("through", "trajectory"):
        extent = planes.around(plane.coordinates, config.margin)
    alphas, betas = planes.grid(config.points, extent)
    values = resumable_paths.rows(where, plane, alphas, betas, setup)
    total = values["loss"] + values["l2"]
    finite = np.where(np.isfinite(total), total, np.inf)
    row, column = np.unravel_index(finite.argmin(), total.shape)
    result = {
        **asdict(config),
        "runs": list(config.runs),
        "plane": config.kind,
        "num_examples": setup.num_examples,
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
        "maximum": float(np.nanmax(np.where(np.isfinite(total), total, np.nan))),
        "not_finite": int((~np.isfinite(total)).sum()),
        "alphas": alphas.tolist(),
        "betas": betas.tolist(),
    }
    arrays = {"alphas": alphas, "betas": betas, "coordinates": plane.coordinates}
    labels = short_names(names) if config.kind == "through" else None
    figure = figures.surface(
        alphas, betas, total, plane.coordinates, labels, title(result), axes(result)
    )
    results.write(where, result, arrays | values, figure)
    return result


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    words = [config.kind]
    directed = config.kind in ("random", "eigenvectors")
    words += [config.subspace] if directed else []
    settings = asdict(config) | {"plane": config.kind}
    return results.folder("surface", words, _refs(config), settings)


def _refs(config: Config):
    from landscape import runs

    return [runs.parse(name) for name in config.runs]


def _kept_states(ref):
    """The states that a run kept, up to that of `ref`."""
    from landscape import checkpoint, runs

    last = runs.step_of(ref)
    kept = sorted(checkpoint.steps(ref.folder / runs.CHECKPOINTS))
    kept = [step for step in kept if step <= last]
    if len(kept) < 3:
        raise InputError(
            f"{ref.folder} kept only the steps {', '.join(map(str, kept))}: a"
            " trajectory needs at least 3; train with --keep-every."
        )
    return [ref._replace(step=step) for step in kept]


def _plane(config: Config, loaded, examples):
    from analysis import curvature, planes, spectra
    from landscape import rng

    points = [run.state.params for run in loaded]
    if config.kind == "through":
        return planes.through(*points)
    if config.kind == "trajectory":
        return planes.trajectory(points)
    mask = loaded[0].masks if config.subspace == "sparse" else None
    key = rng.stream(config.seed, "plane")
    if config.kind == "random":
        return planes.random(points[0], key, mask)
    # The data loss's, in eval mode, as in analysis.spectrum.
    loss_fn = loaded[0].objective.bind(loaded[0].state.batch_stats)
    op = curvature.hessian(loss_fn, points[0], examples, mask=mask)
    pairs = spectra.top_eigenpairs(op, 2, key=key, which="largest", tol=1e-8)
    u, v = spectra.as_trees(op, pairs)
    plane = planes.along(points[0], (u, v))
    return plane._replace(eigenvalues=pairs.values)


def main(config: Config) -> None:
    """Evaluates a plane; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    shell.announce(describe(run(config)), folder(config), _next_command(config))


def _next_command(config: Config) -> str:
    if config.kind == "through":
        ends = " ".join(config.runs[:2])
        return f"python -m analysis.path {ends} --kind quadratic"
    command = f"python -m analysis.surface {config.runs[0]}"
    if config.kind == "trajectory":
        return command
    other = {"sparse": "dense", "dense": "sparse"}[config.subspace]
    return f"{command} --plane {config.kind} --subspace {other}"


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
