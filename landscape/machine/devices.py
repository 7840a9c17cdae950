"""Where arrays live: one mesh axis, `data`, over which a batch is spread.

The state is replicated; under `jit` every reduction over a batch, those of batch norm
included, is over the whole of it, whatever the number of devices.
"""

import contextlib
import os
import socket
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from landscape.errors import InputError
from landscape.machine import hosts

CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux says what a container or a job may take."""


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
        has none of them, or two processes have one GPU.

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
    _refuse_shared(devices[0].platform)
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


def _refuse_shared(platform: str) -> None:
    """NCCL, which would find out, waits for long and names no process."""
    if platform == "gpu" and hosts.are_several():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        here = socket.gethostname()
        own = [(here, visible, d.local_hardware_id) for d in jax.local_devices()]
        check_apart(hosts.gathered(own))


def check_apart(by_process: Sequence[Sequence[tuple[str, str, int]]]) -> None:
    """Refuses processes that have a GPU in common.

    Args:
      by_process: for each process its GPUs: host, CUDA_VISIBLE_DEVICES, number.

    Raises:
      InputError: names two processes and the GPU.

    >>> check_apart([[("a", "all", 0)], [("a", "all", 1)], [("b", "all", 0)]])
    """
    owners: dict[tuple[str, str, int], int] = {}
    for index, gpus in enumerate(by_process):
        for gpu in gpus:
            if (other := owners.setdefault(gpu, index)) != index:
                raise InputError(
                    f"processes {other} and {index} both use GPU {gpu[2]} of {gpu[0]}:"
                    " start one process a host, or as many as it has GPUs, each with"
                    " its own (JAX_LOCAL_DEVICE_IDS)."
                )


def replicate(mesh: Mesh, tree: Any) -> Any:
    """Puts a whole copy of every leaf on every device of the mesh.

    Of several processes each puts its own on its devices: they must be equal.
    """
    sharding = NamedSharding(mesh, PartitionSpec())
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda leaf: _replicated(sharding, leaf), tree)


def _replicated(sharding: NamedSharding, leaf: Any) -> Any:
    dtype = jnp.result_type(leaf)
    is_key = jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if is_key or not getattr(leaf, "is_fully_addressable", True):
        return jax.device_put(leaf, sharding)
    # `device_put` compares them between the processes, by a program for each shape.
    array = np.asarray(leaf, jax.dtypes.canonicalize_dtype(dtype))
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)


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
    own = own_host_memory()
    return None if own is None else _least(own)


def own_host_memory() -> int | None:
    """The same of this process's own host, without asking the others."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    return min([free * 1024, *_left_by_limits()])


def _left_by_limits() -> list[int]:
    """Bytes that the limits of a container, or of a job, still allow (cgroup 2)."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    own = CGROUPS / own.lstrip("/")
    found = []
    for group in (own, *own.parents):
        # A file that is not there, or "max".
        with contextlib.suppress(OSError, ValueError):
            most = int((group / "memory.max").read_text())
            used = int((group / "memory.current").read_text())
            lines = (group / "memory.stat").read_text().splitlines()
            parts = {name: int(size) for name, size in map(str.split, lines)}
            # Pages of files that were read are dropped where memory is asked for.
            used -= parts.get("active_file", 0) + parts.get("inactive_file", 0)
            found.append(most - used)
    return found


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
