"""Images against random patterns (Sagun et al. 2016, figure 2)."""

import math
from typing import Any

from analysis.studies.hessian.measurements import everything
from analysis.studies.hessian.scales import PLAIN, Scale
from analysis.studies.training import train
from landscape import data
from landscape.config import DenseRun

VARIANCE = 1e6
"""Of clusters so wide that their centres do not matter: labels are random."""


def measure(scale: Scale, root: str) -> dict[str, dict[str, Any]]:
    """All eigenvalues of one network on images and on random patterns of their size.

    Two hidden layers, full batches; root: of the runs.

    Returns:
      "images" and "patterns" -> `initial` and `final` eigenvalues, descending, and
      the `train_loss`.
    """
    settings = PLAIN | scale.images | {
        "widths": (scale.noise_width,) * 2, "batch_size": scale.images["num_train"],
        "learning_rate": scale.width_rate, "steps": scale.width_steps,
    }  # fmt: skip
    images = DenseRun(**settings)
    shape = data.load(images).input_shape
    patterns = {
        "dataset": "blobs", "blob_dim": math.prod(shape), "blob_classes": 10,
        "blob_samples": images.num_train, "blob_variance": VARIANCE,
        "num_train": None,
    }  # fmt: skip
    found = {}
    for kind, changes in (("images", {}), ("patterns", patterns)):
        name = f"{root}/noise/{kind}/seed-0"
        run = DenseRun(**settings | changes | {"seed": 0, "workdir": name})
        summary = train(run)
        found[kind] = {
            "initial": everything(f"{name}@init").tolist(),
            "final": everything(name).tolist(),
            "train_loss": summary["train_loss"],
        }
    return found
