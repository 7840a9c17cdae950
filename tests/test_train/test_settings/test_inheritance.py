"""Defaults that another run brings: --like RUN, with or without --mask-from, --from."""

from pathlib import Path

import pytest

from landscape.config import DenseRun, SparseRun, UnitsRun
from landscape.errors import InputError
from train import dense, sparse, units
from train.jobs import record
from train.settings import inheritance

NETWORK = {"model": "mlp", "widths": (9, 8), "steps": 40, "batch_size": 10, "seed": 3}


@pytest.fixture
def stored(tmp_path):
    """Writes the settings of a run, and returns its name."""

    def store(name, config_class, **settings):
        folder = tmp_path / name
        made = config_class(**NETWORK, **settings, workdir=str(folder))
        record.open_folder(folder, made)
        return str(folder)

    return store


def read(program, *words):
    (point,) = program.read(list(words))
    return point.config


def test_like_brings_all_settings_but_the_folder_and_says_which(stored, capsys):
    name = stored("a", SparseRun, method="rigl", sparsity=0.5, drop_fraction=0.2)
    found = read(sparse, "--like", f"{name}/", "--workdir", "w", "--steps", "50")
    expected = SparseRun(
        **NETWORK | {"steps": 50}, method="rigl", sparsity=0.5, drop_fraction=0.2,
        workdir="w",
    )  # fmt: skip
    assert sparse.expand(found) == [expected]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "batch-size 10, drop-fraction 0.2, method rigl, model mlp" in said
    assert "widths 9 8, all others as by default" in said
    assert found.num_seeds == 1
    # Of a sweep it is said once.
    name = stored("b", SparseRun)
    assert len(sparse.read(["--like", name, "--steps", "50", "60"])) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_stands_between_a_run_and_the_flags(stored, tmp_path):
    name = stored("a", DenseRun, init_zeros=0.5)
    (tmp_path / "s.toml").write_text("init-zeros = 0.25\nbatch-size = 11\nsteps = 7")
    words = ["--like", name, "--config", str(tmp_path / "s.toml"), "--steps", "8"]
    found = read(dense, *words)
    assert (found.init_zeros, found.batch_size, found.steps) == (0.25, 11, 8)
    assert (found.seed, found.widths, found.workdir) == (3, (9, 8), None)


def test_like_a_run_that_took_masks_takes_them_unless_the_method_takes_none(stored):
    masks = stored("m", SparseRun, sparsity=0.5)
    name = stored("a", SparseRun, method="lottery", sparsity=0.5, mask_from=masks)
    found = read(sparse, "--like", name)
    assert (found.mask_from, found.method) == (masks, ("lottery",))
    found = read(sparse, "--like", name, "--method", "snip")
    assert (found.mask_from, found.method, found.sparsity) == (None, ("snip",), 0.5)
    found = read(sparse, "--like", name, "--method", "pruning", "lottery")
    assert (found.mask_from, found.method) == (None, ("pruning", "lottery"))


def test_of_like_and_mask_from_the_latter_describes_the_masks(stored, tmp_path):
    masks = stored("m", SparseRun, sparsity=0.5, distribution="erk", learning_rate=0.5)
    name = stored("a", SparseRun, method="static", sparsity=0.9, learning_rate=0.2)
    found = read(sparse, "--like", name, "--mask-from", masks)
    assert (found.sparsity, found.distribution) == (0.5, "erk")
    assert (found.learning_rate, found.method) == (0.2, ("static",))
    # The run may also be named in a file.
    (tmp_path / "s.json").write_text(f'{{"mask_from": "{masks}", "method": "restart"}}')
    found = read(sparse, "--config", str(tmp_path / "s.json"))
    assert (found.sparsity, found.learning_rate, found.seed) == (0.5, 0.5, 0)
    assert found.method == ("restart",)


def test_like_a_level_is_the_command_that_ends_there(stored, tmp_path):
    first = {"method": "imp", "sparsity": 0.2, "rewind_to": 20, "keep_every": 20}
    stored("x/level-0", SparseRun, method="imp", sparsity=0.0, keep_every=20)
    stored("x/level-1", SparseRun, **first, mask_from=str(tmp_path / "x/level-0"))
    second = first | {"sparsity": 0.36, "rewind_to": None}
    name = stored(
        "x/level-2", SparseRun, **second, mask_from=str(tmp_path / "x/level-1")
    )
    made = sparse.expand(read(sparse, "--like", name, "--workdir", "w"))
    assert [each.sparsity for each in made] == [0.0, 0.2, 0.36]
    assert [each.rewind_to for each in made] == [None, 20, None]


def test_like_a_smaller_network_shrinks_the_one_that_it_came_from(stored):
    large = stored("large", DenseRun)
    settings = {"score": "norm", "keep_params": 0.5, "rounds": 2, "source": large}
    made = UnitsRun(**NETWORK | {"widths": (3, 2)}, **settings, workdir=f"{large}-s")
    record.open_folder(Path(made.workdir), made)
    found = read(units, "--like", made.workdir)
    assert (found.widths, found.steps, found.score) == ((9, 8), 40, "norm")
    assert (found.source, found.keep_params, found.rounds) == (large, 0.5, 2)
    assert found.workdir is None
    found = read(units, "--like", made.workdir, "--keep-flops", "0.3")
    assert (found.keep_params, found.keep_flops) == (None, 0.3)


@pytest.mark.parametrize(
    ("program", "kind", "settings", "message"),
    [
        (
            dense,
            SparseRun,
            {},
            "pruning runs are made by python -m train.sparse, not by",
        ),
        (sparse, DenseRun, {}, "made by python -m train.dense, not by train.sparse"),
        (units, DenseRun, {}, "dense runs are made by"),
        (sparse, SparseRun, {"method": "small-dense"}, "those of the small network"),
    ],
)
def test_a_run_of_another_kind_is_refused(program, kind, settings, message, stored):
    with pytest.raises(InputError, match=message):
        program.read(["--like", stored("a", kind, **settings)])


def test_no_run_is_told_with_the_nearest(stored):
    name = stored("pruned", SparseRun)
    with pytest.raises(InputError, match=r"perhaps you meant '.*pruned'"):
        sparse.read(["--like", name.replace("pruned", "pruend")])
    with pytest.raises(InputError, match="unknown method 'rigll'"):
        sparse.read(["--like", name, "--method", "rigll"])


@pytest.mark.parametrize(
    ("said", "args", "data_dir"),
    [
        ({}, ("a=1",), "/d"),
        ({"dataset": "m:few"}, ("a=1",), "/d"),
        ({"dataset": "digits"}, (), "/d"),
        ({"dataset": "./points"}, (), None),
    ],
)
def test_arguments_and_the_folder_of_ones_own_data_are_left_with_them(
    said, args, data_dir
):
    theirs = {"dataset": "m:few", "data_args": ("a=1",), "data_dir": "/d"}
    found = inheritance.fitting(theirs, said)
    assert (found["data_args"], found["data_dir"]) == (args, data_dir)
    files = {"dataset": "points/", "data_args": (), "data_dir": "/d"}
    assert inheritance.fitting(files, {"dataset": "mnist"})["data_dir"] is None
