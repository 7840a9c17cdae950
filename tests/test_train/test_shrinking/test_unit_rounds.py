"""Which rounds a command stands for, in which folders, and what it refuses."""

import pytest

from landscape import runs
from landscape.config import DenseRun, SparseRun, UnitsRun
from landscape.errors import InputError, RunFailure
from train import units
from train.jobs import record
from train.shrinking import rounds

SETTINGS = {"model": "mlp", "widths": (8, 6), "workdir": "w", "source": "dense"}


def played(config, accuracies):
    """The rounds of a config, their runs having these validation accuracies."""
    series, found = rounds.rounds_of(config), []
    accuracies = iter(accuracies)
    try:
        made = next(series)
        while True:
            found.append((made.folder, made.parent, round(made.fraction, 4)))
            made = series.send(next(accuracies))
    except StopIteration as stop:
        return found, stop.value


def test_a_budget_is_reached_by_equal_factors_and_the_last_round_is_the_workdir():
    config = units.Config(**SETTINGS, keep_params=0.125)
    found, result = played(config, [None] * 3)
    assert found == [
        ("w-round1", "dense", 0.5), ("w-round2", "w-round1", 0.25),
        ("w", "w-round2", 0.125),
    ]  # fmt: skip
    assert result.folder == "w"
    config = units.Config(**SETTINGS, keep_flops=0.3, rounds=1)
    assert played(config, [None])[0] == [("w", "dense", 0.3)]


def test_of_a_round_from_which_nothing_goes_no_run_is_made():
    config = units.Config(**SETTINGS, keep_params=0.0625, rounds=4)
    nothing = rounds.NOTHING_GOES
    found, result = played(config, [None, nothing, None, nothing])
    parents = [(folder, parent) for folder, parent, _ in found]
    assert parents == [
        ("w-round1", "dense"), ("w-round2", "w-round1"), ("w-round3", "w-round1"),
        ("w", "w-round3"),
    ]  # fmt: skip
    assert result == rounds.Round(3, "w-round3", "w-round1", 0.125)
    config = units.Config(**FLOOR, rounds=3)
    assert played(config, [0.95, nothing, 0.95])[1].parent == "w-round1"


FLOOR = SETTINGS | {"floor_accuracy": 0.9, "num_validation": 50}


def test_the_search_halves_until_the_floor_breaks_then_removes_less_at_once():
    config = units.Config(**FLOOR)
    found, result = played(config, [0.95, 0.90, 0.89, 0.93, 0.2, 0.5])
    assert found == [
        ("w-round1", "dense", 0.5), ("w-round2", "w-round1", 0.25),
        ("w-round3", "w-round2", 0.125), ("w-round4", "w-round2", 0.1768),
        ("w-round5", "w-round4", 0.125), ("w-round6", "w-round4", 0.1487),
    ]  # fmt: skip
    assert result.folder == "w-round4"


def test_the_search_ends_with_the_rounds_and_where_nothing_holds_it_says_so():
    config = units.Config(**FLOOR, rounds=2)
    assert played(config, [0.95, 0.95])[1].folder == "w-round2"
    # A network that cannot be smaller has no accuracy.
    assert played(config, [0.95, None])[1].folder == "w-round1"
    with pytest.raises(RunFailure, match=r"0.8000 at 0.5, 0.7000 at 0.707 of the"):
        played(config, [0.8, 0.7])


def test_from_brings_the_settings_of_the_run_but_budget_workdir_and_steps(tmp_path):
    theirs = SparseRun(
        steps=90, model="mlp", widths=(9, 8), seed=3, batch_size=20, warmup=30,
        workdir=str(tmp_path / "pruned"), dense_layers=("Dense_0",),
    )  # fmt: skip
    record.open_folder(tmp_path / "pruned", theirs)
    name = f"{tmp_path / 'pruned'}@30"
    (point,) = units.read(["--from", name])
    config = point.config
    assert (config.widths, config.seed, config.batch_size) == ((9, 8), 3, 20)
    assert (config.source, config.workdir, config.steps) == (name, None, 30)
    assert config.warmup == 10 and config.keep_params is None
    smaller = UnitsRun.of(
        config, workdir=str(tmp_path / "small"), keep_params=0.2, score="norm"
    )
    record.open_folder(tmp_path / "small", smaller)
    (point,) = units.read(["--from", smaller.workdir])
    again = point.config
    assert (again.steps, again.warmup, again.score) == (30, 10, "norm")
    assert again.keep_params is None


def test_the_settings_of_a_round_come_back_from_its_folder(tmp_path):
    run = UnitsRun(
        **SETTINGS, keep_params=0.5, parent="w-round1", masked={"Dense_0/kernel": 7},
        keep_layers=("Dense_*",),
    )  # fmt: skip
    record.open_folder(tmp_path / "r", run)
    back = runs.read_config(tmp_path / "r")
    assert back.masked == run.masked and back.keep_layers == run.keep_layers
    assert back.method == "units"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "says how far the network shrinks, not none"),
        (
            {"keep_params": 0.5, "keep_flops": 0.5},
            "not --keep-params and --keep-flops",
        ),
        ({"floor_accuracy": 0.9}, "--num-validation"),
        ({"source": "", "keep_params": 0.5}, "--from RUN"),
        ({"keep_params": 0.5, "widths": (9, 6)}, "widths .9, 6. is not that of"),
    ],
)
def test_what_says_no_budget_or_two_or_another_network_is_refused(
    tmp_path, monkeypatch, changed, said
):
    monkeypatch.chdir(tmp_path)
    theirs = DenseRun(model="mlp", widths=(8, 6), workdir="dense")
    record.open_folder(tmp_path / "dense", theirs)
    with pytest.raises(InputError, match=said):
        units.run(units.Config(**SETTINGS | changed))
    assert [path.name for path in tmp_path.iterdir()] == ["dense"]


@pytest.mark.parametrize("field", ["keep_params", "keep_flops", "floor_accuracy"])
@pytest.mark.parametrize("value", [0.0, 1.0, 20.0, -0.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(field, value):
    with pytest.raises(InputError, match=rf"must be in \(0, 1\), not {value}"):
        units.Config(**{field: value})


def test_a_run_that_is_not_finished_is_no_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    theirs = DenseRun(model="mlp", widths=(8, 6), workdir="dense")
    record.open_folder(tmp_path / "dense", theirs)
    with pytest.raises(InputError, match="dense is not finished"):
        rounds.check(units.Config(**SETTINGS, keep_params=0.5))
    assert [path.name for path in tmp_path.iterdir()] == ["dense"]
