"""What scores of weights and removals come to: counts and rank correlations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.programs.ranks import rank_correlation
from landscape import trees
from landscape.aliases import Params
from landscape.layout import layer_name

ALL = "all layers"


def summary(
    params: Params, arrays: Mapping[str, np.ndarray], names: Sequence[str]
) -> dict[str, Any]:
    """What was found, for result.json.

    Args:
      params: of the network.
      arrays: of `resumable.removals`.
      names: of the scores.

    Returns:
      "oracle", "by_layer" and "increase", see below.

    A score without a negative value is compared with the change of the loss in
    magnitude, any other with the change itself: "oracle", by score, is "absolute" or
    "signed". "by_layer" has its "kernel", counts of weights ("size", "kept",
    "evaluated"; "nothing": the change is within rounding; "zero": it is exactly 0),
    "rounding", nats, and "correlations", by score. "increase", by score and layer, or
    `ALL`, is the rise of the loss at each of `FRACTIONS`.
    """
    kept_of = {
        name.removeprefix("kept/"): indices
        for name, indices in arrays.items()
        if name.startswith("kept/")
    }
    values = {n: [arrays[f"score/{n}/{k}"] for k in kept_of] for n in names}
    signed = {n: any((x < 0).any() for x in each) for n, each in values.items()}
    shapes = trees.named_leaves(params)
    layers = {}
    for number, (kernel, kept) in enumerate(kept_of.items()):
        change = arrays[f"change/{kernel}"]
        rounding = float(arrays[f"rounding/{kernel}"])
        at = np.searchsorted(kept, arrays[f"weights/{kernel}"])
        layers[layer_name(kernel)] = {
            "kernel": kernel,
            "size": int(np.prod(shapes[kernel].shape)),
            "kept": len(kept),
            "evaluated": len(change),
            "nothing": int((np.abs(change) <= rounding).sum()),
            "zero": int((change == 0).sum()),
            "rounding": rounding,
            "correlations": {
                n: rank_correlation(
                    values[n][number][at], change if signed[n] else np.abs(change)
                )
                for n in names
            },
        }
    return {
        "oracle": {n: "signed" if signed[n] else "absolute" for n in names},
        "by_layer": layers,
        "increase": {
            n: dict(zip([*layers, ALL], arrays[f"increase/{n}"].tolist(), strict=True))
            for n in names
        },
    }
