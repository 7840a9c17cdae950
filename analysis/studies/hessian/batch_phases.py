"""Training with large batches, then with small ones, and the line between the ends.

Paper 3, figures 7 and 8: at the switch the training loss jumps, then it falls again;
the straight line between the two ends shows whether there is a barrier between them.
"""

from typing import Any

import numpy as np

from analysis import evaluation, paths
from analysis.studies.hessian.measurements import stored
from analysis.studies.hessian.scales import PLAIN, Phases
from analysis.studies.training import train
from landscape import runs
from landscape.config import DenseRun

POINTS = 43
"""On [-1, 2]: steps of 1/14, half of the paper's, so that 0, 1/2 and 1 are points."""

NEAR = 20
"""Steps of which the training loss is a mean."""


def measure(setting: Phases, root: str, seed: int) -> dict[str, Any]:
    """Both trainings of one seed, and the line from the first end to the second.

    Returns:
      `before`, training loss at the end of the first; `peak`, the largest mean over 20
      steps of the second; `after`; `curves` by phase (step, train_loss over the last 20
      steps, and test_step, test_loss, test_accuracy); `ts`, and along the line
      train_loss, test_loss, train_accuracy and test_accuracy.
    """
    first = f"{root}/phases/large/seed-{seed}"
    second = f"{root}/phases/small/seed-{seed}"
    model, widths = setting.model
    shared = PLAIN | setting.images | {
        "model": model, "widths": widths, "learning_rate": setting.rate,
        "steps": setting.steps, "seed": seed, "log_every": NEAR,
    }  # fmt: skip
    small, large = setting.batches
    one = train(DenseRun(**shared, batch_size=large, workdir=first))

    def from_first(like):
        state = runs.load(first, data=False).state
        return state.params, state.batch_stats, None

    # The examples have another order than before, as in a longer training.
    two = train(
        DenseRun(
            **shared, batch_size=small, order_seed=seed + 1000, workdir=second
        ),
        from_first,
    )  # fmt: skip
    curves = [_curves(first, 0), _curves(second, setting.steps)]
    line = stored(second, "line", {"points": POINTS}, lambda: _line(first, second))
    return {
        "before": one["train_loss"],
        "peak": max(curves[1]["train_loss"]),
        "after": two["train_loss"],
        "curves": curves,
    } | {name: values.tolist() for name, values in line.items()}


def _curves(name: str, offset: int) -> dict[str, list[float]]:
    lines = runs.read_metrics(runs.parse(name).folder)
    train, test = (
        [line for line in lines if line["split"] == split]
        for split in ("train", "test")
    )
    return {
        "step": [offset + line["step"] for line in train],
        "train_loss": [line["loss"] for line in train],
        "train_accuracy": [line["accuracy"] for line in train],
        "test_step": [offset + line["step"] for line in test],
        "test_loss": [line["loss"] for line in test],
        "test_accuracy": [line["accuracy"] for line in test],
    }


def _line(first: str, second: str) -> dict[str, np.ndarray]:
    ends = [runs.load(name) for name in (first, second)]
    ts = np.linspace(-1, 2, POINTS)
    path = paths.line(*(run.state.params for run in ends))
    loss_fn, _ = evaluation.of_objective(ends[0].objective)
    found = {"ts": ts}
    for split in ("train", "test"):
        data = getattr(ends[0].data, split)
        values = paths.evaluate(path, loss_fn, data, ts)
        found |= {
            f"{split}_{name}": np.asarray(values[name]) for name in ("loss", "accuracy")
        }
    return found
