"""Trains sparse networks: pruned, lottery, scratch, static and other solutions.

    python -m train.sparse
    python -m train.sparse --method pruning --sparsity 0.98 --workdir runs/pruned
    python -m train.sparse --method lottery --mask-from runs/pruned
    python -m train.sparse --method scratch --mask-from runs/pruned --seed 1
    python -m train.sparse --method imp --sparsity 0.9 --workdir runs/imp
    python -m train.sparse --method pruning small-dense --num-seeds 3
    python -m train.sparse --method rigl --sparsity 0.8 0.9 0.95

Without arguments: digits pruned to 95 %, then the lottery network (the initial weights
of that run) and the scratch network (new weights) inside the mask that pruning found.
That takes about 20 s of CPU time; near 97 % of the test digits are read right. Each
level of imp is a run of its own, in level-0, level-1, ... of the workdir: the last one
is the sparse network. A flag with several values is a sweep, in folders below one.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from landscape.cli import Point, activity, check_used, launch, parse_sweep
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.registries.methods import (
    METHODS,
    SPARSE_METHODS,
    check_method,
    method_row,
)
from train.settings import presets, sweep
from train.settings.expansion import expand
from train.settings.sparse_options import Config, defaults_of_mask


def inherited(said: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that --preset NAME or --like RUN and --mask-from RUN bring.

    --like brings all settings but --workdir, --mask-from all but a few; of both, those
    of --like except what describes the masks.

    Args:
      said: what the command line and its file say, by the names of the settings.
    """
    # Not above: --help is quick.
    from landscape import runs
    from train.settings import inheritance, mask_source

    found: dict[str, Any] = {}
    if said.get("preset"):
        for name in ("like", "mask_from"):
            if said.get(name):
                flag = name.replace("_", "-")
                raise InputError(
                    f"--preset and --{flag} each bring all settings: name one of them."
                )
        return presets.of(said["preset"], said.get("sparsity"))
    if said.get("like"):
        found = inheritance.like(said["like"], SparseRun, set())
        found["method"] = (found["method"],)
        named = said.get("method", found["method"])
        for each in named:
            check_method(each, SPARSE_METHODS)
        taken = [method_row(each).takes for each in named]
        # Masks go to all methods of a command, or to none.
        if not all("masks" in each for each in taken):
            found["mask_from"] = None
        if not any("weights" in each for each in taken):
            found["rewind_to"] = None
    name = said.get("mask_from", found.get("mask_from"))
    if name is None:
        return inheritance.fitting(found, said)
    name = mask_source.located(name, said.get("workdir"))
    theirs = runs.read_config(runs.parse(name).folder)
    mask_source.check_gives(name, theirs)
    default = defaults_of_mask(name, theirs)
    of_mask = {f.name: getattr(default, f.name) for f in fields(default)}
    if found:
        of_mask = {each: of_mask[each] for each in mask_source.OF_THE_MASK}
    return inheritance.fitting(found | of_mask, said) | {"mask_from": name}


def run(config: Config) -> list[dict[str, Any]]:
    """Trains, prints what came out, draws the methods, and returns the summaries."""
    return run_sweep([Point(config, {})])


def run_sweep(points: Sequence[Point]) -> list[dict[str, Any]]:
    """As `run`, for each point of a sweep; all are checked before one is trained."""
    from landscape import data
    from train.jobs import checks
    from train.settings import mask_source

    settings, swept = [], []
    for point in points:
        made = expand(point.config, point.folder)
        settings += made
        swept += [point.swept] * len(made)
    if points[0].config.mask_from:
        settings = [
            replace(each, mask_from=mask_source.located(each.mask_from, each.workdir))
            for each in settings
        ]
    # What can be known to fail fails before JAX is loaded. How wide a small dense
    # network is, and whether its folder holds the same, is known after that.
    narrow = [each for each in settings if each.method == "small-dense"]
    checks.check([each for each in settings if each not in narrow])
    for each in narrow:
        data.check(each)
    with activity("loading JAX"):
        from train.jobs import job, report
        from train.settings import small_dense
        from train.steps import together

    settings = small_dense.sized(settings)
    first = points[0].config
    at_once = first.seeds_at_once or together.default_number(first.num_seeds)
    summaries = job.run_all(settings, mask_source.start_from, at_once)
    report.print_outcome(settings, summaries, swept)
    return summaries


def read(argv: list[str] | None = None) -> list[Point]:
    """The settings of a command line; flags that its methods do not use are refused.

    Those that a file or another run bring are not: they are defaults.
    """
    points = parse_sweep(
        Config,
        __doc__,
        inherited=inherited,
        fixed=sweep.FIXED,
        presets=presets.PRESETS,
        argv=argv,
    )
    words = sys.argv[1:] if argv is None else argv
    check_used(Config, words, points[0].config.method, METHODS)
    return points


if __name__ == "__main__":
    launch(lambda: run_sweep(read()))
