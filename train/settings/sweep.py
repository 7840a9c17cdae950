"""Which flags of a training command may have several values, each in runs of its own;
imports nothing heavy."""

from pathlib import Path
from typing import Any

from landscape.disk.folders import folder_of
from landscape.registries.data_names import short

_OF_ALL = "all runs of a sweep have the same"
FIXED = {
    "workdir": "the runs of a sweep are in folders below one",
    "seed": "--num-seeds makes runs of several",
    "num_seeds": _OF_ALL,
    "seeds_at_once": _OF_ALL,
    "mask_from": "name one, or make the masks in the sweep, by --method",
    "source": "name one",
    "data_dir": _OF_ALL,
    "num_devices": _OF_ALL,
    "workers": _OF_ALL,
    "log_every": _OF_ALL,
    "eval_every": _OF_ALL,
    "save_every": _OF_ALL,
    "keep_every": _OF_ALL,
    "profile": _OF_ALL,
}
"""Those that may not, and why, or what else serves."""


def root_of(config: Any, below: str) -> Path:
    """The folder of a point of a sweep: in --workdir, or in runs/DATASET.

    Args:
      config: its settings.
      below: its folder in that of all.

    >>> from landscape.config import DenseRun
    >>> for below in ("", "steps-9", "dataset-digits/steps-9"):
    ...     print(root_of(DenseRun(), below))
    runs/digits
    runs/digits/steps-9
    runs/dataset-digits/steps-9
    """
    # Several data sets have one folder above them, too.
    several = any(part.startswith("dataset-") for part in below.split("/"))
    usual = "runs" if several else f"runs/{short(config.dataset)}"
    return folder_of(config.workdir or usual) / below
