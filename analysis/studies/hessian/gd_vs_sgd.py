"""Gradient descent and SGD side by side (Sagun et al. 2016, figure 8).

From one initialisation, and from two: the distance between them after equal numbers of
steps, and the loss on the straight line between them.
"""

from typing import Any

import numpy as np

from analysis import evaluation, paths
from analysis.studies.hessian.measurements import stored
from analysis.studies.hessian.scales import PLAIN, Scale
from analysis.studies.training import train
from landscape import runs, trees
from landscape.config import DenseRun

MOMENTS = 8
"""Moments of training, equally far apart, beside the initialisation."""

TS = np.linspace(0, 1, 21)
OTHER = 1
"""The seed of another initialisation and order; that of the first two is 0."""


def measure(scale: Scale, root: str) -> dict[str, dict[str, Any]]:
    """Of one seed: "one start" and "two starts" -> what is between GD and SGD.

    The network, rate and small batches are those of the comparison of batch sizes;
    root: of the runs.

    Returns:
      `step`, [T]; `distance` between the two, and the `travelled` one of gradient
      descent, [T]; `train_loss` on the line, [T, 21], gradient descent at t = 0.
    """
    model, widths = scale.batch_model
    settings = PLAIN | scale.images | {
        "model": model, "widths": widths, "batch_size": scale.images["num_train"],
        "learning_rate": scale.batch_rates[0],
    }  # fmt: skip
    small, every = scale.batches[0], scale.batch_steps // MOMENTS
    steps = [every * i for i in range(MOMENTS + 1)]

    def trained(kind: str, **changes: Any) -> str:
        name = f"{root}/descents/{kind}"
        fields = {**settings, "keep_every": every, "workdir": name}
        train(DenseRun(**fields | {"steps": steps[-1]} | changes))
        return name

    descent = trained("gd")
    others = {
        "one start": trained("sgd", batch_size=small),
        "two starts": trained("sgd-elsewhere", batch_size=small, seed=OTHER),
    }
    return {
        words: {
            name: values.tolist()
            for name, values in stored(
                other, "between", {"with": descent, "steps": steps},
                lambda other=other: _between(descent, other, steps),
            ).items()
        }
        for words, other in others.items()
    }  # fmt: skip


def _between(descent: str, other: str, steps: list[int]) -> dict[str, np.ndarray]:
    found: dict[str, list] = {"distance": [], "travelled": [], "train_loss": []}
    start = runs.load(f"{descent}@0", data=False).state.params
    for step in steps:
        first, second = (runs.load(f"{name}@{step}") for name in (descent, other))
        ends = first.state.params, second.state.params
        found["distance"].append(trees.norm(trees.axpy(-1.0, *ends)))
        found["travelled"].append(trees.norm(trees.axpy(-1.0, start, ends[0])))
        loss_fn, _ = evaluation.of_objective(first.objective)
        values = paths.evaluate(paths.line(*ends), loss_fn, first.data.train, TS)
        found["train_loss"].append(values["loss"])
    return {"step": np.array(steps)} | {k: np.array(v) for k, v in found.items()}
