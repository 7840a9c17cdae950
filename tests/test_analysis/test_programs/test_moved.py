"""Data, runs and the working directory move: what was trained is found the same."""

import errno
import os
import shutil
import sys
import types
from pathlib import Path

import jax
import numpy as np
import pytest

from analysis import path
from landscape import runs
from landscape.data.raw import Raw
from landscape.errors import InputError
from landscape.registries import methods
from train import sparse
from train.jobs import record

TINY = {
    "dataset": "filed", "model": "mlp", "widths": (8,), "batch_size": 20, "steps": 20,
    "log_every": 10, "keep_every": 10, "sparsity": 0.5,
}  # fmt: skip


def read(data_dir):
    """A data set in a folder, as a reader of `landscape.data` returns it."""
    if not Path(data_dir, "labels.npy").exists():
        raise InputError(f"no data set in {data_dir}.")
    labels = np.load(Path(data_dir, "labels.npy"))
    inputs = np.random.default_rng(0).normal(size=(len(labels), 5))
    return Raw((inputs, labels), (inputs, labels), 3, None)


def write(folder, seed):
    folder.mkdir()
    labels = np.random.default_rng(seed).integers(0, 3, 60).astype(np.int32)
    np.save(folder / "labels.npy", labels)


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A folder with solutions/ and data/, which were elsewhere when they were made."""
    home = tmp_path_factory.mktemp("moved")
    with pytest.MonkeyPatch.context() as patch:
        module = types.ModuleType("filed_data")
        module.read = read
        patch.setitem(sys.modules, "filed_data", module)
        row = methods.DATA_SETS["digits"]._replace(
            name="filed", read="filed_data:read", settings=("data_dir",)
        )
        patch.setitem(methods.DATA_SETS, "filed", row)
        before, after = home / "before", home / "after"
        before.mkdir()
        after.mkdir()
        write(before / "data", 0)
        write(after / "other", 1)
        patch.chdir(before)
        sparse.run(
            sparse.Config(
                **TINY, method=("pruning", "lottery"), workdir="runs", data_dir="data"
            )
        )
        shutil.move(before / "data", after / "data")
        shutil.move(before / "runs", after / "solutions")
        patch.chdir(after)
        yield before


def lottery(**settings):
    """The command of the lottery run, typed where it is now."""
    given = {"mask_from": "solutions/pruned", "workdir": "solutions/lottery"}
    config = TINY | given | {"data_dir": "data"} | settings
    return sparse.run(sparse.Config(**config, method=("lottery",)))[0]


def test_weights_load_without_data(moved):
    run = runs.load("solutions/lottery", data=False)
    assert run.data is None
    kernels = [leaf for leaf in jax.tree.leaves(run.state.params) if leaf.ndim == 2]
    assert [leaf.shape for leaf in kernels] == [(5, 8), (8, 3)]
    with pytest.raises(InputError, match="no data set in"):
        runs.load("solutions/lottery")


def test_data_is_named_anew_and_must_be_that_of_the_run(moved):
    run = runs.load("solutions/lottery", data_dir="data")
    assert run.config.data_dir == "data" and len(run.data.train["label"]) == 60
    with pytest.raises(InputError, match="trained on other data than the filed"):
        runs.load("solutions/lottery", data_dir="other")


def test_an_analysis_is_told_where_the_data_is_and_is_the_same_one(moved):
    ends = "solutions/pruned@init", "solutions/pruned"
    config = path.Config(*ends, points=3, extend=0.0, data_dir="data")
    with pytest.raises(InputError, match="no data set in"):
        path.run(path.Config(*ends, points=3, extend=0.0))
    assert len(path.run(config)["losses"]) == 3
    assert path.folder(config) == path.folder(
        path.Config(*ends, points=3, extend=0.0, data_dir="elsewhere")
    )


def test_the_analysis_of_a_run_is_found_where_the_run_was_moved(moved):
    config = path.Config("solutions/pruned@0", "solutions/pruned", data_dir="data")
    here = path.folder(config)
    shutil.copytree("solutions", "elsewhere")
    for home in ("elsewhere", "./elsewhere/", str(Path("elsewhere").resolve())):
        there = path.Config(f"{home}/pruned@init", f"{home}/pruned", data_dir="data")
        assert path.folder(there).name == here.name
        assert path.folder(there).resolve().is_relative_to(Path("elsewhere").resolve())
    backwards = path.Config(config.run_b, config.run_a, data_dir="data")
    assert path.folder(backwards).name[-8:] != here.name[-8:]


def test_a_moved_run_resumes_with_moved_data_and_sources_to_the_same_bits(moved):
    folder = Path("solutions/lottery")
    state = runs.load(str(folder), data=False).state
    metrics = (folder / runs.METRICS).read_bytes()
    (folder / runs.SUMMARY).unlink()
    shutil.rmtree(folder / runs.CHECKPOINTS / "20")
    with pytest.raises(InputError, match="trained on other data"):
        lottery(data_dir="other")
    lottery()
    again = runs.load(str(folder)).state
    jax.tree.map(np.testing.assert_array_equal, state, again)
    assert (folder / runs.METRICS).read_bytes() == metrics


def test_the_masks_are_of_the_run_with_their_digest_wherever_it_is(moved):
    # As it was typed once; nothing is there any more.
    old = str(moved / "runs" / "pruned")
    assert lottery(mask_from=old) == lottery()
    said = {"mask_from": old, "workdir": "solutions/lottery"}
    assert sparse.inherited(said)["mask_from"] == "solutions/pruned"
    # Of the same name and settings, and another state.
    shutil.copytree("solutions/pruned", "other-pruned")
    checkpoints = Path("other-pruned", runs.CHECKPOINTS)
    shutil.copy(checkpoints / "0/digests.json", checkpoints / "20/digests.json")
    with pytest.raises(InputError, match="another run, or another state of it"):
        lottery(mask_from="other-pruned")


def test_a_finished_run_is_told_where_its_data_is_by_its_command(moved):
    summary = lottery()
    assert runs.load("solutions/lottery").config.data_dir == str(Path("data").resolve())
    assert runs.read_summary(Path("solutions/lottery")) == summary


def test_a_finished_run_takes_no_note_of_other_data(moved):
    lottery()
    for folder, why in (("other", "trained on other data"), ("none", "no data set")):
        with pytest.raises(InputError, match=why):
            lottery(data_dir=folder)
        assert runs.load("solutions/lottery").config.data_dir.endswith("data")


def test_a_finished_run_that_takes_no_note_of_its_data_says_so(
    moved, monkeypatch, capsys
):
    def read_only(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    summary = lottery()
    shutil.copytree("data", "copy")
    monkeypatch.setattr(record, "write_atomically", read_only)
    assert lottery(data_dir="copy") == summary
    said = capsys.readouterr().err
    assert "config.json still names another --data-dir" in said
    assert "Read-only file system" in said and "resumes" not in said
