"""Trains the rows of the table, the published ones first, and compares them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.studies.gradient_flow import (
    agreement,
    predictions,
    rows,
    table,
    trainings,
)
from analysis.studies.gradient_flow.config import Config
from analysis.studies.gradient_flow.scales import Scale
from analysis.studies.steps import Steps
from analysis.studies.study import AGAIN
from analysis.studies.training import train
from landscape.config import RunConfig
from landscape.disk.files import write_atomically, writing
from train.settings import mask_source, small_dense

TABLE = "table.txt"

Part = dict[str, Any]


def measure(config: Config, scale: Scale, steps: Steps) -> dict[str, Part]:
    """Trains all networks that are not there yet; table.txt grows with every row.

    Returns:
      Name of a row -> `table.numbers`, with `varies`, and of each network
      `parameters`, those that are not zero, and `train_loss`.
    """
    root = trainings.root_of(config)
    steps.begin("the pruned network")
    settings = trainings.pruned(scale, root)
    summary = train(settings)
    logits, labels = predictions.of(settings.workdir, config.folder)
    theirs = agreement.classes(logits)
    found = {"pruned": _row([summary], logits[None], labels, theirs, "-")}
    for row in rows.chosen(config.published):
        summaries, networks = [], []
        for each in _sized(trainings.of_row(scale, root, row)):
            steps.begin(f"{row.name}, {Path(each.workdir).name}")
            summaries.append(train(each, mask_source.start_from(each)))
            networks.append(predictions.of(each.workdir, config.folder)[0])
        ours = np.stack(networks)
        found[row.name] = _row(summaries, ours, labels, theirs, row.varies)
        _keep(config.folder, table.format_rows(found, scale.published))
    return found


def _sized(settings: list[RunConfig]) -> list[RunConfig]:
    """With the narrower network where the method is one; its widths are said once."""
    (first,) = small_dense.sized(settings[:1])
    return [replace(x, model=first.model, widths=first.widths) for x in settings]


def _row(summaries, logits, labels, pruned, varies: str) -> Part:
    return table.numbers(logits, labels, pruned) | {
        "varies": varies,
        "parameters": [summary["num_nonzero"] for summary in summaries],
        "train_loss": [summary["train_loss"] for summary in summaries],
    }


def _keep(folder: Path, text: str) -> None:
    """What an interrupted sitting leaves to be read."""
    with writing(folder / TABLE, AGAIN):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / TABLE, text + "\n")
