"""Promise 22: nothing costs what was computed.

Neither a figure, nor a folder or a disk that takes no more, nor a name.
"""

import errno
import importlib
import json
import os
import string
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pytest

from analysis import path, spectrum
from analysis import runs as runs_program
from analysis.programs import inputs, results
from landscape import figures, runs
from landscape.config import DenseRun
from landscape.disk import files
from landscape.errors import InputError, RunFailure
from train.jobs import job, opening, report

ROOT = Path(__file__).parents[2]
TINY = {"model": "mlp", "widths": (4,), "num_train": 40, "batch_size": 20, "steps": 4}
EVERY = "".join(c for c in string.printable if c not in "/")
LINES = [
    {"step": 0, "split": "test", "loss": 2.3, "accuracy": 0.1},
    {"step": 5, "split": "train", "loss": 1.0, "accuracy": 0.5, "sparsity": 0.0},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose name has every printable character that a name may have."""
    folder = tmp_path_factory.mktemp("runs") / ("_$a_$ " + EVERY.replace("\\", ""))
    return DenseRun(**TINY, workdir=str(folder))


@pytest.fixture
def full_disk(monkeypatch):
    """Makes every flush of a file fail as on a full disk, while it is wanted."""

    def fails(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return lambda patch=monkeypatch: patch.setattr(os, "fsync", fails)


def fails(*_, **__):
    raise RuntimeError("no\nfigure")


def line(run, tmp_path, **settings):
    ends = (f"{run.workdir}@init", run.workdir)
    return path.Config(*ends, points=3, output=str(tmp_path / "out"), **settings)


@pytest.mark.draws
def test_a_run_is_finished_though_its_figure_cannot_be_drawn(run, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(figures, "training", fails)
        summary = job.run_training(run)
        report.print_outcome([run, run], [summary, summary])
    said = capsys.readouterr()
    assert f"{summary['num_nonzero']:,}" in said.out
    assert "training.png" not in said.out and "methods.png" not in said.out
    sentences = said.err.splitlines()
    assert sum("(RuntimeError: no figure)" in line for line in sentences) == 2
    assert not any("Traceback" in line for line in sentences)
    # The same command draws what is missing, and no more.
    before = os.stat(f"{run.workdir}/summary.json")
    assert job.run_training(run) == summary
    assert os.stat(f"{run.workdir}/summary.json") == before
    assert os.path.getsize(f"{run.workdir}/figures/training.png") > 1000
    assert capsys.readouterr().err == ""


@pytest.mark.draws
@pytest.mark.parametrize("program", [path, spectrum], ids=["path", "spectrum"])
def test_an_analysis_keeps_its_numbers_though_its_figure_cannot_be_drawn(
    program, run, tmp_path, monkeypatch, capsys
):
    job.run_training(run)
    settings = {"exact": True, "layers": ("Dense_1",), "output": str(tmp_path)}
    config = (
        line(run, tmp_path)
        if program is path
        else spectrum.Config(run.workdir, **settings)
    )
    with monkeypatch.context() as patch:
        for name in ("path", "spectrum"):
            patch.setattr(figures, name, fails)
        program.main(config)
    said = capsys.readouterr()
    folder = program.folder(config)
    assert folder.is_relative_to(tmp_path)
    assert "result.json, arrays.npz\n" in said.out and "figure.png" not in said.out
    assert "figure.png could not be drawn (RuntimeError: no figure)" in said.err
    result = json.loads((folder / "result.json").read_text())
    assert program.run(config) == result
    assert (folder / "figure.png").stat().st_size > 1000
    assert "could not" not in capsys.readouterr().err


class Measured(NamedTuple):
    loss: float


@pytest.mark.parametrize("name", ["difficulty", "hessian", "subspace"])
def test_a_study_keeps_its_verdicts_though_its_figures_cannot_be_drawn(
    name, tmp_path, monkeypatch, capsys
):
    def part(of):
        return importlib.import_module(f"analysis.studies.{name}.{of}")

    study = part("__main__")
    monkeypatch.setattr(part("runs"), "measure", lambda *_: Measured(0.5))
    monkeypatch.setattr(part("claims"), "claims", lambda _: [])
    monkeypatch.setattr(part("figures"), "save", fails)
    texts = {"hessian": [("table", "table_one")],
             "subspace": [("text", "table"), ("text", "sentences")]}  # fmt: skip
    for of, function in texts.get(name, []):
        monkeypatch.setattr(part(of), function, lambda _: "a table")
    config = study.Config(workdir=str(tmp_path))
    assert study.run(config)["loss"] == 0.5
    assert json.loads((config.folder / "result.json").read_text())["loss"] == 0.5
    assert (config.folder / "claims.txt").exists()
    assert "figures could not be drawn (RuntimeError" in capsys.readouterr().err
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    monkeypatch.setattr(part("runs"), "measure", fails)
    with pytest.raises(InputError, match="choose another --workdir"):
        study.run(config)


@pytest.mark.draws
def test_names_are_drawn_letter_by_letter_and_without_a_warning(tmp_path):
    names = [EVERY, "_$a$", "$x_{y", "\udcff", "神经网络", "a\nb"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = figures.training({name: [LINES] for name in names})
        figures.save(figure, tmp_path / "training.png")
        shown = [text.get_text() for text in figure.legends[0].get_texts()]
        assert len(shown) == len(names) + 2
        ts, ones = np.array([0.0, 1.0]), np.ones(2)
        values = dict.fromkeys(("loss", "l2", "accuracy"), ones)
        figures.save(
            figures.path(ts, values, (EVERY, "$a$"), EVERY), tmp_path / "path.png"
        )
        grid, corners = np.arange(3.0), np.eye(3, 2)
        plane = (grid, grid, grid[:, None] + grid, corners, names[:3], EVERY, ("", ""))
        figures.save(figures.surface(*plane), tmp_path / "surface.png")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.draws
def test_drawing_asks_for_no_backend(tmp_path):
    with matplotlib.rc_context():
        matplotlib.rcParams["backend"] = "module://of_a_notebook_elsewhere"
        figures.save(figures.training({"a": [LINES]}), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_programs_draw_whatever_backend_the_environment_names():
    code = (
        "import landscape.cli as c; c.launch(lambda: __import__('landscape.figures'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "of_no_library"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_result_that_is_none_is_computed_again(text, tmp_path, capsys):
    results.write(tmp_path, {"loss": 0.5})
    assert results.read(tmp_path) == {"loss": 0.5}
    (tmp_path / results.RESULT).write_text(text)
    assert results.read(tmp_path) is None
    assert f"{tmp_path / results.RESULT} is damaged" in capsys.readouterr().err


def read_only(*_, **__):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_read_only_run_is_refused_before_computing_and_output_goes_elsewhere(
    run, tmp_path, monkeypatch
):
    job.run_training(run)
    there = line(run, tmp_path)
    config = path.Config(there.run_a, there.run_b, points=3)
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    monkeypatch.setattr(importlib, "import_module", fails)  # What loads JAX.
    with pytest.raises(InputError, match=r"Read-only file system\): --output DIR"):
        path.run(config)
    assert not path.folder(config).parent.exists()
    monkeypatch.undo()
    assert len(path.run(there)["losses"]) == 3
    assert path.folder(there).name == path.folder(config).name
    # What is there is read back from where nothing can be written.
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    assert len(path.run(there)["losses"]) == 3


def test_a_workdir_where_nothing_can_be_written_is_refused_before_any_run_trains(
    run, tmp_path, monkeypatch
):
    def only_second(dir, suffix):
        assert dir == tmp_path
        read_only()

    job.run_training(run)
    monkeypatch.setattr(tempfile, "TemporaryFile", only_second)
    monkeypatch.setattr(opening, "_open", fails)
    second = DenseRun(**TINY, workdir=str(tmp_path / "new"))
    # A finished run writes nothing: it is not refused.
    with pytest.raises(InputError, match=r"new cannot be written .* --workdir"):
        job.run_all([run, second])
    assert not list(tmp_path.iterdir())


def test_numbers_that_a_full_disk_does_not_take_are_printed(
    run, tmp_path, full_disk, monkeypatch, capsys
):
    job.run_training(run)
    config = line(run, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(inputs, "FLOPS_PER_SAVE", 1)
        full_disk(patch)
        with pytest.raises(RunFailure, match=r"arrays\.npz could .*No space left"):
            path.main(config)
    said = capsys.readouterr()
    assert "Above the chord" in said.out
    # Pieces that could not be saved stop nothing.
    assert said.err.count("partial.npz could not be written: No space left") == 1
    # Nothing half written takes the room that is wanted.
    assert not path.folder(config).exists()
    path.main(config)
    assert (path.folder(config) / results.FIGURE).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\x00", '{"method": 3}'])
def test_a_summary_that_is_none_is_told_by_name_and_written_anew(
    text, run, tmp_path, capsys
):
    whole = job.run_training(run)
    file = Path(run.workdir) / runs.SUMMARY
    file.write_text(text)
    for read in (job.run_training, lambda run: runs.load(run.workdir)):
        with pytest.raises(InputError, match=r"summary\.json .*remove it") as caught:
            read(run)
        assert str(caught.value).startswith(str(file))
    row = runs_program.table([Path(run.workdir)])
    assert "unreadable" in row
    file.unlink()
    assert job.run_training(run) | {"seconds": 0} == whole | {"seconds": 0}


def test_settings_and_metrics_that_are_not_json_are_told_by_name(tmp_path):
    (tmp_path / runs.CONFIG).write_text("{'steps': 3}")
    with pytest.raises(InputError, match=r"config\.json is not JSON"):
        runs.read_config(tmp_path)
    (tmp_path / runs.METRICS).write_text('{"step": 1}\n\x00\x00\n{"step": 2}\n')
    with pytest.raises(InputError, match=r"line 2 of .*metrics\.jsonl is not JSON"):
        runs.read_metrics(tmp_path)


def test_what_an_atomic_write_could_not_finish_is_removed(tmp_path, full_disk):
    full_disk()
    with pytest.raises(OSError, match=r"No space left"):
        files.write_atomically(tmp_path / "a", "text")
    assert not list(tmp_path.iterdir())


def test_arrays_and_figures_that_were_lost_are_made_again(run, tmp_path, capsys):
    job.run_training(run)
    config = line(run, tmp_path)
    before = path.run(config)
    for name in (results.ARRAYS, results.FIGURE):
        (path.folder(config) / name).write_bytes(b"")
    assert path.run(config) == before
    assert "arrays.npz is damaged: it is computed again" in capsys.readouterr().err
    assert results.read_arrays(path.folder(config) / results.ARRAYS)
    assert (path.folder(config) / results.FIGURE).stat().st_size
