"""Images of a run that cannot be decoded: known to all processes, and when it resumes.

So one in a thousand is tolerated of the whole run, not of each start on each host.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landscape.data import streaming
from landscape.disk.files import read_json
from landscape.machine import hosts
from train.jobs import record

FILE = "damaged.json"


def recall(folder: Path, splits: Mapping[str, Any]) -> None:
    """Adds what earlier starts of a run have found to what its streams know.

    Args:
      folder: of the run.
      splits: by name; those that are read in time are looked at.
    """
    path = folder / FILE
    known = read_json(path, "remove it") if path.exists() else {}
    for name, stream in _streams(splits).items():
        stream.damaged.update({int(i): why for i, why in known.get(name, {}).items()})


def share(folder: Path, splits: Mapping[str, Any]) -> None:
    """Tells all processes what each has found, and writes it down.

    Raises:
      RunFailure: together they have found more than is tolerated.
    """
    streams = _streams(splits)
    if not streams:
        return
    mine = {name: dict(stream.damaged) for name, stream in streams.items()}
    for theirs in hosts.gathered(mine):
        for name, found in theirs.items():
            streams[name].damaged.update(found)
    found = {name: stream.damaged for name, stream in streams.items() if stream.damaged}
    if found:
        record.write_text(folder / FILE, json.dumps(found, indent=2, sort_keys=True))
    for stream in streams.values():
        streaming.check_damage(stream)


def _streams(splits: Mapping[str, Any]) -> dict[str, streaming.Stream]:
    return {
        name: split.stream
        for name, split in splits.items()
        if isinstance(split, streaming.StreamedSplit)
    }
