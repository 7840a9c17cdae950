"""Trains sparse networks: pruned, lottery, scratch and static solutions.

    python -m train.sparse
    python -m train.sparse --method pruning --sparsity 0.98 --workdir runs/pruned
    python -m train.sparse --method lottery --mask-from runs/pruned
    python -m train.sparse --method scratch --mask-from runs/pruned --seed 1

Without arguments: digits pruned to 95 %, then the lottery network (the initial weights
of that run) and the scratch network (new weights) inside the mask that pruning found.
That takes about 20 s on 2 cores; near 97 % of the test digits are read right.
"""

import argparse
from dataclasses import dataclass, fields
from typing import Any

from landscape.config import METHODS, SparseConfig, SparseRun
from landscape.errors import InputError, check_choice
from landscape.program import main, parse

SOLUTIONS = {
    "pruning": "pruned",
    "lottery": "lottery",
    "scratch": "scratch",
    "static": "static",
}
_SCRATCH_SEED = 1000
"""Added to the seed of a pruned run for the scratch run of the same command."""


@dataclass(frozen=True)
class Config(SparseConfig):
    method: tuple[str, ...] = ("pruning", "lottery", "scratch")
    """pruning, lottery, scratch or static; of several, lottery and scratch take the
    mask that this command's pruning finds."""
    num_seeds: int = 1
    """Repeat with this many consecutive seeds, one folder each."""

    def __post_init__(self):
        super().__post_init__()
        self._require("num_seeds", lambda v: v >= 1, "at least 1")
        for name in self.method:
            check_choice("method", name, METHODS[1:])
        if not self.method or len(set(self.method)) < len(self.method):
            raise InputError(
                f"--method needs one or more different names, not {self.method}."
            )
        for name in ("lottery", "scratch"):
            found = self.mask_from or "pruning" in self.method
            if name in self.method and not found:
                raise InputError(
                    f"--method {name} needs --mask-from RUN, the run whose masks it"
                    " takes (or --method pruning beside it)."
                )
        if self.mask_from and {"pruning", "static"} & set(self.method):
            raise InputError(
                "--mask-from goes with --method lottery or scratch, not"
                f" {' '.join(self.method)}."
            )
        if self.rewind_to is not None and "lottery" not in self.method:
            raise InputError("--rewind-to goes with --method lottery.")


def expand(config: Config) -> list[SparseRun]:
    """The runs that a command stands for, in the order in which they are made."""
    shared = {f.name: getattr(config, f.name) for f in fields(SparseConfig)}
    alone = len(config.method) == 1
    order = [name for name in SOLUTIONS if name in config.method]
    settings = []
    for seed in range(config.seed, config.seed + config.num_seeds):
        suffix = f"-seed{seed}" if config.num_seeds > 1 else ""
        found = config.mask_from
        for method in order:
            if alone and config.workdir:
                folder = config.workdir + suffix
            else:
                root = config.workdir or f"runs/{config.dataset}"
                folder = f"{root}/{SOLUTIONS[method]}{suffix}"
            if method == "pruning":
                found = folder
            new = {"method": method, "seed": seed, "workdir": folder}
            if method in ("lottery", "scratch"):
                new["mask_from"] = found
                if method == "scratch" and not config.mask_from:
                    new["seed"] = seed + _SCRATCH_SEED
            settings.append(SparseRun(**shared | new))
    return settings


def with_settings_of_mask(argv: list[str] | None = None) -> Config | None:
    """The defaults that `--mask-from RUN` brings: RUN's settings but for a few."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--mask-from", "--mask_from", default=None)
    name = parser.parse_known_args(argv)[0].mask_from
    if name is None:
        return None
    from landscape import runs

    theirs = runs.read_config(runs.parse(name)[0])
    if not isinstance(theirs, SparseRun):
        raise InputError(f"--mask-from {name}: a dense run has no masks.")
    shared = {f.name: getattr(theirs, f.name) for f in fields(SparseConfig)}
    own = {f: getattr(Config(), f) for f in ("workdir", "seed", "rewind_to")}
    # Named on the command line as well; here it lets the defaults pass their checks.
    return Config(**shared | own | {"mask_from": name, "method": ("lottery",)})


def start_from(config: SparseRun):
    """For lottery and scratch: what takes masks (and weights) from `mask_from`."""
    if config.method not in ("lottery", "scratch"):
        return None
    from landscape import runs
    from landscape.trees import named_leaves

    def shapes_of(masks):
        return {name: mask.shape for name, mask in named_leaves(masks).items()}

    def start(like):
        name = config.mask_from
        folder, _ = runs.parse(name)
        theirs, _, _, shapes = runs.describe(folder)
        if config.method == "scratch" and theirs.seed == config.seed:
            raise InputError(
                f"--seed {config.seed} is also the seed of {name}: a scratch network"
                " needs an initialisation of its own."
            )
        if shapes_of(shapes.masks) != shapes_of(like.masks):
            raise InputError(
                f"--mask-from {name}: its masks do not fit {config.model} on"
                f" {config.dataset} with these layers kept dense."
            )
        first = f"{folder}@{config.rewind_to or 0}"
        # Reading touches a device, and mistakes are to be found before.
        for source in (name, first):
            runs.step_of(source)
        masks = runs.load(name).masks
        if config.method == "scratch":
            return None, masks
        return runs.load(first).state.params, masks

    return start


def run(config: Config) -> list[dict[str, Any]]:
    """Trains, prints what came out, draws the methods, and returns the summaries."""
    from train import job, report

    settings = expand(config)
    summaries = [job.carry_out(each, start_from(each)) for each in settings]
    report.print_outcome(settings, summaries)
    return summaries


if __name__ == "__main__":
    main(lambda: run(parse(Config, __doc__, default=with_settings_of_mask())))
