"""The levels of iterative magnitude pruning: which runs they are."""

from dataclasses import replace
from pathlib import Path

from landscape import runs
from landscape.config import SparseRun

NAME = "level-{}"


def expand(config: SparseRun) -> list[SparseRun]:
    """The runs of all levels, in folders of `config.workdir`, the dense one first.

    Level 0 trains all weights. Each other level takes the run of the one before: it
    keeps the weights that are largest there at the end, and sets them back to what they
    were when that run began (which were rewound then), or, the first of them, to those
    of --rewind-to.

    Raises:
      InputError: the levels do not lead to the sparsity.

    >>> made = expand(SparseRun(method="imp", sparsity=0.3, workdir="w"))
    >>> for run in made:
    ...     print(run.workdir, run.sparsity, run.mask_from)
    w/level-0 0.0 None
    w/level-1 0.2 w/level-0
    w/level-2 0.3 w/level-1
    """
    folder = f"{config.workdir}/{NAME}".format
    made = []
    for level, sparsity in enumerate(config.level_sparsities()):
        made.append(
            replace(
                config,
                sparsity=sparsity,
                workdir=folder(level),
                mask_from=folder(level - 1) if level else None,
                rewind_to=config.rewind_to if level == 1 else None,
            )
        )
    return made


def settings_of_command(folder: Path, config: SparseRun) -> SparseRun:
    """The settings of a command whose last level is this one.

    Args:
      folder: of the level; the one to which the weights were rewound is known by the
        first of them that is beside it.
      config: the settings of that run.
    """
    first = folder.with_name(NAME.format(1))
    if (first / runs.CONFIG).exists():
        config = replace(config, rewind_to=runs.read_config(first).rewind_to)
    return replace(config, mask_from=None)
