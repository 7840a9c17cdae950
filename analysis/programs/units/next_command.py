"""The command to try after the units of a run were looked at."""

import shlex
from dataclasses import replace
from typing import Any

from analysis.programs.kept_steps import FEW, training_command
from landscape import runs
from landscape.cli import command


def next_command(config: Any, result: dict[str, Any]) -> str:
    """The next command to try.

    A training that keeps more steps, where few were kept; else a smaller network, or
    the other place of the units.

    Args:
      config: `analysis.units.Config`.
      result: of it.
    """
    ref = runs.parse(config.run)
    if len(result["steps"]) <= FEW and ref.step is None:
        following = training_command(str(ref.folder), runs.read_config(ref.folder))
        if following is not None:
            return following
    split = next(iter(result["losses"]))
    if any(row["dead"][split] for row in result["groups"].values()):
        words = ["--from", str(ref), "--keep-params", "0.5"]
        words += ["--workdir", f"{ref.folder}-small"]
        words += ["--data-dir", config.data_dir] if config.data_dir else []
        return shlex.join(["python", "-m", "train.units", *words])
    other = {"after": "before", "before": "after"}[config.where]
    again = replace(config, where=other, export=None)
    return command("analysis.units", again, positional=("run",))
