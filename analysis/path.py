"""The loss along a path between two runs: is there a barrier?

    python -m analysis.path runs/digits/pruned@init runs/digits/pruned
    python -m analysis.path runs/digits/pruned runs/digits/scratch
    python -m analysis.path runs/digits/pruned runs/digits/scratch --kind quadratic
    python -m analysis.path runs/digits/pruned runs/digits/scratch --kind quadratic \
--subspace dense
    python -m analysis.path runs/pruned-seed* runs/scratch-seed* --kind line quadratic \
--split train test

The first run named is t = 0; of several pairs the first half are. Curves are trained
first (Garipov et al. 2018, with the settings of Evci et al. 2019), in the sparse
subspace or through the dense space. Writes result.json, arrays.npz and figure.png below
RUN_A/analysis/; several paths have one figure more, with all of them. CPU time between
networks of digits: about 6 s for a line, 15 s for a curve.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from analysis.programs.path.options import ORDERS, Config, Flags
from analysis.programs.path.text import describe, several, title
from analysis.programs.text import short_names
from landscape.cli import activity, command, launch, parse

# Of `analysis.paths.barriers.Barrier`, in result.json.
NAMES = {name: f"barrier_{name}" for name in ("chord", "mean", "midpoint")}


def run(config: Config) -> dict[str, Any]:
    """Evaluates the path, writes its folder, and returns the content of result.json.

    The result of the same settings is read back, if it is there; an interrupted path
    resumes and ends with the same bits.

    Raises:
      InputError: the runs cannot be loaded, are of different models or data, or, for a
        curve in the sparse subspace, have different masks.
    """
    from analysis.programs import shell
    from analysis.programs.path import checks as path_checks

    where = folder(config)
    path_checks.check(config, _refs(config), where)
    return shell.read_or_compute(
        where,
        partial(_evaluate, config),
        partial(_draw, config),
        describe,
        config.format,
    )


def _evaluate(config: Config, where: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays of the path; pieces of the work are kept in `where`."""
    from analysis import paths
    from analysis.programs import inputs, results, stored_statistics
    from analysis.programs.path import resumable as resumable_paths

    a, b, same = _ends(config)
    before = run(replace(config, align=False)) if config.align else None
    setup = inputs.evaluation_setup(
        a, config.num_examples, config.batch_norm, config.batch_size, config.split
    )
    path = paths.straight(a.state.params, b.state.params, ORDERS[config.kind])
    if config.kind != "line" and config.split == "train":
        path = resumable_paths.fitted(config, where, path, a, setup)
    elif config.kind != "line":
        train = replace(config, split="train")
        run(train)
        arrays = results.read_together(folder(train))
        path = path._replace(points=resumable_paths.trained(arrays, path.points))
    ts = paths.grid(config.points, config.extend)
    evaluated = path
    if setup.batch_norm == "stored":
        both = a.state.batch_stats, b.state.batch_stats
        evaluated = stored_statistics.along_path(path, *both)
    values = resumable_paths.evaluated(where, evaluated, ts, setup)
    measured = paths.barrier(ts, values["loss"] + values["l2"])._asdict()
    result = {
        **asdict(config),
        "num_examples": setup.num_examples,
        "dataset": a.config.dataset,
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
    return result, {"ts": ts, **values, **resumable_paths.controls(path.points)}


def _ends(config: Config) -> tuple[Any, Any, bool]:
    """Both runs, with --align the second one aligned, and whether masks are equal."""
    from analysis.programs import inputs
    from analysis.programs.path import checks as path_checks

    a, b = inputs.load(_refs(config), config.data_dir)
    if config.align:
        with activity("aligning the units"):
            b = inputs.aligned(a, b, config.seed)
    same = inputs.same_masks(a.masks, b.masks)
    path_checks.check_masks(config, same)
    return a, b, same


def _draw(config: Config, result: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The figure, of what `_evaluate` found; behind it what it is compared with."""
    from landscape import figures

    ends = short_names([result["run_a"], result["run_b"]])
    split = result.get("split", "train")
    behind = _behind(config)
    return figures.path(
        arrays["ts"], arrays, ends, title(result), split=split, behind=behind
    )


def _behind(config: Config) -> tuple[str, Any, Any] | None:
    """The path before alignment, or behind a curve the line, if it was evaluated."""
    from analysis.programs import checks, results

    label, others = "straight line", []
    if config.align:
        label, others = "before alignment", [replace(config, align=False)]
    elif config.kind != "line":
        line = replace(config, kind="line")
        # What is said of curves alone may be as by default.
        others = [line, replace(line, subspace="sparse", fit_steps=Config.fit_steps)]
    for where in map(folder, others):
        if checks.is_finished(where):
            arrays = results.read_arrays(where / results.ARRAYS)
            return label, arrays["ts"], arrays
    return None


def folder(config: Config) -> Path:
    """The folder that `run` writes."""
    from analysis.programs import results

    words = [config.kind]
    words += [config.subspace] if config.kind != "line" else []
    words += ["aligned"] if config.align else []
    settings = asdict(config)
    if config.split == "train":
        del settings["split"]  # Older analyses are found.
    else:
        words.append(config.split)
    if config.batch_norm == "stored":
        settings["statistics"] = "of both runs"  # Older analyses had the first one's.
    return results.folder("path", words, _refs(config), settings)


def _refs(config: Config):
    from landscape import runs

    return [runs.parse(config.run_a), runs.parse(config.run_b)]


def run_several(flags: Flags) -> dict[str, Any]:
    """Evaluates several paths, each in its own folder, and draws them together.

    Returns:
      The content of the result.json beside the figure: "paths", the results of all.

    Raises:
      InputError: as `run`; what can be refused of any of them is refused first.
    """
    from analysis.programs import shell
    from analysis.programs.path import checks as path_checks
    from analysis.programs.path import several as several_paths

    configs = flags.paths()
    for config in configs:
        path_checks.check(config, _refs(config), folder(config))

    def evaluate(_: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        for config in configs:
            # Masks that differ once units are permuted: before the others take a while.
            if config.align and path_checks.needs_one_mask(config):
                _ends(config)
        return several_paths.gathered([(run(c), folder(c)) for c in configs])

    return shell.read_or_compute(
        folder_of_several(flags), evaluate, several_paths.draw, several, flags.format
    )


def folder_of_several(flags: Flags) -> Path:
    """The folder that `run_several` writes."""
    from analysis.programs import results
    from landscape import runs

    refs = [runs.parse(name) for pair in flags.pairs for name in pair]
    words = [*flags.kind, *(flags.split if flags.split != ("train",) else ())]
    return results.folder("paths", words, refs, asdict(flags))


def main(config: Config) -> None:
    """Evaluates a path; prints the result, its folder and what to try next."""
    from analysis.programs import shell

    result = run(config)
    following = _following(config, result["same_masks"])
    shell.announce(describe(result), folder(config), following)


def main_of_several(flags: Flags) -> None:
    """`main` of one path, or of all that flags name."""
    from analysis.programs import shell

    configs = flags.paths()
    if len(configs) == 1:
        return main(configs[0])
    result = run_several(flags)
    shell.announce(several(result), folder_of_several(flags), _more(flags, result))


def _more(flags: Flags, result: dict[str, Any]) -> str:
    """The same paths and those of one more kind, or else with the units aligned."""
    missing = [kind for kind in ORDERS if kind not in flags.kind]
    if missing:
        same = all(each["same_masks"] for each in result["paths"])
        subspace = flags.subspace if same else "dense"
        more = replace(flags, kind=(*flags.kind, missing[0]), subspace=subspace)
    else:
        more = replace(flags, align=not flags.align)
    return command("analysis.path", more, positional=("runs",))


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
    launch(lambda: main_of_several(parse(Flags, __doc__, distributed=True)))
