"""Trains sparse networks: pruned, lottery, scratch, static and other solutions.

    python -m train.sparse
    python -m train.sparse --method pruning --sparsity 0.98 --workdir runs/pruned
    python -m train.sparse --method lottery --mask-from runs/pruned
    python -m train.sparse --method scratch --mask-from runs/pruned --seed 1
    python -m train.sparse --method restart --mask-from runs/pruned
    python -m train.sparse --method imp --sparsity 0.9 --workdir runs/imp
    python -m train.sparse --method pruning small-dense --num-seeds 3

Without arguments: digits pruned to 95 %, then the lottery network (the initial weights
of that run) and the scratch network (new weights) inside the mask that pruning found.
That takes about 20 s of CPU time; near 97 % of the test digits are read right. Each
level of imp is a run of its own, in level-0, level-1, ... of the workdir: the last one
is the sparse network.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import argparse
import sys
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from landscape.cli import activity, check_used, launch, parse
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.folders import folder_of
from landscape.methods import METHODS, SPARSE_METHODS, check_method
from train import levels

_SCRATCH_SEED = 1000
"""Added to the seed of a pruned run for the scratch run of the same command."""


@dataclass(frozen=True)
class Config(SparseRun):
    method: tuple[str, ...] = ("pruning", "lottery", "scratch")
    """pruning, static, lottery, scratch, restart, imp (iterative magnitude pruning),
    small-dense, snip, grasp, synflow, set, rigl, nm (N:M sparsity), ste (magnitude,
    straight through) or acdc (sparse and dense phases in alternation); of several,
    lottery, scratch and restart take the mask that this command's pruning finds."""

    GROUPS: ClassVar[dict[str, str]] = {"num_seeds": "randomness"}

    num_seeds: int = 1
    """Repeat with this many consecutive seeds, one folder each."""
    seeds_at_once: int | None = None
    """Train up to this many of the seeds side by side in one compiled program, each as
    alone up to rounding; default: all on a GPU or TPU, one on a CPU, where more are
    slower."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_seeds", "seeds_at_once"):
            self._require(name, lambda v: v is None or v >= 1, "at least 1")

    def _fill_in(self):
        """Each of the runs does for its own method."""

    def _check_method(self):
        for name in self.method:
            check_method(name, SPARSE_METHODS)
        if not self.method or len(set(self.method)) < len(self.method):
            raise InputError(
                f"--method needs one or more different names, not {self.method}."
            )
        given = self.mask_from
        taking = [n for n in self.method if "masks" in METHODS[n].taken(given)]
        if taking and not self.mask_from and "pruning" not in self.method:
            raise InputError(
                f"--method {taking[0]} needs --mask-from RUN, the run whose masks it"
                " takes (or --method pruning beside it)."
            )
        if self.mask_from and len(taking) < len(self.method):
            raise InputError(
                f"--mask-from goes with --method {_named('masks')}, not"
                f" {' '.join(self.method)}."
            )
        rewinds = any("weights" in METHODS[name].takes for name in self.method)
        if self.rewind_to is not None and not rewinds:
            raise InputError(f"--rewind-to goes with --method {_named('weights')}.")
        self._check_rewinding()

    def _check_rewinding(self):
        kept = [name for name in ("pruning", "imp") if name in self.method]
        if self.rewind_to and kept:
            every = self.keep_every or self.steps
            if self.rewind_to % every or self.rewind_to > self.steps:
                raise InputError(
                    f"--rewind-to {self.rewind_to} is a step that {kept[0]} will not"
                    " keep: a multiple of --keep-every, up to --steps, is."
                )
        if self.rewind_to and self.rewind != "weights" and "imp" in self.method:
            raise InputError(
                f"--rewind {self.rewind} starts from final weights: it does not go with"
                " --rewind-to."
            )


def _named(taken: str) -> str:
    """The methods that take it from another run."""
    return " or ".join(name for name, row in METHODS.items() if taken in row.takes)


def expand(config: Config) -> list[SparseRun]:
    """The runs that a command stands for, in the order in which they are made."""
    alone = len(config.method) == 1
    settings = []
    for seed in range(config.seed, config.seed + config.num_seeds):
        suffix = f"-seed{seed}" if config.num_seeds > 1 else ""
        found = config.mask_from and str(folder_of(config.mask_from))
        # In the order of the registry: what takes masks comes after what finds them.
        for row in [row for name, row in METHODS.items() if name in config.method]:
            root = folder_of(config.workdir or f"runs/{config.dataset}")
            if not (alone and config.workdir):
                root /= row.solution
            folder = str(folder_of(f"{root}{suffix}"))
            if row.name == "pruning":
                found = folder
            new = {"method": row.name, "seed": seed, "workdir": folder}
            # Of this command's pruning only what cannot do without masks takes them.
            if takes := row.taken(config.mask_from):
                new["mask_from"] = found
                if takes == ("masks",) and not config.mask_from:
                    new["seed"] = seed + _SCRATCH_SEED
            made = SparseRun.of(config, **new)
            settings += levels.expand(made) if "level" in row.takes else [made]
    return settings


def with_settings_of_mask(argv: list[str] | None = None) -> Config | None:
    """The defaults that `--mask-from RUN` brings: RUN's settings but for a few."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    # A value that is missing is told by `parse`.
    parser.add_argument("--mask-from", "--mask_from", nargs="?")
    parser.add_argument("--workdir", nargs="?")
    given = parser.parse_known_args(argv)[0]
    if given.mask_from is None:
        return None
    from landscape import runs
    from train import mask_source

    name = mask_source.located(given.mask_from, given.workdir)
    theirs = runs.read_config(runs.parse(name).folder)
    mask_source.check_gives(name, theirs)
    return defaults_of_mask(name, theirs)


def defaults_of_mask(name: str, theirs: SparseRun) -> Config:
    """The defaults beside `--mask-from`: the settings of that run but for a few."""
    own = {f: getattr(Config(), f) for f in ("workdir", "seed", "rewind_to")}
    # Named on the command line as well; here it lets the defaults pass their checks.
    return Config.of(theirs, **own, mask_from=name, method=("lottery",))


def run(config: Config) -> list[dict[str, Any]]:
    """Trains, prints what came out, draws the methods, and returns the summaries."""
    from landscape import data
    from train import checks, mask_source

    settings = expand(config)
    if config.mask_from:
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
        from train import job, report, small_dense, together

    settings = small_dense.sized(settings)
    at_once = config.seeds_at_once or together.default_number(config.num_seeds)
    summaries = job.run_all(settings, mask_source.start_from, at_once)
    report.print_outcome(settings, summaries)
    return summaries


def read(argv: list[str] | None = None) -> Config:
    """The settings of a command line; flags that its methods do not use are refused.

    Those that `--mask-from` brings are not: they say how its masks were found.
    """
    config = parse(Config, __doc__, default=with_settings_of_mask(argv), argv=argv)
    check_used(Config, sys.argv[1:] if argv is None else argv, config.method, METHODS)
    return config


if __name__ == "__main__":
    launch(lambda: run(read()))
