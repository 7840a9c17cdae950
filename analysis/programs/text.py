"""Text that the programs share."""

from typing import Any

from landscape.tables import counted

EXAMPLE = {"train": "training example", "test": "test example"}
"""What an example of a split is called."""


def describe_data(result: dict[str, Any]) -> str:
    """The examples that a loss is averaged over, and the statistics of batch norm.

    >>> describe_data({"num_examples": 9, "batch_norm": "batch"})
    '9 training examples, batch norm: batch statistics'
    >>> data = {"dataset": "digits", "split": "test"}
    >>> describe_data(data | {"num_examples": 360, "batch_norm": "none"})
    'digits: 360 test examples'
    """
    norm = result["batch_norm"]
    norms = "" if norm == "none" else f", batch norm: {norm} statistics"
    # Older results name no data set, and are of the training split.
    dataset = f"{result['dataset']}: " if "dataset" in result else ""
    example = EXAMPLE[result.get("split", "train")]
    return f"{dataset}{counted(result['num_examples'], example)}{norms}"


def evenly(count: int, shown: int) -> list[int]:
    """At most `shown` of the indices below `count`, with the first and the last.

    >>> evenly(3, 12), len(evenly(100, 12)), evenly(100, 12)[-1]
    ([0, 1, 2], 12, 99)
    """
    if count <= shown:
        return list(range(count))
    return [round(i * (count - 1) / (shown - 1)) for i in range(shown)]


def short_names(names: list[str]) -> list[str]:
    """Names of runs without their folders, if they remain as different as they are.

    >>> short_names(["runs/digits/pruned@init", "runs/digits/pruned"])
    ['pruned@init', 'pruned']
    >>> short_names(["runs/digits/pruned", "runs/digits/pruned/"])
    ['pruned', 'pruned']
    """
    names = [name.rstrip("/") for name in names]
    short = [name.rpartition("/")[2] for name in names]
    return short if len(set(short)) == len(set(names)) else names
