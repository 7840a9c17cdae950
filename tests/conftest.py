"""Programs that tests run as a user would: each in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVER = Path(__file__).with_name("program_server.py")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""NumPy starts its threads when it is imported, and a fork has none of them."""


@pytest.fixture(scope="session")
def start_program():
    """Starts `python WORDS`: start_program(words, folder, environment) -> process.

    The process is a fork of one that has imported what the programs import, and its
    environment is that of the tests and what is named; with TESTS_DRAW=no figures, a
    second each, are a few bytes. What is read when Python starts or NumPy is imported,
    a fork does not see. Where the start itself is tested, and where forks are not safe,
    a program is a real process.
    """
    if sys.platform != "linux":
        yield started_by_python
        return
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen(
        [sys.executable, str(SERVER), str(its.fileno())],
        pass_fds=[its.fileno()],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | ONE_THREAD,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    its.close()
    with ours:
        yield lambda *program: Fork(ours, *program)
    assert server.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def start_process():
    """Starts `python WORDS` as start_program does, and always a real process."""
    return started_by_python


def started_by_python(words, folder, environment):
    """A program that Python itself starts."""
    return subprocess.Popen(
        [sys.executable, *words], cwd=folder, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


class Fork:
    """A program that the server started, with what tests use of subprocess.Popen."""

    def __init__(self, channel, words, folder, environment):
        program = {
            "words": list(words),
            "folder": str(folder),
            "environment": {**os.environ, "PYTHONPATH": str(ROOT), **environment},
        }
        self._out = tempfile.TemporaryFile()  # noqa: SIM115
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        told, tells = os.pipe()
        files = [self._out.fileno(), self._err.fileno(), tells]
        socket.send_fds(channel, [json.dumps(program).encode()], files)
        os.close(tells)
        self._told = os.fdopen(told)
        pid = self._told.readline()
        assert pid, "the server of programs has ended: its errors are above"
        self.pid = int(pid)
        os.set_blocking(told, False)
        self.args, self.returncode = words, None

    def poll(self):
        """The status of the program; None while it runs."""
        if self.returncode is None and (status := self._told.readline()):
            self.returncode = int(status)
            self._told.close()
        return self.returncode

    def wait(self, timeout=300):
        """Waits for the program's end; returns its status."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.005)
        return self.returncode

    def communicate(self, timeout=300):
        """Waits for the program's end; returns what it printed and its errors."""
        self.wait(timeout)
        texts = []
        for file in (self._out, self._err):
            file.seek(0)
            texts.append(file.read().decode())
            file.close()
        return tuple(texts)

    def send_signal(self, number):
        """Sends a signal, if the program runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """Ends the program without asking it."""
        self.send_signal(signal.SIGKILL)
