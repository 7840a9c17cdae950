"""What can be refused of an analysis before JAX is loaded: names, numbers and sizes."""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.programs import results
from analysis.programs.text import EXAMPLE
from landscape import data, patterns, runs
from landscape.cli import activity
from landscape.config import RunConfig
from landscape.disk import checkpoint_tables, locks
from landscape.disk.files import check_writable
from landscape.errors import InputError, typed
from landscape.registries import methods
from landscape.tables import counted

_OF_A_SPACE = (
    "model", "model_args", "widths", "activation", "dataset", "image_size", "inputs"
)  # fmt: skip


def same_space(
    refs: Sequence[runs.Ref], data_dir: str | None = None
) -> list[RunConfig]:
    """The settings of runs of one space.

    Args:
      refs: the runs.
      data_dir: where their data are now; default: where they had them.

    Raises:
      InputError: a run or a step is not there, or two are of different models or
        trained on different examples.
    """
    configs = [runs.read_config(ref.folder) for ref in refs]
    for ref, config in zip(refs, configs, strict=True):
        runs.step_of(ref, config)
    first, *others = configs
    for ref, other in zip(refs[1:], others, strict=True):
        for field in _OF_A_SPACE:
            ours, theirs = getattr(first, field), getattr(other, field)
            if ours != theirs:
                raise InputError(
                    f"{refs[0]} has {field} {typed(ours)} and {ref} {typed(theirs)}:"
                    " they lie in different spaces."
                )
        if _examples(first) != _examples(other):
            raise InputError(
                f"{refs[0]} and {ref} were trained on different examples"
                " (--data-seed, --num-train, --num-validation, --data-args or the"
                " settings of the blobs differ)."
            )
    if data_dir is None:
        return configs
    return [replace(config, data_dir=data_dir) for config in configs]


def load_jax(folder: Path) -> None:
    """Loads what computes, and says so on a terminal: it takes a second or more.

    Raises:
      InputError: first, if `folder`, of the result, cannot be written, or another
        process computes it.
    """
    check_writable(folder, "--output DIR names a folder elsewhere")
    locks.check_free(folder)
    with activity("loading JAX"):
        importlib.import_module("analysis.programs.inputs")


def is_finished(folder: Path) -> bool:
    """Whether an analysis is only to be read back, for which no data are needed."""
    return (folder / results.RESULT).exists()


def num_examples(config: RunConfig, asked: int | None) -> int:
    """How many training examples of a run are evaluated; None asks for all.

    Raises:
      InputError: there are fewer, or the data set is not there.
    """
    size = data.check(config)
    check_num_examples(config.dataset, asked, size)
    return size if asked is None else asked


def check_num_examples(
    dataset: str, asked: int | None, size: int, split: str = "train"
) -> None:
    """Raises InputError if more examples of a split are asked for than there are."""
    if asked is not None and asked > size:
        raise InputError(
            f"--num-examples {asked} is more than the"
            f" {counted(size, EXAMPLE[split])} of {dataset}."
        )


def check_statistics(ref: runs.Ref, options: Any, count: int) -> None:
    """Refuses batches of batch norm that are larger than all examples.

    Args:
      ref: the run.
      options: `analysis.programs.options.LossOptions`.
      count: number of examples.
    """
    whole = options.batch_norm != "batch" or options.batch_size <= count
    if not whole and any(name.startswith("batch_stats/") for name in _leaves(ref)):
        raise no_whole_batch(options.batch_size, count)


def no_whole_batch(batch_size: int, count: int) -> InputError:
    """Batch norm has no batch of that size among so few examples."""
    return InputError(
        f"a batch of {batch_size}, over which batch norm has its statistics,"
        f" is more than all {counted(count, 'example')}: use a smaller --batch-size."
    )


def check_top(config: Any, run: Any, size: int) -> None:
    """Refuses more eigenvalues of each end than half of all; the default is cut down.

    Args:
      config: `analysis.spectrum.Config`.
      run: names the run.
      size: the parameters that vary, or more.

    Raises:
      InputError: says how many there are.
    """
    if config.top > max(size // 2, type(config).top):
        raise InputError(
            f"--top {config.top} is of each end, and {run} has"
            f" {counted(size, 'eigenvalue')}: at most {size // 2};"
            " --exact finds all of a small network."
        )


def kept_states(ref: runs.Ref) -> list[runs.Ref]:
    """The states that a run kept, up to that of `ref`, in order.

    Raises:
      InputError: as in `landscape.runs.step_of`.
    """
    last = runs.step_of(ref)
    kept = sorted(checkpoint_tables.steps(ref.folder / runs.CHECKPOINTS))
    return [ref._replace(step=step) for step in kept if step <= last]


def masks_differ(refs: Sequence[runs.Ref]) -> bool:
    """Whether two states certainly have different masks, by their digests."""
    first, second = (
        {k: v for k, v in _leaves(ref).items() if k.startswith("masks/")}
        for ref in refs
    )
    return bool(first and second) and first != second


def check_layers(ref: runs.Ref, layers: Sequence[str]) -> None:
    """Raises InputError if a pattern names no layer of a run."""
    names = [name.partition("/") for name in _leaves(ref)]
    params = [name for field, _, name in names if field == "params"]
    if layers and params:
        patterns.matching(params, layers)


def _leaves(ref: runs.Ref) -> dict[str, Any]:
    folder = ref.folder / runs.CHECKPOINTS
    return checkpoint_tables.leaves(folder, runs.step_of(ref))


def _examples(config: RunConfig) -> list[Any]:
    fields = ["num_train", "num_validation"]
    row = methods.data_row(config.dataset)
    fields += [name for name in row.settings if name not in ("dataset", "data_dir")]
    if (config.num_train or config.num_validation) and "data_seed" not in fields:
        fields.append("data_seed")
    return [getattr(config, name) for name in fields]
