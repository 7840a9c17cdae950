"""What the tests of studies share."""

import re

import pytest


@pytest.fixture
def steps_said(capsys):
    """Whether the steps said on stderr are some n: 1 of n, ..., n of n."""

    def said():
        found = re.findall(r"^step (\d+) of (\d+): .", capsys.readouterr().err, re.M)
        total = len(found)
        return total > 0 and found == [(str(i + 1), str(total)) for i in range(total)]

    return said
