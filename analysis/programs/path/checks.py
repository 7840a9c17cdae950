"""What can be refused of a path before JAX is loaded."""

from collections.abc import Sequence
from pathlib import Path

from analysis.programs import checks
from analysis.programs.path.options import Config
from landscape import runs
from landscape.errors import InputError
from landscape.tables import counted


def check(config: Config, refs: Sequence[runs.Ref], where: Path) -> None:
    """Refuses what can be known to fail, before JAX is loaded."""
    first, _ = checks.same_space(refs, config.data_dir)
    if checks.is_finished(where):
        return
    asked = config.num_examples if config.split == "train" else None
    count = checks.num_examples(first, asked)
    if config.split == "train":
        checks.check_statistics(refs[0], config, count)
    if config.kind != "line":
        _check_curve(config, refs, count)
    checks.load_jax(where)


def _check_curve(config: Config, refs: Sequence[runs.Ref], count: int) -> None:
    if config.batch_size > count:
        raise InputError(
            f"--batch-size {config.batch_size} of a curve's training is more than the"
            f" {counted(count, 'example')}."
        )
    # With --align, too: the curve before it is between the same masks.
    if checks.masks_differ(refs):
        check_masks(config, same=False)


def needs_one_mask(config: Config) -> bool:
    """Whether a path is a curve in the sparse subspace."""
    return config.kind != "line" and config.subspace == "sparse"


def check_masks(config: Config, same: bool) -> None:
    """Raises InputError for a curve in the sparse subspace of different masks."""
    if needs_one_mask(config) and not same:
        raise InputError(
            f"the masks of {config.run_a} and {config.run_b} differ"
            f"{' after alignment' if config.align else ''}: no sparse subspace contains"
            " both; --subspace dense uses all dimensions."
        )
