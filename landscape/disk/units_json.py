"""The file units.json of a network made smaller: which units of others it has."""

import json
from pathlib import Path

from landscape.disk.files import read_json
from landscape.errors import InputError
from landscape.units import record

UNITS = "units.json"
_ADVICE = "bring it back from a copy of the run"


def content(before: Path, units: record.Units) -> str:
    """The file's text: the units left of those of `before`, and of the first network.

    Args:
      before: the folder of the run that the units went from.
      units: what is left of its.

    Raises:
      InputError: the file in `before` is damaged, or of other units.
    """
    known = read(before)
    first = units if known is None else record.compose(known, units)
    both = {"parent": record.to_dict(units), "first": record.to_dict(first)}
    return json.dumps(both, indent=1)


def read(folder: Path, of: str = "first") -> record.Units | None:
    """What is left of another network's units; None if the run has no such file.

    Args:
      folder: of the run.
      of: "first", before the first removal, or "parent", before the last one.

    Raises:
      InputError: it is damaged.
    """
    path = folder / UNITS
    if not path.exists():
        return None
    found = read_json(path, _ADVICE)
    try:
        return record.from_dict(found[of])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}): {_ADVICE}.") from None
