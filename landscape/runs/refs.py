"""RUN@STEP, the name of a state of a run: parsed once, into a `Ref`."""

from pathlib import Path
from typing import NamedTuple

from landscape.disk.folders import folder_of
from landscape.errors import InputError


class Ref(NamedTuple):
    """A state of a run: its folder and its step; step None is the last one.

    >>> str(Ref(Path("runs/pruned"), 0)), str(Ref(Path("runs/pruned")))
    ('runs/pruned@0', 'runs/pruned')
    """

    folder: Path
    step: int | None = None

    def __str__(self) -> str:
        if self.step is None:
            return str(self.folder)
        whole = f"{self.folder}@{self.step}"
        # Where a folder has that name, it would be read as that folder.
        return f"{self.folder}/@{self.step}" if Path(whole).is_dir() else whole


def parse(name: str | Ref) -> Ref:
    """`RUN`, `RUN@STEP` or `RUN@init` (step 0) as a `Ref`; a `Ref` is returned as is.

    A folder whose whole name is `RUN@STEP` is that run; `RUN/@STEP` is the step then.

    >>> parse("runs/pruned@init")
    Ref(folder=PosixPath('runs/pruned'), step=0)
    >>> parse("runs/pruned").step is None
    True

    Raises:
      InputError: what follows the @ is neither a number nor init, or there can be no
        folder of that name.
    """
    if isinstance(name, Ref):
        return name
    whole = folder_of(name)
    folder, at, step = str(name).rpartition("@")
    if not at or "/" in step or whole.is_dir():
        return Ref(whole)
    folder = folder_of(folder or ".")
    if step == "init":
        return Ref(folder, 0)
    if not step.isdecimal():
        raise InputError(f"{name!r}: the step after @ must be a number or init.")
    return Ref(folder, int(step))
