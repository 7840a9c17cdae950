"""The examples of a data set that is held in memory: on the devices, and in batches.

On a CPU the devices' memory is the host's, which has the inputs in float32 already.
Elsewhere inputs that were bytes are kept as bytes, a quarter as large, and each is
looked up where it is used, in a table of the very numbers that it stands for.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from landscape.data import Dataset, pixels
from landscape.errors import InputError
from landscape.machine import devices
from landscape.machine.backend import on_cpu

Split = dict[str, Any]


def place(mesh: Mesh, dataset: Dataset) -> tuple[dict[str, Split], str | None]:
    """The splits of a data set in memory on every device, and how, in words.

    Raises:
      InputError: they are larger than the memory of a device.
    """
    held = {
        name: split
        for name in ("train", "validation", "test")
        if (split := getattr(dataset, name)) is not None
    }
    if on_cpu():
        return devices.replicate(mesh, held), None
    small = {
        name: pixels.as_bytes(split["image"], dataset.normalisation)
        for name, split in held.items()
    }
    if all(each is not None for each in small.values()):
        held = {name: split | {"image": small[name]} for name, split in held.items()}
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(held))
    limit = memory_of(mesh)
    if limit is not None and size > limit:
        raise InputError(
            f"{dataset.name} takes {size / 2**30:.1f} GiB on each device, which has"
            f" {limit / 2**30:.1f}: --num-train takes fewer examples, and --image-size"
            " reads images while the network trains."
        )
    dtype = jax.tree.leaves(held["train"]["image"])[0].dtype
    words = f"{dataset.name} is kept on each device as {dtype}, {size / 1e6:,.1f} MB"
    return devices.replicate(mesh, held), words


def memory_of(mesh: Mesh) -> int | None:
    """Bytes that a device of this process has for arrays; None if it does not tell."""
    stats = mesh.local_devices[0].memory_stats() or {}
    return stats.get("bytes_limit")


def take(
    split: Split, index: slice | jax.Array | np.ndarray, mode: str | None = None
) -> Split:
    """Some examples of a split, with inputs as floating-point numbers.

    Args:
      split: in memory, of this process or on the devices.
      index: a part of it, or indices.
      mode: of indices outside; see `jax.numpy.ndarray.at`.
    """

    def of(leaf):
        return leaf[index] if mode is None else leaf.at[index].get(mode=mode)

    found = {name: of(leaf) for name, leaf in split.items() if name != "image"}
    image = split["image"]
    if isinstance(image, pixels.Pixels):
        return found | {"image": pixels.looked_up(image.table, of(image.bytes), jnp)}
    return found | {"image": of(image)}
