"""The command that a training proposes: it is of the run that was made."""

import os
import shlex

import pytest

from analysis import runs as table
from landscape import runs
from landscape.cli import parse
from landscape.config import DenseRun, SparseRun
from train import dense, sparse
from train.jobs import record, report

SETTINGS = {
    "dataset": "blobs", "blob_dim": 7, "model": "mlp", "widths": (9, 8), "seed": 3,
    "steps": 40, "batch_size": 50, "schedule": "step", "decay_steps": (10, 20),
    "nesterov": True, "weight_decay": 0.0, "order_seed": 5, "keep_every": 10,
    "data_dir": "-my data",
}  # fmt: skip
SPARSE = {"max_sparsity": {"Dense_2": 0.4}, "sparsity": 0.5, "prune_every": 3}


def made_by(command):
    """The only run that a printed command stands for."""
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "train.sparse"]
    (point,) = sparse.read(words[3:])
    (run,) = sparse.expand(point.config)
    return run


@pytest.mark.parametrize("changed", [{}, SETTINGS])
def test_after_a_dense_run_the_same_network_is_pruned(changed):
    run = DenseRun(**changed, workdir="my runs/it's dense")
    following = made_by(report.next_command([run]))
    # Blobs are in no folder: a flag without an effect is not printed.
    expected = {"data_dir": None, "workdir": "my runs/it's dense-pruned"}
    assert following == SparseRun.of(run, **expected)


@pytest.mark.parametrize("changed", [{}, SETTINGS | SPARSE])
def test_after_pruning_the_lottery_has_its_settings(changed, tmp_path):
    folder = tmp_path / "my pruned"
    run = SparseRun(**changed, workdir=str(folder))
    record.open_folder(folder, run)
    following = made_by(report.next_command([run]))
    expected = {"method": "lottery", "mask_from": str(folder)}
    if run.data_dir:
        expected["data_dir"] = os.path.abspath(run.data_dir)
    assert following == SparseRun.of(run, **expected, workdir=f"{folder}-lottery")


def test_each_command_that_is_printed_runs(tmp_path, capsys):
    """From dense to pruned to lottery to the table of all three."""
    folder = tmp_path / "two words"
    tiny = {
        "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 20,
        "log_every": 10, "seed": 3,
    }  # fmt: skip
    dense.run(dense.Config(**tiny, workdir=str(folder / "net")))
    for name in ("net-pruned", "net-pruned-lottery"):
        words = printed_next(capsys)[3:]
        sparse.run_sweep(sparse.read(words))
        made = runs.read_config(folder / name)
        assert {k: getattr(made, k) for k in tiny} == tiny
    rows = table.run(parse(table.Config, argv=printed_next(capsys)[3:]))
    assert all(word in rows for word in ("dense", "pruning", "lottery"))


def printed_next(capsys):
    return shlex.split(capsys.readouterr().out.rpartition("Next: ")[2])
