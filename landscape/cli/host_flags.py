"""The flags of several processes that run one program: --distributed and others."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.cli import host_failures
from landscape.cli.flags import Flag
from landscape.errors import InputError
from landscape.machine import hosts

DISTRIBUTED = Flag(
    "", "distributed", bool, group="processes", default=False,
    text="Run with the other processes of this cluster, one a host.",
)  # fmt: skip
COORDINATOR = Flag(
    "", "coordinator", group="processes",
    text="HOST:PORT of process 0, where no cluster tells.",
)  # fmt: skip
NUM_PROCESSES = Flag(
    "", "num-processes", int, group="processes", text="How many there are."
)
PROCESS_ID = Flag(
    "", "process-id", int, group="processes", text="Which this one is, from 0."
)
LAST_PORT = 65535
FLAGS = {
    flag.word: flag for flag in (DISTRIBUTED, COORDINATOR, NUM_PROCESSES, PROCESS_ID)
}


def join(said: Mapping[str, Any]) -> None:
    """Joins the other processes, if the command line says that there are some.

    Args:
      said: words of `FLAGS` -> values.

    Raises:
      InputError: as `landscape.machine.joining.join`, or a flag is missing or not
        allowed.
    """
    # Process 0 is given, too.
    given = {w for w in FLAGS if said.get(w) is not None and said[w] is not False}
    if not given:
        return
    place = {word for word in FLAGS if word != DISTRIBUTED.word}
    if 0 < len(given & place) < len(place):
        missing = ", ".join(f"--{word}" for word in sorted(place - given))
        raise InputError(
            "--coordinator, --num-processes and --process-id go together: name"
            f" {missing}, too."
        )
    count, index = (said.get(word) for word in ("num-processes", "process-id"))
    if count is not None and count < 1:
        raise InputError(f"--num-processes must be at least 1, not {count}.")
    if count is not None and not 0 <= index < count:
        raise InputError(
            f"--process-id must be in 0 ... --num-processes {count} - 1, not {index}."
        )
    coordinator = said.get("coordinator")
    if coordinator:
        port = re.fullmatch(r".+:(\d+)", coordinator)
        if not port or int(port[1]) > LAST_PORT:
            raise InputError(
                f"--coordinator must be HOST:PORT, with a port up to {LAST_PORT}, not"
                f" {coordinator!r}."
            )
    host_failures.join(coordinator, count, index)


def check_same(settings: Sequence[Any]) -> None:
    """Refuses commands of other settings, of any point of a sweep, in the processes.

    Raises:
      InputError: names a process whose settings are others, and which they are.
    """
    if hosts.are_several():
        given: dict[str, list[Any]] = {}
        for point in settings:
            for name, value in vars(point).items():
                if name not in hosts.OWN:
                    given.setdefault("--" + name.replace("_", "-"), []).append(value)
        swept = {name: v[0] if len(v) == 1 else v for name, v in given.items()}
        hosts.check_equal("settings", swept)
