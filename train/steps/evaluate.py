"""Loss and accuracy over a whole split, every example exactly once."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from landscape import weighting
from landscape.machine.backend import settled
from landscape.machine.devices import spread
from landscape.objective import Objective
from train.steps import examples, streamed

STREAMED_BATCH = 256
"""Examples in a batch of evaluation, of those that are read in time."""


def evaluate(
    objective: Objective,
    params: Any,
    batch_stats: Any,
    split: dict[str, jax.Array],
    mesh: Mesh,
    batch_size: int = 1000,
) -> dict[str, float]:
    """Means over a split in evaluation mode.

    loss: cross-entropy in nats, no smoothing, no L2; objective: the data term that was
    minimised, with smoothing and without L2; accuracy.

    The last batch is padded with examples of weight 0, so any number of examples goes
    through one compiled call a batch, on any number of devices.

    Args:
      objective: of the run.
      params, batch_stats: of the state.
      split: dict(image, label, weight), on the devices, or one that is read in time.
      mesh: the devices a batch is spread over.
      batch_size: rounded up to a multiple of the number of devices.
    """
    count = split["label"].shape[0]
    if streamed.is_streamed(split):
        batch_size = min(batch_size, STREAMED_BATCH)
    batch_size = min(batch_size, count)
    batch_size += -batch_size % mesh.size
    if streamed.is_streamed(split):
        sums = streamed.evaluation_sums(
            objective, params, batch_stats, split, mesh, batch_size
        )
    else:
        part = partial(_sums, objective, mesh, batch_size, params, batch_stats, split)
        sums = [settled(part(start)) for start in range(0, count, batch_size)]
    total = jax.tree.map(lambda *parts: sum(map(float, parts)), *sums)
    return {
        "loss": total["loss"] / total["count"],
        "objective": total["objective"] / total["count"],
        "accuracy": total["correct"] / total["count"],
    }


@partial(jax.jit, static_argnums=(0, 1, 2))
def _sums(objective, mesh, batch_size, params, batch_stats, split, start):
    index = start + jnp.arange(batch_size)
    batch = examples.take(split, index, "clip")
    weight = weighting.of_examples(batch["weight"])
    batch["weight"] = jnp.where(index < len(split["label"]), weight, 0)
    return objective.evaluate(params, spread(mesh, batch), batch_stats)
