"""The loss along a path between two runs: is there a barrier?

    python -m analysis.path runs/digits/pruned@init runs/digits/pruned
    python -m analysis.path runs/digits/pruned runs/digits/scratch
    python -m analysis.path runs/digits/pruned runs/digits/scratch --kind quadratic
    python -m analysis.path runs/digits/pruned runs/digits/scratch --kind quadratic \
--subspace dense

The first run named is t = 0. Curves are trained first (Garipov et al. 2018, with the
settings of Evci et al. 2019), in the sparse subspace or through the dense space. Writes
result.json, arrays.npz and figure.png below RUN_A/analysis/. CPU time between networks
of digits: about 6 s for a line, 15 s for a curve.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from analysis.programs.options import LossOptions, check_points
from analysis.programs.text import describe_data, short_names
from landscape.cli import activity, command, launch, parse
from landscape.errors import InputError, check_choice, require
from landscape.tables import counted
from landscape.user_code import is_user_code

ROUNDING = 1e-6
"""Of an objective, relative: smaller changes are no rise."""

ORDERS = {"line": 1, "quadratic": 2, "cubic": 3}
# Of `analysis.paths.barriers.Barrier`, in result.json.
NAMES = {name: f"barrier_{name}" for name in ("chord", "mean", "midpoint")}


@dataclass(frozen=True)
class Config(LossOptions):
    run_a: tyro.conf.Positional[str]
    """RUN, RUN@STEP or RUN@init: t = 0."""
    run_b: tyro.conf.Positional[str]
    """The same: t = 1."""
    kind: str = "line"
    """line, quadratic or cubic (Bezier curves)."""
    subspace: str = "sparse"
    """Of a curve: sparse (inner points within the common mask) or dense."""
    points: int = 71
    """Points on the path; odd, so that the middle is one of them."""
    extend: float = 0.2
    """How far the path extends beyond both ends, in t."""
    fit_steps: int = 4000
    """Steps of a curve's training."""
    align: bool = False
    """Permute B's units first so that its weights are closest to A's (Git Re-Basin's
    weight matching), and report the barrier before and after."""

    def __post_init__(self):
        super().__post_init__()
        check_choice("kind", self.kind, ORDERS)
        check_choice("subspace", self.subspace, ("sparse", "dense"))
        check_points(self.points)
        require(self, "extend", 0 <= self.extend < float("inf"), "at least 0")
        require(self, "fit_steps", self.fit_steps > 0)


def run(config: Config) -> dict[str, Any]:
    """Evaluates the path, writes its folder, and returns the content of result.json.

    The result of the same settings is read back, if it is there; an interrupted path
    resumes and ends with the same bits.

    Raises:
      InputError: the runs cannot be loaded, are of different models or data, or, for a
        curve in the sparse subspace, have different masks.
    """
    where = folder(config)
    _check(config, where)
    from analysis.programs import shell

    return shell.read_or_compute(where, partial(_evaluate, config), _draw, describe)


def _check(config: Config, where: Path) -> None:
    """Refuses what can be known to fail, before JAX is loaded."""
    from analysis.programs import checks

    refs = _refs(config)
    first, _ = checks.same_space(refs, config.data_dir)
    if checks.is_finished(where):
        return
    if config.align and is_user_code(first.model):
        raise InputError(
            f"--align permutes units, and which axes of {first.model} are units is not"
            " known: analysis.alignment takes its Spec in a notebook."
        )
    count = checks.num_examples(first, config.num_examples)
    checks.check_statistics(refs[0], config, count)
    if config.kind != "line":
        _check_curve(config, refs, count)
    checks.load_jax(where)


def _check_curve(config: Config, refs: list[Any], count: int) -> None:
    from analysis.programs import checks

    if config.batch_size > count:
        raise InputError(
            f"--batch-size {config.batch_size} of a curve's training is more than the"
            f" {counted(count, 'example')}."
        )
    # Units that are permuted take their masks with them: known only then.
    if not config.align and checks.masks_differ(refs):
        _check_masks(config, same=False)


def _check_masks(config: Config, same: bool) -> None:
    """Raises InputError for a curve in the sparse subspace of different masks."""
    if config.kind != "line" and config.subspace == "sparse" and not same:
        raise InputError(
            f"the masks of {config.run_a} and {config.run_b} differ"
            f"{' after alignment' if config.align else ''}: no sparse subspace contains"
            " both; --subspace dense uses all dimensions."
        )


def _evaluate(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays of the path; pieces of the work are kept in `where`."""
    import numpy as np

    from analysis import paths
    from analysis.programs import inputs, resumable_paths
    from landscape import trees

    a, b = inputs.load(_refs(config), config.data_dir)
    before = run(replace(config, align=False)) if config.align else None
    if config.align:
        with activity("aligning the units"):
            b = _aligned(a, b, config.seed)
    same = inputs.same_masks(a.masks, b.masks)
    _check_masks(config, same)
    setup = inputs.evaluation_setup(
        a, config.num_examples, config.batch_norm, config.batch_size
    )
    path = paths.straight(a.state.params, b.state.params, ORDERS[config.kind])
    if config.kind != "line":
        path = resumable_paths.fitted(config, where, path, a, setup)
    ts = paths.grid(config.points, config.extend)
    values = resumable_paths.evaluated(where, path, ts, setup)
    measured = paths.barrier(ts, values["loss"] + values["l2"])._asdict()
    result = {
        **asdict(config),
        "num_examples": setup.num_examples,
        "same_masks": same,
        "batch_norm": setup.batch_norm,
        "ts": ts.tolist(),
        "losses": values["loss"].tolist(),
        "l2": values["l2"].tolist(),
        "accuracies": values["accuracy"].tolist(),
        **{NAMES.get(name, name): value for name, value in measured.items()},
    }
    if before is not None:
        result["barrier_before_alignment"] = before["barrier"]
    controls = {
        f"control_{i}/{name}": np.asarray(leaf)
        for i, point in enumerate(path.points[1:-1], 1)
        for name, leaf in trees.named_leaves(point).items()
    }
    return result, {"ts": ts, **values, **controls}


def _draw(result: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The figure, of what `_evaluate` found."""
    from landscape import figures

    ends = short_names([result["run_a"], result["run_b"]])
    return figures.path(arrays["ts"], arrays, ends, _title(result))


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    words = [config.kind]
    words += [config.subspace] if config.kind != "line" else []
    words += ["aligned"] if config.align else []
    return results.folder("path", words, _refs(config), asdict(config))


def _refs(config: Config):
    from landscape import runs

    return [runs.parse(config.run_a), runs.parse(config.run_b)]


def _aligned(a, b, seed: int):
    """b with its units permuted so that its weights are closest to a's."""
    import jax

    from analysis import alignment
    from landscape import rng

    spec = alignment.specification(a.model, jax.device_get(a.state.params))
    found = alignment.match(
        a.state.params,
        b.state.params,
        spec,
        rng.stream(seed, "align"),
        a.masks,
        b.masks,
    )
    params, stats, masks = (
        alignment.apply(found, tree, spec)
        for tree in (b.state.params, b.state.batch_stats, b.masks)
    )
    state = b.state._replace(params=params, batch_stats=stats, masks=masks)
    return b._replace(state=state, masks=masks)


def _title(result: dict[str, Any]) -> str:
    inside = "" if result["kind"] == "line" else f" in the {result['subspace']} space"
    aligned = ", units aligned" if result["align"] else ""
    return f"{result['kind']}{inside}, {describe_data(result)}{aligned}"


def describe(result: dict[str, Any]) -> str:
    """The result in words; the objective is data loss + L2, in nats."""
    totals = [x + y for x, y in zip(result["losses"], result["l2"], strict=True)]
    start, end = (totals[result["ts"].index(t)] for t in (0.0, 1.0))
    barrier, ascent = result["barrier"], result["ascent"]
    lines = [
        f"{_title(result)}: objective {start:.4g} at t = 0, {end:.4g} at t = 1.",
        f"Barrier {barrier:.4g} above the worse end (at t = {result['t_max']:.2f});"
        f" above the chord {result['barrier_chord']:.4g}, above the mean of the ends"
        f" {result['barrier_mean']:.4g}, at the midpoint"
        f" {result['barrier_midpoint']:.4g}.",
        f"Largest rise between neighbours {result['rise']:.4g}, from any point to a"
        f" later one {ascent:.4g}.",
    ]
    if "barrier_before_alignment" in result:
        lines.append(
            f"Barrier before alignment: {result['barrier_before_alignment']:.4g}."
        )
    inside = [y for t, y in zip(result["ts"], totals, strict=True) if 0 <= t <= 1]
    # Means over examples in single precision differ by this much by themselves.
    rounding = ROUNDING * max(map(abs, inside))
    if max(inside) - min(inside) <= rounding:
        lines.append("The objective is constant from t = 0 to t = 1, to rounding.")
    elif ascent <= rounding:
        lines.append("The objective never rises from t = 0 to t = 1.")
    elif barrier <= rounding:
        lines.append(
            f"No barrier, but the objective rises by {ascent:.4g} on the path."
        )
    else:
        lines.append(f"A barrier: the objective rises by {ascent:.4g} on the path.")
    return "\n".join(lines)


def main(config: Config) -> None:
    """Evaluates a path; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    result = run(config)
    following = _following(config, result["same_masks"])
    shell.announce(describe(result), folder(config), following)


def _following(config: Config, same_masks: bool) -> str:
    """The same path of the next kind, through a space that holds both ends."""
    other = {"line": "quadratic", "quadratic": "cubic", "cubic": "line"}[config.kind]
    subspace = config.subspace if same_masks else "dense"
    if other == "line":
        subspace = "sparse"  # as by default: it means nothing
    return command_line(replace(config, kind=other, subspace=subspace))


def command_line(config: Config) -> str:
    """The command that evaluates a path."""
    return command("analysis.path", config, positional=("run_a", "run_b"))


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
