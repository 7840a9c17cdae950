"""Where arrays live: one mesh axis, `data`, over which a batch is spread.

The state is replicated; under `jit` every reduction over a batch, those of batch norm
included, is over the whole of it, whatever the number of devices.
"""

import textwrap
from pathlib import Path
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from landscape import hosts
from landscape.errors import InputError


def check() -> None:
    """Refuses an environment in which JAX has no device to compute on.

    Raises:
      InputError: says what JAX was told to use.
    """
    try:
        jax.devices()
    except Exception as error:  # a RuntimeError, an AssertionError without a word
        told = jax.config.jax_platforms or "unset"
        why = textwrap.shorten(str(error), 200)
        raise InputError(
            f"JAX finds no device with JAX_PLATFORMS={told}{why and f' ({why})'}: unset"
            " it, or name a platform of this machine, such as cpu."
        ) from error


def make_mesh(num_devices: int | None = None) -> Mesh:
    """A mesh of the first `num_devices` devices (default: all) with one axis, `data`.

    Raises:
      InputError: there are fewer devices than asked for, or so few are that a process
        has none of them.

    >>> make_mesh(1).axis_names
    ('data',)
    """
    check()
    devices = jax.devices()
    if num_devices is not None and num_devices > len(devices):
        raise InputError(
            f"--num-devices {num_devices} is more than the {len(devices)} that"
            f" JAX sees on {devices[0].platform}."
        )
    devices = devices[:num_devices]
    idle = set(range(jax.process_count())) - {d.process_index for d in devices}
    if idle:
        raise InputError(
            f"--num-devices {num_devices} leaves process {min(idle)} without a device:"
            f" each of the {jax.process_count()} processes needs one."
        )
    return jax.make_mesh(
        (len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices
    )


def replicate(mesh: Mesh, tree: Any) -> Any:
    """Puts a whole copy of every leaf on every device of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def spread(mesh: Mesh, batch: Any) -> Any:
    """Inside `jit`: splits the leading axis of every leaf over the mesh."""
    return jax.lax.with_sharding_constraint(
        batch, NamedSharding(mesh, PartitionSpec("data"))
    )


def free_memory() -> int | None:
    """Bytes that are free on each device; the least of all processes.

    Those that an accelerator reports; the devices of a CPU divide what its host has.
    None where neither is known.
    """
    own = jax.local_devices()
    if own[0].platform == "cpu":
        host = free_host_memory()
        return None if host is None else host // len(own)
    stats = own[0].memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return _least(stats["bytes_limit"] - stats.get("bytes_in_use", 0))


def free_host_memory() -> int | None:
    """Bytes of memory that are free on the host, the least of all; None: not known."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    free *= 1024
    try:
        # A container may have less.
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text())
        free = min(free, most - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # a file that is not there, or "max"
        pass
    return _least(free)


def _least(size: int) -> int:
    # In MiB, which 32 bits hold.
    return -hosts.largest(-(size >> 20)) << 20 if hosts.are_several() else size


def check_batch_size(mesh: Mesh, batch_size: int) -> None:
    """Raises InputError unless a batch splits evenly over the devices of the mesh."""
    if batch_size % mesh.size:
        near = max(mesh.size, batch_size - batch_size % mesh.size)
        raise InputError(
            f"--batch-size {batch_size} is not divisible by the {mesh.size} devices;"
            f" {near} is."
        )
