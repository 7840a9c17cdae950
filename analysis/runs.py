"""Prints one table of all run folders at or below a folder.

    python -m analysis.runs runs/

What each run is, how sparse, how good, and whether it is finished.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import dataclass
from pathlib import Path

from landscape.cli import Positional, launch, parse
from landscape.errors import InputError
from landscape.folders import folder_of


@dataclass(frozen=True)
class Config:
    root: Positional[str] = "runs"
    """The folder to look in."""


def run(config: Config) -> str:
    """Returns the table.

    Raises:
      InputError: there is no such folder, or no run in it.
    """
    from landscape import runs

    root = folder_of(config.root)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder.")
    folders = runs.find(root)
    if not folders:
        raise InputError(
            f"{root} holds no run folder; python -m train.sparse makes some."
        )
    return table(folders)


def table(folders: list[Path]) -> str:
    """One row a run folder; what cannot be read says so in its row."""
    from landscape import checkpoint_tables, runs
    from landscape.tables import counted, format_table

    rows = []
    for folder in folders:
        try:
            config = runs.read_config(folder)
            summary = runs.read_summary(folder)
            ended = runs.read_end(folder)
        except (InputError, ValueError) as error:
            rows.append([str(folder), *["-"] * 8, f"unreadable: {error}"])
            continue
        kept = checkpoint_tables.steps(folder / runs.CHECKPOINTS)
        if summary:
            state = f"finished, {counted(config.steps, 'step')}"
        elif ended:
            state = f"diverged: {ended}"
        elif kept:
            state = f"saved at step {max(kept)} of {config.steps}"
        else:
            state = "started, nothing saved"
        rows.append(
            [
                str(folder),
                config.method,
                config.dataset,
                config.model,
                str(config.seed),
                f"{summary['num_params']:,}"
                if "num_params" in (summary or {})
                else "-",
                f"{100 * summary['sparsity']:.2f} %" if summary else "-",
                f"{summary['train_loss']:.4f}" if summary else "-",
                f"{100 * summary['test_accuracy']:.2f} %" if summary else "-",
                state,
            ]
        )
    header = [
        "run", "method", "data", "model", "seed", "parameters", "sparsity",
        "train loss", "test accuracy", "state",
    ]  # fmt: skip
    return format_table(header, rows)


if __name__ == "__main__":
    launch(lambda: print(run(parse(Config, __doc__))))
