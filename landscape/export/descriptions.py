"""What a stranger needs to use an exported network: inputs, outputs, and what it is."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from landscape import runs
from landscape.config import RunConfig, to_dict
from landscape.runs import Ref, Run
from landscape.sparsity import masks
from landscape.trees import size

BATCH = 1000
"""Test examples that are evaluated at once."""


def describe(run: Run, ref: Ref) -> dict[str, Any]:
    """Inputs and their normalisation, outputs, data set, test accuracy and origin.

    Args:
      run: loaded, with its data.
      ref: its name.
    """
    config, data, params = run.config, run.data, run.state.params
    normalisation = data.normalisation
    image = len(data.input_shape) == 3
    test = _evaluated(run)
    return {
        "input": {
            "name": "image",
            "shape": ["batch", *data.input_shape],
            "layout": "NHWC" if image else "N, features",
            "dtype": "float32",
            "value": f"(x - mean) / deviation{', by channel' if image else ''}",
            "mean": normalisation.mean.tolist(),
            "deviation": normalisation.deviation.tolist(),
            "x": "as stored" if normalisation.highest is None
            else f"a pixel, 0 to {normalisation.highest:g}",
        },
        "output": {
            "name": "logits",
            "shape": ["batch", data.num_classes],
            "dtype": "float32",
            "value": "before softmax; the class is the index of the largest",
        },
        "dataset": config.dataset,
        "classes": data.num_classes,
        "test_accuracy": test["correct"] / test["count"],
        "test_loss": test["loss"] / test["count"],
        "model": config.model,
        "widths": list(config.widths),
        "activation": config.activation,
        "parameters": size(params),
        "parameters_not_zero": int(sum(map(np.count_nonzero, jax.tree.leaves(params)))),
        "method": config.method,
        "sparsity": float(masks.sparsity(run.masks, params, run.objective.rules)),
        "step": int(run.state.step),
        "seed": config.seed,
        "settings": _settings(config, ref),
        "run": ref.folder.name,
        "digest": runs.fingerprint(ref),
    }  # fmt: skip


def as_text(description: dict[str, Any]) -> dict[str, str]:
    """A description whose values are strings, those that were none as JSON.

    >>> as_text({"dataset": "digits", "classes": 10})
    {'dataset': 'digits', 'classes': '10'}
    """
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in description.items()
    }


def _settings(config: RunConfig, ref: Ref) -> dict[str, Any]:
    """Those of the run, without the paths of this machine."""
    found = to_dict(config) | {"workdir": ref.folder.name, "data_dir": None}
    for name in ("mask_from", "source", "parent"):
        if found.get(name):
            found[name] = Path(found[name]).name
    return found


def _evaluated(run: Run) -> dict[str, float]:
    """Sums of loss and correct answers over the test split."""
    evaluate = jax.jit(run.objective.evaluate)
    total = dict.fromkeys(("loss", "correct", "count"), 0.0)
    for start in range(0, len(run.data.test["label"]), BATCH):
        batch = {k: v[start : start + BATCH] for k, v in run.data.test.items()}
        sums = evaluate(run.state.params, batch, run.state.batch_stats)
        total = {name: total[name] + float(sums[name]) for name in total}
    return total
