"""Words that the programs of this folder share."""

from typing import Any


def of_data(result: dict[str, Any]) -> str:
    """What a loss was averaged over, and with which statistics of batch norm.

    >>> of_data({"num_examples": 9, "batch_norm": "batch"})
    '9 examples, batch norm: batch statistics'
    """
    norm = result["batch_norm"]
    norms = "" if norm == "none" else f", batch norm: {norm} statistics"
    return f"{result['num_examples']} examples{norms}"


def short_names(names: list[str]) -> list[str]:
    """Names of runs without the folders they share, as long as they stay apart.

    >>> short_names(["runs/digits/pruned@init", "runs/digits/pruned"])
    ['pruned@init', 'pruned']
    """
    short = [name.rstrip("/").rpartition("/")[2] for name in names]
    return short if len(set(short)) == len(names) else names
