"""Flags in groups, and which go with some methods alone."""

import dataclasses

import pytest

from landscape import runs
from landscape.cli import check_used, groups_of
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.registries.methods import METHODS
from train import dense, sparse, units
from train.jobs import record

PROGRAMS = [dense.Config, sparse.Config, units.Config]


@pytest.mark.parametrize("config_class", PROGRAMS)
def test_every_flag_is_in_a_group(config_class):
    flags = {f.name for f in dataclasses.fields(config_class) if f.init}
    assert flags <= groups_of(config_class).keys()


@pytest.mark.parametrize(
    ("words", "chosen", "message"),
    [
        (["--levels", "3"], ["pruning"], "--levels goes with --method imp, not prun"),
        (["--prune_every=3"], ["imp", "static"], "or ste, not imp static"),
        (["--b", "1"], ["c"], "--b goes with --method x, y or z, not c"),
        (["--no-flag"], ["c"], "--no-flag goes with --method x, y or z"),
    ],
)
def test_a_flag_that_no_method_uses_is_refused(words, chosen, message):
    class Few:
        GROUPS = {"a": "sparsity", "b": "x, y, z"}  # noqa: RUF012
        a: int
        b: int
        flag: bool

    kind = Few if chosen == ["c"] else sparse.Config
    with pytest.raises(InputError, match=message):
        check_used(kind, words, chosen, [*METHODS, "x", "y", "z"])
    check_used(kind, words, ["imp", "pruning", "y"], [*METHODS, "x", "y", "z"])
    check_used(kind, ["--a", "b", "levels"], chosen, [*METHODS, "x", "y", "z"])


def test_what_the_run_of_the_masks_brings_is_not_refused(tmp_path):
    folder = tmp_path / "pruned"
    theirs = SparseRun(prune_every=3, score="obd", levels=2, workdir=str(folder))
    record.open_folder(folder, theirs)
    words = ["--mask-from", str(folder), "--method", "restart"]
    ((config, _),) = sparse.read(words)
    assert (config.prune_every, config.score, config.method) == (3, "obd", ("restart",))
    with pytest.raises(InputError, match="--score goes with --method pruning, not res"):
        sparse.read([*words, "--score", "obd"])
    assert runs.read_config(folder) == theirs


def test_flags_of_masks_found_at_step_0_go_with_the_methods_that_find_them():
    words = "--method snip --score-examples 9 --per-layer"
    ((config, _),) = sparse.read(words.split())
    assert config.score_examples == 9 and config.per_layer
    with pytest.raises(InputError, match="snip, grasp or synflow, not static"):
        sparse.read(["--method", "static", "--score-rounds", "3"])
    with pytest.raises(InputError, match="goes with --method grasp, not snip"):
        sparse.read(["--method", "snip", "--grasp-temperature", "3"])
