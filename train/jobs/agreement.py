"""What all processes of a training must have in common, before its first step."""

import json
import zlib
from pathlib import Path

from landscape import buckets
from landscape.config import RunConfig, to_dict
from landscape.data import Dataset
from landscape.machine import hosts
from landscape.machine.backend import number_settings
from landscape.runs import sources
from train.jobs import record

_PACKAGES = "landscape", "train"


def check(config: RunConfig, dataset: Dataset) -> None:
    """Refuses processes that would not train one network.

    Raises:
      InputError: settings, data, versions or code of a process differ from those of
        process 0; names the process, its host, and what differs.
    """
    if not hosts.are_several():
        return
    given = {k: v for k, v in to_dict(config).items() if k not in hosts.OWN}
    # A copy of a folder in a bucket is at another place on each host.
    text = buckets.shown(json.dumps(given, default=str))
    hosts.check_equal("settings", json.loads(text))
    hosts.check_equal("versions", record.versions() | number_settings())
    yours = {
        name: code["files"] for name, code in sources.describe_code(config).items()
    }
    hosts.check_equal("code", own_code() | yours)
    hosts.check_equal("data", sources.describe_data(dataset))


def own_code() -> dict[str, int]:
    """The CRC-32 of each file of the packages that train, by its name."""
    root = Path(__file__).parents[2]
    paths = [path for name in _PACKAGES for path in (root / name).rglob("*.py")]
    return {str(p.relative_to(root)): zlib.crc32(p.read_bytes()) for p in paths}
