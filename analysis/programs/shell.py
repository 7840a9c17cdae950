"""What every program does around its work: read back or compute, then announce."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.programs import results
from landscape import locks


def read_or_compute(
    folder: Path, compute: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """The result in a folder, or, if there is none, what `compute(folder)` returns.

    Args:
      folder: of the result; see `results.folder`.
      compute: writes the folder and returns the content of its result.json. It reads
        what an interrupted call left there (`results.kept`) and continues from it. No
        other process writes there meanwhile.

    Raises:
      InputError: another process computes it.

    >>> import tempfile
    >>> def compute(folder):
    ...     print("computed")
    ...     results.write_result(folder, {"loss": 0.5})
    ...     return {"loss": 0.5}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [read_or_compute(Path(folder), compute)["loss"] for _ in range(2)]
    computed
    [0.5, 0.5]
    """
    found = results.read(folder)
    if found is not None:
        return found
    with locks.locked(folder):
        # The process that held it a moment ago may have finished.
        found = results.read(folder)
        return compute(folder) if found is None else found


def announce(
    text: str, folder: Path, next_command: str, files: Sequence[str] = results.FILES
) -> None:
    """Prints what was found, where the files are, and what to try next."""
    print(text)
    print(f"\nWritten to {folder}: {', '.join(files)}")
    print(f"Next: {next_command}")
