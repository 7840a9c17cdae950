"""The flags of several processes that run one program: --distributed and others."""

from collections.abc import Mapping
from typing import Any

from landscape import hosts
from landscape.cli.flags import Flag
from landscape.errors import InputError

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
FLAGS = {
    flag.word: flag for flag in (DISTRIBUTED, COORDINATOR, NUM_PROCESSES, PROCESS_ID)
}


def join(said: Mapping[str, Any]) -> None:
    """Joins the other processes, if the command line says that there are some.

    Args:
      said: words of `FLAGS` -> values.

    Raises:
      InputError: as `landscape.hosts.join`, or a flag is missing or not allowed.
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
    if count is not None and not 0 <= index < count:
        raise InputError(
            f"--process-id must be in 0 ... --num-processes {count} - 1, not {index}."
        )
    hosts.join(said.get("coordinator"), count, index)
