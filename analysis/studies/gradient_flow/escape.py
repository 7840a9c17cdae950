"""RigL's escape: trained again from a static solution, with masks that change or not.

As figure 6 (right) of the RigL paper (arXiv:1911.11134): static training ends in a
solution from which more of the same leads nowhere; RigL leaves it.
"""

from typing import Any

from analysis.studies.gradient_flow.escape_settings import AGAIN, trainings
from analysis.studies.gradient_flow.scales import Scale
from analysis.studies.steps import Steps
from analysis.studies.training import train
from landscape import runs
from train.settings import mask_source


def num_steps(scale: Scale) -> int:
    """Seeds of all sparsities."""
    return len(scale.escape_sparsities) * scale.escape_seeds


def measure(scale: Scale, root: str, steps: Steps) -> dict[str, dict[str, Any]]:
    """Sparsity -> "start", "static", "rigl" -> training loss at the end, by seed.

    Also `accuracy`, of the same on test examples, and `curves`: method -> for each seed
    steps and means of the loss over the steps since the one before.
    """
    found: dict[str, dict[str, Any]] = {}
    for sparsity in scale.escape_sparsities:
        names = ("start", *AGAIN)
        each: dict[str, Any] = {name: [] for name in names}
        each |= {"accuracy": {n: [] for n in names}, "curves": {n: [] for n in names}}
        for seed in range(scale.escape_seeds):
            steps.begin(f"escape from static at {sparsity:g}, seed {seed}")
            for name, one in trainings(scale, root, sparsity, seed).items():
                summary = train(one, mask_source.start_from(one))
                each[name].append(summary["train_loss"])
                each["accuracy"][name].append(summary["test_accuracy"])
                each["curves"][name].append(_curve(one.workdir))
        found[f"{sparsity:g}"] = each
    return found


def _curve(folder: str) -> list[list[float]]:
    lines = runs.read_metrics(runs.parse(folder).folder)
    lines = [line for line in lines if line["split"] == "train"]
    return [[line["step"] for line in lines], [line["loss"] for line in lines]]
