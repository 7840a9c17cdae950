"""Where a run that takes masks, weights or the network of another gets them from."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landscape import buckets, runs
from landscape.aliases import Masks
from landscape.config import RunConfig, SparseRun
from landscape.disk import checkpoint_tables
from landscape.disk.folders import folder_of
from landscape.errors import InputError, typed, with_article
from landscape.registries.methods import DENSE_METHODS, method_row
from landscape.runs import sources

OF_THE_MASK = (
    "sparsity",
    "nm",
    "distribution",
    "dense_layers",
    "max_sparsity",
    "global_pruning",
    "score",
    "score_scale",
    "score_examples",
    "score_rounds",
    "per_layer",
    "grasp_temperature",
)
"""Settings that describe masks: those of a run that takes them are the same."""

KINDS = {"mask_from": "masks", "source": "network", "parent": "parent network"}
"""Settings that name another run, and what is taken from it, as in sources.json."""


def check(config: SparseRun) -> None:
    """Refuses a `mask_from` that cannot serve the method.

    Touches no device, so it comes before anything is trained.

    Raises:
      InputError: the run is dense, has the seed of a scratch run or settings of another
        mask; or a step that is needed was not kept.
    """
    takes = method_row(config.method).takes
    source = runs.parse(config.mask_from)
    theirs = runs.read_config(source.folder)
    check_gives(config.mask_from, theirs)
    if not {"weights", "solution"} & {*takes} and theirs.seed == config.seed:
        raise InputError(
            f"--seed {config.seed} is also the seed of {config.mask_from}: a"
            f" {config.method} network needs an initialisation of its own, as with"
            f" --seed {config.seed + 1}."
        )
    # A level is sparser than the one before it, and else of the same kind.
    for field in OF_THE_MASK[1:] if "level" in takes else OF_THE_MASK:
        seen, wanted = getattr(config, field), getattr(theirs, field)
        if seen != wanted:
            raise InputError(
                f"--{field.replace('_', '-')} {typed(seen)} is not that of"
                f" {config.mask_from}, {typed(wanted)}, whose mask is taken."
            )
    runs.step_of(source, theirs)
    if "weights" in takes:
        runs.step_of(_first(config, source), theirs)


def check_gives(name: str, theirs: RunConfig) -> None:
    """Raises InputError if a run of settings `theirs` has no masks to take."""
    if not isinstance(theirs, SparseRun) or theirs.method in DENSE_METHODS:
        raise InputError(
            f"--mask-from {name}: {with_article(theirs.method)} run gives no masks."
        )


def describe(name: str, folder: Path) -> dict[str, Any]:
    """How sources.json of a run in `folder` names the run that something is taken from.

    Returns:
      Its path from there, the step that is taken, and the digest of that state.
    """
    source = runs.parse(name)
    step = runs.step_of(source)
    state = checkpoint_tables.leaves_digest(source.folder / runs.CHECKPOINTS, step)
    path = os.path.relpath(source.folder, folder)
    if (buckets.name_of(source.folder) is None) != (buckets.name_of(folder) is None):
        # No way leads from a disk into a bucket.
        path = os.path.abspath(source.folder)
    return {"run": path, "step": step, "state": state}


def is_same(name: str, before: str, folder: Path, kind: str = "masks") -> bool:
    """Whether `name` is the state from which the run in `folder` took something.

    Args:
      name: of the flag.
      before: the same when the run was started.
      folder: of the run that took it.
      kind: what it took, see `KINDS`.
    """
    known = sources.read(folder).get(kind)
    if known is not None and _is_run(name):
        return _state(runs.parse(name)) == known["state"]
    # The source is not there, or the run is older than digests.
    here, there = (os.path.abspath(folder_of(each)) for each in (name, before))
    return here == there


def located(name: str, workdir: str | None, kind: str = "masks") -> str:
    """`name` of a flag or, if no such run is there, where that run is now.

    It is looked for where it was before from the run in `workdir` that took something
    of it (`KINDS`), and beside that; it has the state that was taken.
    """
    if workdir is None or _is_run(name):
        return name
    folder, source = folder_of(workdir), runs.parse(name)
    known = sources.read(folder).get(kind)
    if known is not None:
        there = buckets.copy_of(known["run"]) or folder / known["run"]
        for path in (there, folder.parent / source.folder.name):
            found = source._replace(folder=Path(os.path.normpath(path)))
            if _is_run(str(found)) and _state(found) == known["state"]:
                return str(found)
    return name


def _is_run(name: str) -> bool:
    return (runs.parse(name).folder / runs.CONFIG).exists()


def _state(ref: runs.Ref) -> str | None:
    """The digest of a state; None if it is not there."""
    step = runs.read_config(ref.folder).steps if ref.step is None else ref.step
    checkpoints = ref.folder / runs.CHECKPOINTS
    there = step in checkpoint_tables.steps(checkpoints)
    return checkpoint_tables.leaves_digest(checkpoints, step) if there else None


def _first(config: SparseRun, source: runs.Ref) -> runs.Ref:
    """The state whose weights a lottery run takes."""
    return runs.Ref(source.folder, config.rewind_to or 0)


def start_from(config: SparseRun) -> Callable | None:
    """A function that takes masks, and perhaps weights, from the run of --mask-from.

    Returns:
      From the shapes of a state to the params, batch statistics and masks of step 0
      (None: drawn); or None if nothing is taken.
    """
    takes = method_row(config.method).taken(config.mask_from)
    if not takes:
        return None

    def start(like):
        check(config)
        source = runs.parse(config.mask_from)
        given = runs.describe(
            source.folder, data=False, data_dir=config.data_dir
        ).shapes
        # Those of a level are made from those of one that may have had none.
        tree = "params" if "level" in takes else "masks"
        if _shapes(getattr(given, tree)) != _shapes(getattr(like, tree)):
            raise InputError(
                f"--mask-from {config.mask_from}: its masks do not fit {config.model}"
                f" on {config.dataset}."
            )
        found = runs.load(source, data=False, data_dir=config.data_dir)
        last, rules = found.state, found.objective.rules
        masks = _next(config, last, rules) if "level" in takes else last.masks
        final = "level" in takes and config.rewind == "learning-rate"
        if final or "solution" in takes:
            return last.params, last.batch_stats, masks
        if "weights" not in takes:
            return None, None, masks
        first = runs.load(
            _first(config, source), data=False, data_dir=config.data_dir
        ).state
        return first.params, first.batch_stats, masks

    return start


def _next(config: SparseRun, last: Any, rules: Any) -> Masks:
    """The masks of a level, from the last state of the one before."""
    # Not above: `check` does without JAX.
    from landscape.recipes import recipe
    from landscape.sparsity import updaters

    params, counts = last.params, recipe.counts_of(config, last.params, rules)
    return updaters.next_masks(
        params, last.masks, counts, global_=config.global_pruning
    )


def _shapes(masks: Masks) -> dict[str, tuple[int, ...]]:
    # Not above: `check` does without JAX.
    from landscape.trees import named_leaves

    return {name: mask.shape for name, mask in named_leaves(masks).items()}
