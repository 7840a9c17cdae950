"""What long work says of itself where there is no terminal."""

import contextlib
import io
import sys
import threading

import pytest

from landscape.cli import launch, progress
from landscape.cli.progress import Progress, activity
from landscape.errors import InputError


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass between two looks at the clock."""
    ticks = [0.0]

    def now():
        ticks[0] += 40.0
        return ticks[0]

    monkeypatch.setattr(progress.time, "monotonic", now)


def test_a_line_has_the_rate_and_the_time_left(clock, capsys):
    bar = Progress("density", 50, 10, "product")
    bar.update(14, note="2 probes")
    bar.close()
    line = "density: product 14 of 50, 0.1 products/s, 360 s left, 2 probes\n"
    assert capsys.readouterr().err == line


def test_as_long_as_nothing_is_done_no_time_is_promised(clock, capsys):
    Progress("eigenpairs", 40, unit="pair").update(0, note="44 products")
    line = "eigenpairs: pair 0 of 40, 0 pairs/s, 44 products\n"
    assert capsys.readouterr().err == line


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and tells when it was written to."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def isatty(self):
        return True

    def write(self, text):
        self.written.set()
        return super().write(text)


@pytest.fixture
def open_terminal(monkeypatch):
    """Makes stderr a terminal: called by the test, since pytest sets it before."""

    def opened():
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(progress, "_SECONDS_BETWEEN_TICKS", 0.01)
        return stream

    return opened


def test_a_bar_says_that_it_compiles_until_its_first_unit_is_done(open_terminal):
    terminal = open_terminal()
    bar = Progress("runs/a", 4)
    assert "compiling" in terminal.getvalue()
    bar.update(1, note="2 products")
    terminal.truncate(0)
    bar.close()
    assert "2 products" in terminal.getvalue()
    assert "compiling" not in terminal.getvalue()


@pytest.mark.parametrize("make", [lambda: Progress("a", 4), lambda: activity("a")])
def test_on_a_terminal_something_moves_while_the_work_is_silent(make, open_terminal):
    terminal = open_terminal()
    shown = make()
    with shown if hasattr(shown, "__enter__") else contextlib.closing(shown):
        for _ in range(3):
            terminal.written.clear()
            assert terminal.written.wait(timeout=60)


def test_a_message_comes_after_the_bars(open_terminal):
    terminal = open_terminal()
    bar = Progress("a", 4)
    with pytest.raises(SystemExit):
        launch(refuse)
    assert terminal.getvalue().endswith("\nerror: no such run.\n")
    bar.close()
    assert terminal.getvalue().endswith("\nerror: no such run.\n")


def refuse():
    raise InputError("no such run.")


def test_elsewhere_an_activity_says_nothing(capsys):
    with activity("compiling"):
        pass
    assert capsys.readouterr() == ("", "")
