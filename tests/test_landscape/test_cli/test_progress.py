"""What long work says of itself where there is no terminal."""

import pytest

from landscape.cli import progress
from landscape.cli.progress import Progress


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
