"""A finished run in another folder."""

import os
import shutil
from pathlib import Path

from landscape.config import UnitsRun
from landscape.disk import locks
from landscape.errors import InputError
from train.jobs import record


def copy_run(there: Path, here: Path, settings: UnitsRun) -> None:
    """Copies a finished run beside itself, as a whole or not at all.

    Args:
      there: its folder.
      here: that of the copy.
      settings: of the copy.

    Raises:
      InputError: `here` is not empty.
    """
    partial = here.with_name(f"{here.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    ignored = shutil.ignore_patterns(f"{locks.LEASE}*", "*.part", "analysis")
    shutil.copytree(there, partial, ignore=ignored)
    # Its sources are as far from here as from there.
    record.open_folder(partial, settings)
    try:
        os.replace(partial, here)
    except OSError as error:
        raise InputError(
            f"{here} cannot be made out of {there}: {error.strerror}."
        ) from None
