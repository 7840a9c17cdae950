"""What every program shares: one exit status a cause, and one sentence.

Exit status: 0 done; 2 a mistake of the caller; 130 and 143 after Ctrl-C and SIGTERM;
1 anything else. Of several processes that run one program all end with the status of
the first that fails.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from landscape import buckets
from landscape.cli import host_failures, progress
from landscape.cli.interrupts import end
from landscape.errors import InputError, Interrupted, RunFailure
from landscape.machine import hosts


def launch(run: Callable[[], Any]) -> None:
    """Calls `run` and ends the process with the status of the outcome."""
    # None where the caller has closed it (`>&-`): what is printed there is lost.
    stdout, stderr = (each and _Named(each) for each in (sys.stdout, sys.stderr))
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        _with_others(run)


class _Named:
    """A stream on which the copy of a folder in a bucket has its name there."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(buckets.shown(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _with_others(run: Callable[[], Any]) -> None:
    _promote_as_usual()
    # A program draws into files; what a notebook or shell names may not be there.
    os.environ["MPLBACKEND"] = "agg"
    try:
        _launch(run)
    except Exception as error:
        if hosts.are_several():
            host_failures.explain(error)
        raise


def _launch(run: Callable[[], Any]) -> None:
    try:
        run()
        # JAX gives those that come later a short time only.
        hosts.wait("the end")
    except InputError as error:
        _stop(2, f"error: {error}")
    except RunFailure as error:
        _stop(1, f"stopped: {error}")
    except Interrupted as error:
        _stop(128 + error.signum, str(error))
    except KeyboardInterrupt:
        # Of a process that does not watch for signals.
        end(signal.SIGINT)
    except BrokenPipeError:
        # The reader of a table has closed the pipe (`| head`).
        if hosts.are_several():
            _stop(1, "stopped: the reader of what is printed has closed the pipe.")
        sys.stderr.close()
        sys.exit(1)
    except ValueError as error:
        if not _of_jax_settings(error):
            raise
        _stop(2, f"error: {error}: unset that variable, or give it another value.")
    except OSError as error:
        # A disk, rights or a network: the place is what the user wants to know.
        _stop(1, f"stopped: {error}")


def _of_jax_settings(error: ValueError) -> bool:
    """Whether JAX refused one of its environment variables, as it was imported."""
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].filename.endswith(os.path.join("jax", "_src", "config.py"))


def _promote_as_usual() -> None:
    """Optax and Flax mix dtypes, which JAX_NUMPY_DTYPE_PROMOTION=strict refuses."""
    os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "standard"
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_numpy_dtype_promotion", "standard")


def _stop(status: int, message: str) -> None:
    progress.close_bars()
    # A signal has ended all of them together.
    if hosts.are_several() and status < 128:
        host_failures.fail(status, message)
    print(message, file=sys.stderr)
    sys.exit(status)
