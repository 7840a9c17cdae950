"""What checkpoints a folder holds, by their sealed tables alone; imports no JAX.

The table of a checkpoint lists the digests of every leaf and of every file (see
`landscape.checkpoint`). It is sealed by a digest of its own and must match byte for
byte: no damage to it goes unnoticed.
"""

import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

from landscape.errors import RunFailure

TABLE = "digests.json"


def steps(folder: Path) -> list[int]:
    """The steps whose checkpoints are there, in order; they are not verified.

    >>> steps(Path("nowhere"))
    []
    """
    there = [n for n in numbered(folder) if (folder / str(n) / TABLE).is_file()]
    return there[::-1]


def numbered(folder: Path) -> list[int]:
    """Whatever is named like a checkpoint, newest first."""
    names = [path.name for path in folder.glob("*")]
    numbers = [int(name) for name in names if re.fullmatch("0|[1-9][0-9]*", name)]
    return sorted(numbers, reverse=True)


def digest(folder: Path, step: int) -> str:
    """SHA-256 of a checkpoint's table: folder's name, CRC-32 of every leaf and file.

    Neither leaves nor files are read, so it is not known whether they are sound.

    Raises:
      RunFailure: the table cannot be read.
    """
    table = folder / str(step) / TABLE
    try:
        return hashlib.sha256(table.read_bytes()).hexdigest()
    except OSError as error:
        raise RunFailure(f"{table} cannot be read ({error.strerror}).") from None


def leaves_digest(folder: Path, step: int) -> str:
    """SHA-256 of the digests of a checkpoint's leaves, whatever files hold them.

    The state that the same training ends with has the same, in any folder.

    Raises:
      RunFailure: its table cannot be read.
    """
    found = leaves(folder, step)
    if not found:
        raise RunFailure(f"{folder / str(step) / TABLE} does not match its own digest.")
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def leaves(folder: Path, step: int) -> dict[str, dict[str, Any]]:
    """The digests of a checkpoint's leaves by name; {} if its table is damaged.

    Neither leaves nor files are read, so it is not known whether they are sound.

    >>> leaves(Path("nowhere"), 0)
    {}
    """
    try:
        table = unseal((folder / str(step) / TABLE).read_bytes())
    except OSError:
        return {}
    return {} if table is None else table["leaves"]


def seal(content: Any) -> str:
    """JSON text that holds `content` and the digest of it.

    >>> seal({"step": 3})
    '{"crc32": 145879999, "content": {"step": 3}}\\n'
    """
    crc = zlib.crc32(json.dumps(content).encode())
    return json.dumps({"crc32": crc, "content": content}) + "\n"


def unseal(text: bytes) -> Any | None:
    """The content of a sealed text, or None if a single bit of it is off.

    >>> unseal(seal({"step": 3}).encode())
    {'step': 3}
    >>> unseal(seal({"step": 3}).replace("3", "4").encode())
    """
    try:
        content = json.loads(text)["content"]
    except (ValueError, KeyError, TypeError):
        return None
    return content if seal(content).encode() == text else None
