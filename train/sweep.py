"""Which flags of a training command may have several values, each in runs of its own;
imports nothing heavy."""

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
