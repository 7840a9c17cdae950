"""One sealed folder of arrays: written by orbax, and read only if every bit matches.

In `state/` is what orbax writes; `digests.json` is a sealed table of the digests of
every leaf and of every file. The digests of the files show damage before anything is
parsed, also where it would do no harm; those of the leaves show that what was read is
what was meant.
"""

import asyncio
import contextlib
import logging
import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from landscape import buckets
from landscape.checkpoint.digests import check_like, leaf_digests
from landscape.checkpoint.failures import LOST, of_the_machine, reason
from landscape.disk.checkpoint_tables import TABLE, seal, unseal
from landscape.errors import InputError, RunFailure
from landscape.machine import devices, hosts
from landscape.trees import named_leaves


class Damaged(Exception):
    """A folder does not hold what was written; says why."""


class Unreadable(RunFailure):
    """It is not known what a folder holds: rights, memory or a package are missing."""


def write(folder: Path, name: str, arrays: dict[str, np.ndarray]) -> None:
    """Makes `folder` and fills it; durable, except its own name, when this returns.

    Args:
      folder: must not exist; its parents need not.
      name: the name that the folder is to have in the end; sealed with the rest.
      arrays: by name.

    Raises:
      OSError, ValueError: it could not be written (orbax raises ValueError for most of
        what the operating system reports; see `reason`).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     write(Path(home) / "a", "a", {"w": np.ones(2)})
    ...     write(Path(home) / "b", "a", {"w": np.ones(2)})
    ...     print(read(Path(home) / "a", {"w": np.zeros(2)}))
    ...     verify(Path(home) / "b")
    Traceback (most recent call last):
    ...
    landscape.checkpoint.verified_folder.Damaged: its contents are those of a
    """
    folder.mkdir(parents=True)
    # Orbax refuses arrays without entries; their digests hold all there is to them.
    filled = {leaf: array for leaf, array in arrays.items() if array.size}
    handler = _WaitingHandler()
    try:
        with _orbax(handler) as checkpointer, _plainly_named(folder) as there:
            checkpointer.save(there / "state", args=ocp.args.PyTreeSave(filled))
    except Exception as error:
        handler.failures.append(error)
    if handler.failures:  # the first is the cause of the others
        raise handler.failures[0]
    paths = sorted(folder.rglob("*"))
    files = {
        path.relative_to(folder).as_posix(): zlib.crc32(path.read_bytes())
        for path in paths
        if path.is_file()
    }
    table = {"name": name, "leaves": leaf_digests(arrays), "files": files}
    (folder / TABLE).write_text(seal(table))
    for path in [*paths, folder / TABLE, folder]:
        flush(path)


def verify(folder: Path) -> dict[str, Any]:
    """Checks every file of a folder; returns the digests of the leaves.

    Raises:
      Damaged: says what is wrong.
      Unreadable: a file is there, and the system does not let it be read.
    """
    table = unseal(read_bytes(folder, TABLE))
    if table is None:
        raise Damaged(f"file {TABLE} does not match its own digest")
    if table["name"] != folder.name:
        raise Damaged(f"its contents are those of {table['name']}")
    for name, crc in table["files"].items():
        if zlib.crc32(read_bytes(folder, name)) != crc:
            raise Damaged(f"file {name} does not match its digest")
    return table["leaves"]


def read_bytes(folder: Path, name: str) -> bytes:
    """The bytes of a file of a folder; raises as `verify` does."""
    try:
        buckets.fetch_file(folder / name)
        return (folder / name).read_bytes()
    except OSError as error:
        if error.errno in LOST:
            raise Damaged(f"file {name} cannot be read ({error.strerror})") from error
        raise Unreadable(
            f"{folder / name} cannot be read: {error.strerror}."
        ) from error


def read(folder: Path, like: Any) -> Any:
    """The sealed pytree, with the structure of `like` and NumPy arrays for leaves.

    Raises:
      Damaged: says what is wrong.
      Unreadable: its files are sound, or may be, and cannot be read.
      InputError: the folder is sound, but its leaves are not those of `like`; or JAX,
        without which orbax does not read, has no device.
    """
    digests = verify(folder)
    try:
        check_like(digests, like)
    except InputError as error:
        raise InputError(f"{folder} holds another kind of state: {error}.") from None
    devices.check()
    try:
        with _orbax(_WaitingHandler()) as checkpointer, _plainly_named(folder) as there:
            arrays = checkpointer.restore(there / "state")
    except Exception as error:  # whatever orbax and TensorStore may raise
        if of_the_machine(error):
            raise Unreadable(
                f"{folder} cannot be read: {reason(error)}. Its files are sound."
            ) from error
        raise Damaged(f"orbax cannot read it ({reason(error)})") from error
    named = {
        name: arrays[name] if name in arrays else np.zeros(leaf.shape, leaf.dtype)
        for name, leaf in named_leaves(like).items()
    }
    for name, digest in leaf_digests(named).items():
        if digest != digests[name]:
            raise Damaged(f"leaf {name} does not match its digest")
    return jax.tree.unflatten(jax.tree.structure(like), named.values())


def flush(path: Path) -> None:
    """Returns when a file, or the names in a folder, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _WaitingHandler(ocp.type_handlers.NumpyHandler):
    """Waits for every array before the first failure is raised.

    Orbax raises at once; the other writers continue in a folder that is being removed
    and print tracebacks of an event loop that is closed. `_open_and_write` is private
    to orbax: without it failures come as orbax raises them.
    """

    def __init__(self):
        # Saving waits until all is written: there is nothing to copy arrays for.
        super().__init__(deepcopy_host_arrays=False)
        self.failures: list[Exception] = []

    async def _open_and_write(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super()._open_and_write(*args, **kwargs)
        except Exception as error:
            self.failures.append(error)

    async def deserialize(self, infos: Sequence, args: Sequence | None = None) -> list:
        args = args or [ocp.RestoreArgs()] * len(infos)
        read = super().deserialize
        each = [read([i], [a]) for i, a in zip(infos, args, strict=True)]
        found = await asyncio.gather(*each, return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return [array for (array,) in found]


@contextlib.contextmanager
def _plainly_named(folder: Path) -> Iterator[Path]:
    """A folder by a path that orbax takes: it misreads a backslash, `gs:` or a pattern.

    Of [1] it finds nothing to merge when it saves, and nothing can be read then.
    """
    path = folder.absolute()
    if not re.search(r"[\\*?[]|:(/|$)", str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory() as home:
        link = Path(home) / "link"
        link.symlink_to(path)
        yield link


@contextlib.contextmanager
def _orbax(handler: _WaitingHandler) -> Iterator[ocp.Checkpointer]:
    # Orbax logs at length; what matters comes as an exception.
    def others(record: logging.LogRecord) -> bool:
        return "orbax" not in record.pathname

    logger = logging.getLogger("absl")
    logger.addFilter(others)
    registry = ocp.type_handlers.create_type_handler_registry((np.ndarray, handler))
    # OCDBT packs all leaves into a few files: a plain Zarr folder a leaf takes three
    # times as long where the disk is busy, for every file is flushed and later removed.
    alone = {"multiprocessing_options": _alone()}
    tree_handler = ocp.PyTreeCheckpointHandler(
        use_ocdbt=True, type_handler_registry=registry, **alone
    )
    try:
        with ocp.Checkpointer(tree_handler, **alone) as checkpointer:
            yield checkpointer
    finally:
        logger.removeFilter(others)


def _alone() -> ocp.options.MultiprocessingOptions:
    """Of several processes each reads for itself, and one writes: none waits here."""
    if not hosts.are_several():
        return ocp.options.MultiprocessingOptions()
    index = jax.process_index()
    return ocp.options.MultiprocessingOptions(
        primary_host=index,
        active_processes={index},
        barrier_sync_key_prefix=f"process_{index}",
    )
