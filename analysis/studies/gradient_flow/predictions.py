"""Logits of the test split, stored in the study's folder for every network."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from analysis.programs import results
from landscape import runs

CHUNK = 1000
"""Test examples that one call sees."""


def of(name: str, home: Path) -> tuple[np.ndarray, np.ndarray]:
    """Logits [N, C], float32, and labels [N] of the test split, by a run's last state.

    Computed once, and again only when the state of the run is another.

    Args:
      name: of the run, whose folder is row/seed.
      home: the folder of the study.
    """
    ref = runs.parse(name)
    words = ref.folder.parts[-2:]
    where = {"output": str(home / "predictions")}
    folder = results.folder("test", words, [ref], where)
    if results.read_whole(folder) is None:
        logits, labels = _compute(ref)
        accuracy = float(np.mean(logits.argmax(axis=-1) == labels))
        arrays = {"logits": logits, "labels": labels.astype(np.int32)}
        results.write(folder, {"run": name, "accuracy": accuracy}, arrays)
    arrays = results.read_arrays(folder / results.ARRAYS)
    return arrays["logits"], arrays["labels"]


def _compute(ref: runs.Ref) -> tuple[np.ndarray, np.ndarray]:
    run = runs.load(ref)
    images, labels = run.data.test["image"], np.asarray(run.data.test["label"])
    size = min(CHUNK, len(labels))
    # Padded with the last image, so that one program serves all of them.
    logits = [
        _logits(
            run.objective,
            run.state.params,
            run.state.batch_stats,
            jnp.asarray(images)[np.minimum(np.arange(i, i + size), len(labels) - 1)],
        )
        for i in range(0, len(labels), size)
    ]
    return np.concatenate(jax.device_get(logits))[: len(labels)], labels


@partial(jax.jit, static_argnums=0)
def _logits(objective, params, batch_stats, images):
    return objective.logits(params, images, batch_stats)[0].astype(jnp.float32)
