"""Processes that make leases: which one made it, and whether it has ended.

That is seen on Linux alone, on the same machine and in the same container.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any


def own() -> dict[str, Any]:
    """What tells this process from all others: {} where that is not known.

    Returns:
      "place", the boot of a machine and the namespace of its process numbers; "began",
      when the process did, in ticks of that machine.
    """
    place, running = _place(), _running(os.getpid())
    return (
        {} if place is None or running is None else {"place": place, "began": running}
    )


def has_ended(text: bytes) -> bool:
    """Whether the process that wrote a lease is known to have ended.

    Args:
      text: JSON, with "process" and what `own` returned there.

    >>> mine = {"process": os.getpid(), **own()}
    >>> has_ended(json.dumps(mine).encode()), has_ended(b"{}")
    (False, False)
    """
    try:
        content = json.loads(text)
        number, place, began = (content[k] for k in ("process", "place", "began"))
    except (ValueError, KeyError, TypeError):
        return False
    try:
        return place == _place() and _running(number) != began
    except PermissionError:
        return False


def holder(found: dict[int, bytes]) -> str:
    """Who holds the lease with the highest number, and for how long.

    >>> holder({1: b'{"process": 7, "host": "node", "taken": 0}'})[:23]
    'process 7 on node, for '
    """
    try:
        content = json.loads(found[max(found)])
        seconds = max(0, round(time.time() - content["taken"]))
        who = f"process {content['process']} on {content['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
    age = f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    return f"{who}, for {age} now"


def _place() -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _running(number: int) -> int | None:
    """When a process began; None if there is none, or it has ended and waits for its
    parent.

    Raises:
      PermissionError: it is another user's, and /proc hides those (hidepid).
    """
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, 0)
        return None
    # Behind the name, which may hold anything: the state, and 19 fields later the time.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])
