"""Batches of a source: which examples, decoded how, is a function of seed and step.

Every host computes the whole order (`landscape.recipes.order`) and reads its own rows
of each batch by random access; every example has a random stream of its own for its
crop. So neither hosts nor workers nor a resumption change a batch.
"""

import concurrent.futures
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from landscape.data.streaming import crops
from landscape.data.streaming.decoding import decode
from landscape.data.streaming.sources import Source
from landscape.errors import RunFailure
from landscape.one_line import one_line

AHEAD = 3
"""Batches that are being read while one is trained on."""
TOLERATED = 1e-3
"""Fraction of a source's examples that may be damaged before a run stops."""


class Stream(NamedTuple):
    """How the examples of a source become batches.

    Attributes:
      source: where they are.
      size: of the square images.
      augmented: random crops, mirrored half of the time, instead of the centre.
      seed: of the crops.
      workers: threads that decode; the decoders release Python's lock.
      damaged: indices of examples that could not be decoded, and why; filled in.
    """

    source: Source
    size: int
    augmented: bool
    seed: int
    workers: int
    damaged: dict[int, str]

    __repr__ = one_line


def example(stream: Stream, index: int, position: int) -> dict[str, np.ndarray]:
    """One example, at a place in the sequence of all examples that are seen.

    Of an image that cannot be decoded the weight is 0 and the pixels are grey; so, with
    label 0, of a record that cannot be read.

    Args:
      stream: see there.
      index: of the example in its source.
      position: step * batch size + row: random crops differ between epochs.

    Returns:
      image uint8 [size, size, 3], label int32 [], weight float32 [].

    Raises:
      RunFailure: more examples are damaged than are tolerated.
    """
    choose = crops.centre
    if stream.augmented:
        # A counter instead of a state: any example is drawn without those before it.
        bits = np.random.Philox(key=stream.seed, counter=[0, 0, 0, position])
        generator = np.random.Generator(bits)

        def choose(height, width):
            return crops.at_random(height, width, generator)

    weight, label = 1.0, 0
    try:
        data, label = stream.source.read(index)
        image = decode(data, choose, stream.size)
    except ValueError as error:
        _note_damage(stream, index, str(error))
        image, weight = np.full((stream.size, stream.size, 3), 127, np.uint8), 0.0
    return {
        "image": image,
        "label": np.int32(label),
        "weight": np.float32(weight),
    }


def _note_damage(stream: Stream, index: int, why: str) -> None:
    source, known = stream.source, index in stream.damaged
    stream.damaged[index] = why
    check_damage(stream)
    if not known:
        print(
            f"{source.name_of(index)} cannot be decoded ({why}): it counts nothing;"
            f" {len(stream.damaged)} of {source.size:,} images so far.",
            file=sys.stderr,
        )


def check_damage(stream: Stream) -> None:
    """Raises RunFailure if more images are damaged than are tolerated."""
    source = stream.source
    # A list first: other threads add to the dictionary.
    found = list(stream.damaged.items())
    if len(found) > TOLERATED * source.size:
        names = [f"{source.name_of(i)} ({reason})" for i, reason in found[:3]]
        raise RunFailure(
            f"{len(found)} of {source.size} images cannot be decoded, more than one in"
            f" {round(1 / TOLERATED):,}: {'; '.join(names)}."
        )


def batch(
    pool: concurrent.futures.Executor,
    stream: Stream,
    indices: np.ndarray,
    first: int,
    rows: slice = slice(None),
) -> dict[str, np.ndarray]:
    """The rows of one batch that this host reads.

    Args:
      pool: the threads.
      stream: see there.
      indices: of the whole batch, int [B].
      first: position of its first row in the sequence of all examples.
      rows: those of this host; default: all.

    Returns:
      image uint8 [b, size, size, 3], label int32 [b], weight float32 [b].
    """
    pairs = [(int(i), first + row) for row, i in enumerate(indices)][rows]
    examples = list(pool.map(lambda pair: example(stream, *pair), pairs))
    return {name: np.stack([e[name] for e in examples]) for name in examples[0]}


def ahead(
    stream: Stream,
    wanted: Iterable[tuple[np.ndarray, int]],
    rows: slice = slice(None),
) -> Iterator[dict[str, np.ndarray]]:
    """Batches in the order wanted, some of them read before they are asked for.

    Args:
      stream, rows: as of `batch`.
      wanted: indices and the position of the first row, of each batch.
    """
    stop = threading.Event()
    with (
        concurrent.futures.ThreadPoolExecutor(stream.workers, "images") as pool,
        concurrent.futures.ThreadPoolExecutor(AHEAD, "batches") as readers,
    ):

        def read(indices, first):
            return None if stop.is_set() else batch(pool, stream, indices, first, rows)

        pending: deque = deque()
        try:
            for indices, first in wanted:
                pending.append(readers.submit(read, indices, first))
                if len(pending) > AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            stop.set()
            for future in pending:
                future.cancel()
            # Of a batch that is being read the rest is left.
            pool.shutdown(wait=False, cancel_futures=True)
