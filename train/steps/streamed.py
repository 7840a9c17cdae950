"""Steps and evaluation on examples that are read in time.

Batches are read and decoded ahead of the step, cross to the devices as bytes, each host
its own rows, and are normalised there.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from landscape.config import TrainConfig
from landscape.data import streaming
from landscape.objective import Objective
from landscape.recipes import order
from train.steps.loop import Segment
from train.steps.step import Step

WINDOW = 64
"""Steps whose order of examples is computed at once."""
IN_FLIGHT = 2
"""Batches on the devices, at most, whose step is not finished: calls return before what
they compute is there, and images may be read faster than steps are made."""


def is_streamed(split: Any) -> bool:
    """Whether the examples of a split are read in time."""
    return isinstance(split, streaming.StreamedSplit)


def host_rows(mesh: Mesh, batch_size: int) -> slice:
    """The rows of a batch that this host reads: from its devices' first to their last.

    Where its devices are not side by side in the mesh, those between are read in vain.
    """
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    parts = sharding.addressable_devices_indices_map((batch_size,)).values()
    spans = [part.indices(batch_size)[:2] for (part,) in parts]
    return slice(min(start for start, _ in spans), max(stop for _, stop in spans))


def put(mesh: Mesh, batch: dict[str, np.ndarray], batch_size: int) -> dict[str, Any]:
    """This host's rows of a batch, on its devices, as part of the whole batch.

    Args:
      mesh: the devices.
      batch: its rows `host_rows(mesh, batch_size)`.
      batch_size: of the whole.
    """
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    first = host_rows(mesh, batch_size).start

    def part_of(rows):
        def part(index):
            start, stop, _ = index[0].indices(batch_size)
            return rows[start - first : stop - first]

        shape = (batch_size, *rows.shape[1:])
        return jax.make_array_from_callback(shape, sharding, part)

    return {name: part_of(rows) for name, rows in batch.items()}


def normalised(batch: dict[str, jax.Array], mean, deviation) -> dict[str, jax.Array]:
    """A batch with pixels as floating-point numbers; inside jit."""
    return batch | {"image": (batch["image"] - mean) / deviation}


class Reader:
    """The batches of a run, step after step, read ahead and put on the devices.

    One serves all programs of a run from its first step to its last, so that nothing
    waits for images at the boundaries of windows, or where masks change.
    """

    def __init__(self, mesh: Mesh, split: streaming.StreamedSplit, config: TrainConfig):
        self.split = split
        self._mesh, self._config = mesh, config
        self._at: int | None = None
        self._batches: Any = None

    def batch(self, at: int) -> dict[str, Any]:
        """The batch of the step after `at` updates."""
        config = self._config
        if self._at != at:
            self.close()
            stream = self.split.stream._replace(
                augmented=config.augment, seed=config.order
            )
            rows = host_rows(self._mesh, config.batch_size)
            examples = wanted(config, stream.source.size, at)
            self._batches = streaming.ahead(stream, examples, rows)
        self._at = at + 1
        return put(self._mesh, next(self._batches), config.batch_size)

    def close(self) -> None:
        """Ends the reading ahead."""
        if self._batches is not None:
            self._batches.close()
        self._at = self._batches = None


def make_segment(step: Step) -> Segment:
    """As `train.steps.loop.make_segment`, with a `Reader` in the place of a split."""

    def segment(state, reader, indices, count):
        at = int(state.step)
        mean, deviation = reader.split.mean, reader.split.deviation
        each = []
        for i in range(count):
            _wait(each)
            state, metrics = _single(step, state, reader.batch(at + i), mean, deviation)
            each.append(metrics)
        return state, jax.tree.map(lambda *m: np.asarray(jnp.stack(m)), *each)

    return segment


def _wait(results: Sequence[Any]) -> None:
    """Until one more batch may be put on the devices."""
    if len(results) >= IN_FLIGHT:
        jax.block_until_ready(results[-IN_FLIGHT])


def wanted(config: TrainConfig, size: int, at: int) -> Iterator[tuple[np.ndarray, int]]:
    """The examples of each step from `at` on, and the position of the first one."""
    for start in range(at, config.steps, WINDOW):
        found = order.batches(config.order, size, config.batch_size, start, WINDOW)
        for i, indices in enumerate(np.asarray(found)):
            if start + i < config.steps:
                yield indices, (start + i) * config.batch_size


@partial(jax.jit, donate_argnums=1)
def _single(step, state, batch, mean, deviation):
    return step(state, normalised(batch, mean, deviation))


def evaluation_sums(
    objective: Objective,
    params: Any,
    batch_stats: Any,
    split: streaming.StreamedSplit,
    mesh: Mesh,
    batch_size: int,
) -> list[dict[str, jax.Array]]:
    """Sums over each batch of a whole split; see `train.steps.evaluate`."""
    size = split.stream.source.size
    starts = range(0, size, batch_size)
    # The last batch is filled up with the last example, whose weight is then 0.
    wanted = (
        (np.minimum(start + np.arange(batch_size), size - 1), start) for start in starts
    )
    rows = host_rows(mesh, batch_size)
    batches = streaming.ahead(split.stream, wanted, rows)
    each: list[dict[str, jax.Array]] = []
    for start, batch in zip(starts, batches, strict=True):
        _wait(each)
        counted = (start + np.arange(batch_size))[rows] < size
        batch["weight"] = batch["weight"] * counted.astype(np.float32)
        placed = put(mesh, batch, batch_size)
        each.append(
            _sums(objective, params, batch_stats, placed, split.mean, split.deviation)
        )
    return each


@partial(jax.jit, static_argnums=0)
def _sums(objective, params, batch_stats, batch, mean, deviation):
    batch = normalised(batch, mean, deviation)
    return objective.evaluate(params, batch, batch_stats)
