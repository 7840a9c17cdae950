"""How a process joins the others that run its program, of which `hosts` knows then."""

import json
import socket
import sys
import threading
import time

from landscape.errors import InputError
from landscape.machine import hosts

PATIENCE = 300
"""Seconds that a process waits for the others to join."""
HEARTBEAT = 30
"""Seconds without a sign of life after which JAX takes a process for dead, and ends the
others. A process that ends waits as long for them to end, too."""


def join(
    coordinator: str | None = None, count: int | None = None, index: int | None = None
) -> None:
    """Connects this process with the others; before anything asks JAX for a device.

    Args:
      coordinator: HOST:PORT of the first process; None: JAX finds out by the cluster
        that it runs on (TPU pods, SLURM, Open MPI, Kubernetes), as the other two.
      count: number of processes.
      index: of this one.

    Raises:
      InputError: the cluster is not known, the coordinator does not answer, or the
        processes were told another number of them.
    """
    import jax

    # It would take SIGTERM away from the program, which tells all processes itself.
    jax.config.update("jax_enable_preemption_service", False)
    if coordinator and index:
        wait_for_coordinator(coordinator, index)
    waiting = threading.Timer(PATIENCE / 60, _say_that_it_waits, (coordinator, count))
    waiting.daemon = True
    waiting.start()
    try:
        jax.distributed.initialize(
            coordinator, count, index,
            initialization_timeout=PATIENCE,
            heartbeat_timeout_seconds=HEARTBEAT, shutdown_timeout_seconds=HEARTBEAT,
        )  # fmt: skip
    except Exception as error:  # a ValueError, a RuntimeError of the library behind it
        raise InputError(cannot_join(coordinator, index, str(error))) from error
    finally:
        waiting.cancel()
    place = hosts.place()
    hosts.enter(*place, _meet(*place))


def cannot_join(coordinator: str | None, index: int | None, why: str) -> str:
    """The sentence about a process that cannot join the others."""
    where = f"the coordinator {coordinator}" if coordinator else "a cluster"
    why = why.splitlines()[0]
    if "should be defined" in why:
        why = "JAX finds none that it knows"
    return (
        f"{'this process' if index is None else f'process {index}'} cannot join {where}"
        f" ({why}): --coordinator HOST:PORT, --num-processes and --process-id say where"
        " the others are."
    )


def _say_that_it_waits(coordinator: str | None, count: int | None) -> None:
    where = f"at {coordinator}" if coordinator else "of this cluster"
    print(
        f"this process waits for the other {'ones' if count is None else count - 1}"
        f" {where}, for at most {PATIENCE} s.",
        file=sys.stderr,
    )


def split(address: str) -> tuple[str, int]:
    """The host and the port of HOST:PORT.

    >>> split("node0:1234"), split("[::1]:1234")
    (('node0', 1234), ('::1', 1234))
    """
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def wait_for_coordinator(coordinator: str, index: int) -> None:
    """Returns when process 0 listens; JAX itself would wait without a word.

    Raises:
      InputError: it does not within PATIENCE, or its name stays unknown.
    """
    begun, said = time.monotonic(), False
    while True:
        try:
            socket.create_connection(split(coordinator), timeout=10).close()
            return
        except OSError as error:
            # A name may become known a moment after its host has started.
            patience = PATIENCE / 10 if isinstance(error, socket.gaierror) else PATIENCE
            why = error.strerror or str(error)
        if time.monotonic() - begun > patience:
            raise InputError(cannot_join(coordinator, index, why))
        if not said and time.monotonic() - begun > PATIENCE / 60:
            said = True
            print(
                f"process {index} waits for the coordinator {coordinator} ({why}), for"
                f" at most {patience:.0f} s.",
                file=sys.stderr,
            )
        time.sleep(0.5)


def _meet(mine: int, count: int) -> list[str]:
    """The names of all hosts, once all have said how many processes there are.

    Of other numbers JAX would wait for processes that never come.
    """
    said = {"host": socket.gethostname(), "count": count}
    store = hosts.client()
    store.key_value_set(f"landscape/host/{mine}", json.dumps(said))
    names = []
    for index in range(count):
        text = store.blocking_key_value_get(f"landscape/host/{index}", hosts.FOREVER)
        other = json.loads(text)
        if other["count"] != count:
            raise InputError(
                f"process {mine} was told --num-processes {count}, and process"
                f" {index} on {other['host']} {other['count']}."
            )
        names.append(other["host"])
    return names
