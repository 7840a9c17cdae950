"""Checkpoints that are written as a whole and refused when damaged.

The checkpoint of step 3000 is a folder `3000/` (see `verified_folder`). It is made
under a temporary name, flushed to the disk and then renamed; older ones go only after
that. Reading walks back from the newest to the first that is sound.
"""

import contextlib
import shutil
from pathlib import Path

import numpy as np

from landscape import buckets
from landscape.checkpoint import verified_folder
from landscape.checkpoint.digests import leaf_digests, named_arrays
from landscape.checkpoint.failures import reason
from landscape.disk.checkpoint_tables import TABLE, numbered, steps
from landscape.errors import InputError, RunFailure
from landscape.machine import hosts
from landscape.recipes.state import TrainState

# The suffix by which orbax, too, knows what is not (or no longer) a checkpoint.
_PARTIAL = ".orbax-checkpoint-tmp"
_NOT_KNOWN_SOUND = verified_folder.Damaged, verified_folder.Unreadable


class CheckpointError(RunFailure):
    """A checkpoint could not be written, or none is sound."""


def save(folder: Path, state: TrainState, *, keep_every: int | None = None) -> None:
    """Writes the checkpoint of `state.step`, then drops older ones not to be kept.

    Kept are step 0, the multiples of `keep_every`, this step, and the newest sound one
    before it. The checkpoint is durable when this returns. One that is there already
    with the same bits is left alone; any other of the same step is replaced.

    Args:
      folder: the run's `checkpoints/`; made if it is missing.
      state: leaves are arrays of numbers or booleans, whole on this host.
      keep_every: keep every checkpoint whose step is a multiple of it.

    Raises:
      CheckpointError: it could not be written (a full disk, say); those that were
        there before are untouched.

    >>> import tempfile
    >>> state = TrainState(np.int32(3), {"w": np.ones(2)}, {}, {}, (), ())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder), state)
    ...     steps(Path(folder))
    [3]
    """
    if not hosts.is_first():
        return
    step = int(state.step)
    arrays = named_arrays(state)
    try:
        if not _holds(folder / str(step), arrays):
            _write(folder, step, arrays)
    except Exception as error:  # orbax reports a full disk as a ValueError
        shutil.rmtree(folder / f"{step}{_PARTIAL}", ignore_errors=True)
        newest = _newest_sound(folder, steps(folder))
        left = (
            "no sound one is there yet"
            if newest is None
            else f"the newest sound one is that of step {newest}"
        )
        raise CheckpointError(
            f"the checkpoint of step {step} could not be saved in {folder}:"
            f" {reason(error)} (only this save is lost; {left})."
        ) from error
    _rotate(folder, step, keep_every)


def restore(
    folder: Path, like: TrainState, step: int | None = None
) -> tuple[TrainState, list[str]] | None:
    """Reads the newest sound checkpoint, or that of `step` and no other.

    Args:
      folder: the run's `checkpoints/`.
      like: a state of the same structure, of arrays or of `jax.ShapeDtypeStruct`.
      step: the one to read; None: the newest sound one.

    Returns:
      The state, its leaves NumPy arrays, and for each newer checkpoint that was
      refused a sentence why. None if there is no checkpoint at all.

    Raises:
      InputError: the `step` asked for was not kept, or the leaves of `like` are others
        (names, shapes or dtypes).
      CheckpointError: there are checkpoints, but none is sound, or not that of `step`.
      RunFailure: one that may be sound cannot be read; an older one is not taken.

    >>> import tempfile
    >>> state = TrainState(np.int32(3), {"w": np.ones(2)}, {}, {}, (), ())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(restore(Path(folder), state))
    ...     save(Path(folder), state)
    ...     again, refused = restore(Path(folder), state)
    None
    >>> again.params, refused
    ({'w': array([1., 1.])}, [])
    """
    if step is not None and step not in (kept := steps(folder)):
        raise InputError(
            f"step {step} was not kept in {folder}; those kept:"
            f" {', '.join(map(str, kept)) or 'none'}."
        )
    refused = []
    for number in numbered(folder) if step is None else [step]:
        try:
            return verified_folder.read(folder / str(number), like), refused
        except verified_folder.Damaged as damage:
            refused.append(f"step {number}: {damage}")
    if not refused:
        return None
    if step is None:
        raise CheckpointError(
            f"no checkpoint in {folder} is sound: {'; '.join(refused)}."
        )
    others = ", ".join(str(other) for other in kept if other != step) or "none"
    which, why = refused[0].split(": ", 1)
    raise CheckpointError(
        f"the checkpoint of {which} in {folder} is damaged: {why}; others there:"
        f" {others}."
    )


def drop_after(folder: Path, step: int) -> None:
    """Deletes the checkpoints of steps after `step`: of a run that resumes from there.

    >>> drop_after(Path("nowhere"), 3)
    """
    if not hosts.is_first():
        return
    for number in numbered(folder):
        if number > step:
            _set_aside(folder / str(number))
    _clear(folder)


def _newest_sound(folder: Path, candidates: list[int]) -> int | None:
    for number in sorted(candidates, reverse=True):
        with contextlib.suppress(*_NOT_KNOWN_SOUND):
            verified_folder.verify(folder / str(number))
            return number
    return None


def _write(folder: Path, step: int, arrays: dict[str, np.ndarray]) -> None:
    _clear(folder)
    partial = folder / f"{step}{_PARTIAL}"
    verified_folder.write(partial, str(step), arrays)
    if (folder / str(step)).exists():
        _set_aside(folder / str(step))
    buckets.send(partial, folder / str(step))
    partial.rename(folder / str(step))
    verified_folder.flush(folder)


def _holds(path: Path, arrays: dict[str, np.ndarray]) -> bool:
    try:
        return verified_folder.verify(path) == leaf_digests(arrays)
    except _NOT_KNOWN_SOUND:
        return False


def _rotate(folder: Path, newest: int, keep_every: int | None) -> None:
    older = [step for step in steps(folder) if step < newest]
    # A disk may yet damage the newest: the one before it stays until the next save.
    keep = {0, _newest_sound(folder, older)}
    for step in older:
        if step not in keep and (keep_every is None or step % keep_every):
            _set_aside(folder / str(step))
    _clear(folder)


def _set_aside(path: Path) -> None:
    """Renames a checkpoint before it is deleted, so that none is ever half there."""
    buckets.remove(path)
    path.rename(path.with_name(f"{path.name}.old{_PARTIAL}"))


def _clear(folder: Path) -> None:
    buckets.remove_unmarked(folder, TABLE)
    for path in folder.glob(f"*{_PARTIAL}"):
        shutil.rmtree(path, ignore_errors=True)
