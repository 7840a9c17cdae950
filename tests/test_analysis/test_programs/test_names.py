"""Runs of any name, from training to the figure of an analysis."""

import os
import shlex
import shutil
import string
from pathlib import Path

import pytest

from analysis import path
from landscape import runs
from train import sparse

# All that a keyboard prints, the slash aside; a line break, letters, a leading dash.
ODD = "-" + "".join(c for c in string.printable if c not in "/\t\r\x0b\x0c") + "é@7"


@pytest.mark.draws
def test_a_run_of_an_odd_name_is_trained_analysed_and_drawn(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    config = sparse.Config(
        method=("pruning",), model="mlp", widths=(8,), num_train=200, batch_size=20,
        steps=20, workdir=ODD,
    )  # fmt: skip
    sparse.run(config)
    run = tmp_path / ODD
    assert runs.read_summary(run) is not None
    assert (run / "figures" / "training.png").exists()
    command = shlex.split(capsys.readouterr().out.rpartition("Next: ")[2])
    assert command[command.index("--mask-from") + 1] == str(run)
    assert command[command.index("--workdir") + 1] == f"{run}-lottery"
    ends = path.Config(f"./{ODD}@init", f"./{ODD}", points=3, extend=0.0)
    path.main(ends)
    command = shlex.split(capsys.readouterr().out.rpartition("Next: ")[2])
    assert command[3:5] == [f"./{ODD}@init", f"./{ODD}"]
    assert (path.folder(ends) / "figure.png").exists()


def test_the_folder_of_an_analysis_of_runs_with_long_names_can_be_made(names, tmp_path):
    long = [tmp_path / (letter * 255) for letter in "ab"]
    for run in long:
        shutil.copytree(names["pruned"], run)
    found = [
        path.folder(path.Config(*map(str, long), kind=kind, points=3))
        for kind in ("line", "quadratic")
    ]
    for folder in found:
        folder.mkdir(parents=True)
    assert len(set(found)) == 2 and len(os.fsencode(Path(found[0]).name)) == 255
