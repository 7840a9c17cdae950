"""What every program does around its work: read back or compute, then announce."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from analysis.programs import results
from landscape.cli import ending_together, if_interrupted
from landscape.disk import locks
from landscape.errors import RunFailure
from landscape.machine import hosts


def read_or_compute(
    folder: Path,
    compute: Callable[[Path], tuple[dict[str, Any], results.Arrays]],
    draw: Callable[[dict[str, Any], results.Arrays], Any],
    describe: Callable[[dict[str, Any]], str],
    formats: Sequence[str] = ("png",),
) -> dict[str, Any]:
    """The result in a folder, or, if there is none, a new one, which is written there.

    A figure that is not there is drawn, after the numbers are written: one that cannot
    be drawn costs a sentence on stderr. Numbers that cannot be written are printed.

    Several processes compute it together, and must all call this; the first reads and
    writes the folder for all. A signal to one of them ends all as a piece is saved.

    Args:
      folder: of the result; see `results.folder`.
      compute: returns the content of result.json and of arrays.npz. It reads what an
        interrupted call left in the folder (`results.kept`) and continues from it. No
        other process writes there meanwhile.
      draw: makes the `landscape.figures.Figure` of the two.
      describe: the result in words.
      formats: of the figure; no part of the result.

    Raises:
      InputError: the folder cannot be written, or another process computes it
        (`checks.load_jax` has refused both before); the processes have
        different runs; or what `compute` raises.
      Interrupted: a signal came to one of several processes.
      RunFailure: the numbers could not be written.

    >>> import tempfile
    >>> def compute(folder):
    ...     print("computed")
    ...     return {"loss": 0.5}, {}
    >>> def draw(result, arrays):
    ...     raise NotImplementedError("drawn on stderr")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = [read_or_compute(Path(folder), compute, draw, str) for _ in "ab"]
    computed
    >>> found
    [{'loss': 0.5}, {'loss': 0.5}]
    """
    # Its name has a hash of all of them.
    hosts.check_equal("runs or settings", {"result": folder.name})
    with ending_together():
        result = hosts.from_first(lambda: results.read_whole(folder))
        if result is None:
            with _locked(folder):
                # The process that held it a moment ago may have finished.
                result = hosts.from_first(lambda: results.read_whole(folder))
                if result is None:
                    result = _computed(folder, compute, describe)
        if hosts.is_first():
            _draw_missing(folder, draw, formats, result)
    return result


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The first process locks a folder for all; all are refused if it is."""
    with contextlib.ExitStack() as stack:

        def lock() -> None:
            stack.enter_context(locks.locked(folder))

        hosts.from_first(lock)
        yield


def _draw_missing(folder: Path, draw, formats, result: dict[str, Any]) -> None:
    paths = [(folder / results.FIGURE).with_suffix(f".{name}") for name in formats]
    missing = [path for path in paths if not path.exists() or not path.stat().st_size]
    if missing:
        _draw(missing, draw, result)


def _draw(paths: Sequence[Path], draw, result: dict[str, Any]) -> None:
    # Not above: what draws takes a second to load.
    from landscape import figures

    folder, names = paths[0].parent, ", ".join(path.name for path in paths)
    drawn = f"{folder}: interrupted; the same command draws {names}."
    with if_interrupted(drawn), figures.attempt(folder / names):
        figure = draw(result, results.read_arrays(folder / results.ARRAYS))
        for path in paths:
            figures.save(figure, path)


def _computed(folder, compute, describe) -> dict[str, Any]:
    with if_interrupted(_kept(folder)), results.with_command(folder):
        result, arrays = compute(folder)
        result.pop("format", None)
        try:
            results.write(folder, result, arrays)
        except RunFailure:
            print(describe(result), flush=True)
            raise
        return result


def _kept(folder: Path) -> str:
    """What is said of an analysis that is interrupted before it saves a piece."""
    if (folder / results.PARTIAL).exists():
        return (
            f"{folder}: interrupted; kept: what an earlier call saved. The same command"
            " resumes from there."
        )
    return (
        f"{folder}: interrupted before a piece of it was saved; the same command starts"
        " it again."
    )


def announce(
    text: str, folder: Path, next_command: str, files: Sequence[str] = results.FILES
) -> None:
    """Prints what was found, where the files are, and what to try next."""
    print(text)
    there = [name for name in files if any(folder.glob(name))]
    print(f"\nWritten to {folder}: {', '.join(there)}")
    print(f"Next: {next_command}")
