"""`python -m analysis.runs`: means over seeds, filters, order, CSV and JSON."""

import csv
import io
import json
import statistics

import pytest

from analysis import runs as program
from landscape import runs
from landscape.config import SparseRun, to_dict
from landscape.errors import InputError
from landscape.runs import sources


def summary(accuracy, loss=0.5):
    return {
        "method": "pruning", "sparsity": 0.9, "num_nonzero": 90, "num_params": 1000,
        "train_loss": loss, "test_accuracy": accuracy, "seed": 0,
    }  # fmt: skip


def make(folder, accuracy=None, loss=0.5, **settings):
    """A run folder without checkpoints, finished if it has an accuracy."""
    folder.mkdir(parents=True)
    settings = to_dict(SparseRun(**settings, workdir=str(folder)))
    (folder / runs.CONFIG).write_text(json.dumps(settings))
    if accuracy is not None:
        found = summary(accuracy, loss) | {"method": settings["method"]}
        found["seed"] = settings["seed"]
        (folder / runs.SUMMARY).write_text(json.dumps(found))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Pruning at two sparsities with three and two seeds, and lottery in its masks."""
    root = tmp_path_factory.mktemp("table")
    for seed, accuracy in enumerate((0.90, 0.92, 0.97)):
        make(root / f"p-{seed}", accuracy, seed=seed, sparsity=0.9, steps=30)
    for seed, accuracy in enumerate((0.60, 0.80)):
        make(root / f"high-{seed}", accuracy, seed=seed, sparsity=0.99, steps=30)
    for name, seed in (("p", 0), ("p", 1), ("high", 0)):
        make(
            root / f"lottery-{name}-{seed}",
            0.95,
            method="lottery",
            mask_from=str(root / f"{name}-{seed}"),
            seed=seed + 5,
            sparsity=0.9,
            steps=30,
        )
    make(root / "p-unfinished", seed=9, sparsity=0.9, steps=30)
    return root


def printed(root, **settings):
    return program.run(program.Config((str(root),), **settings))


def records(root, **settings):
    return json.loads(printed(root, json="-", **settings))


def test_a_mean_is_over_the_runs_that_differ_by_seeds_alone(root):
    found = records(root, mean=True, filter=("method=pruning", "sparsity_target=0.9"))
    (row,) = found
    values = [0.90, 0.92, 0.97]
    assert row["seeds"] == 3
    assert row["test_accuracy"] == pytest.approx(statistics.mean(values), abs=1e-12)
    assert row["test_accuracy_sd"] == pytest.approx(statistics.stdev(values), abs=1e-12)
    assert row["run"] == str(root / "p-{0,1,2,unfinished}")
    assert row["state"] == "3 of 4 runs finished"
    text = printed(root, mean=True, filter=("run=*/p-*",))
    assert "93.00 +- 3.61 %" in text


def test_masks_of_runs_that_correspond_do_not_tell_runs_apart_but_others_do(root):
    found = records(root, mean=True, filter=("method=lottery",))
    assert [row["seeds"] for row in found] == [1, 2]
    assert found[1]["run"] == str(root / "lottery-p-{0,1}")
    assert found[0]["test_accuracy_sd"] is None


def test_the_run_of_the_masks_is_found_where_it_was_moved(root, tmp_path):
    """By sources.json, and else beside the run."""
    for seed in (0, 1):
        make(tmp_path / "new" / f"p-{seed}", 0.9, seed=seed, sparsity=0.9, steps=30)
    for seed, folder in enumerate((tmp_path / "new", tmp_path / "far")):
        gone = f"/nowhere/p-{seed}"
        make(folder / f"l-{seed}", 0.9, method="lottery", seed=seed, mask_from=gone)
    assert len(records(tmp_path, mean=True, filter=("method=lottery",))) == 2
    entry = {"masks": {"run": "../../new/p-1"}}
    (tmp_path / "far" / "l-1" / sources.SOURCES).write_text(json.dumps(entry))
    assert len(records(tmp_path, mean=True, filter=("method=lottery",))) == 1


def test_rows_are_sorted_by_a_column_and_those_without_come_last(root):
    some = {"filter": ("method=pruning",), "sort": "test accuracy"}
    names = [row["run"].rpartition("/")[2] for row in records(root, **some)]
    assert names == ["high-0", "high-1", "p-0", "p-1", "p-2", "p-unfinished"]
    names = [row["run"].rpartition("/")[2] for row in records(
        root, **some, descending=True
    )]  # fmt: skip
    assert names == ["p-2", "p-1", "p-0", "high-1", "high-0", "p-unfinished"]
    means = records(root, **some, descending=True, mean=True)
    assert [row["seeds"] for row in means] == [3, 2]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("test_accuracy>0.9",), 5), (("test_accuracy>=0.90",), 6),
        (("test_accuracy<0.9",), 2), (("method!=pruning",), 3),
        (("sparsity_target==.99", "seed=1"), 1), (("method = lottery , imp",), 3),
        (("run=*high*",), 3), (("global_pruning=False",), 9), (("nm=none",), 9),
        (("test_accuracy!=0.95",), 6), (("test_accuracy<=1",), 8),
    ],
)  # fmt: skip
def test_a_filter_leaves_the_runs_that_it_holds_for(root, words, count):
    assert len(records(root, filter=words)) == count


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"filter": ("test_accuracy>0.99",)}, "test accuracy is 0.6 to 0.97."),
        ({"filter": ("method=prunning",)}, "method is pruning, lottery."),
        ({"filter": ("method=lottery", "seed=0")}, "seed is 5 to 6."),
        ({"filter": ("methd=lottery",)}, "perhaps you meant 'method'?"),
        ({"filter": ("method",)}, "COLUMN=VALUE"),
        ({"filter": ("seed>low",)}, "needs a number, not 'low'"),
        ({"sort": "acuracy"}, "perhaps you meant 'test_accuracy'?"),
        ({"columns": ("learning_rat",)}, "perhaps you meant 'learning_rate'?"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(root, settings, words):
    with pytest.raises(InputError) as error:
        printed(root, **settings)
    assert words in str(error.value) and str(error.value).endswith(".")


def test_settings_that_differ_are_columns_and_asked_ones_too(root, tmp_path):
    make(tmp_path / "a", 0.5, learning_rate=0.1, widths=(8, 4), model="mlp")
    make(tmp_path / "b", 0.5, learning_rate=0.2, widths=(8,), model="mlp", seed=4)
    header, _, a, _ = printed(tmp_path, columns=("momentum",)).splitlines()
    assert "widths  learning rate  momentum" in header
    assert "  8 4               0.1       0.9  " in a
    assert "learning rate" not in printed(root)


def test_files_hold_the_full_numbers_of_several_roots(root, tmp_path):
    make(tmp_path / "it's, new", 1 / 3, loss=float("nan"), nm="1:4", method="nm")
    files = {name: tmp_path / "out" / f"t.{name}" for name in ("csv", "json")}
    text = program.run(
        program.Config(
            (str(root), str(tmp_path), str(root / "p-0")),
            **{name: str(path) for name, path in files.items()},
        )
    )
    assert len(text.splitlines()) == 2 + 10
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
    assert len(rows) == 10
    assert float(rows[-1]["test_accuracy"]) == 1 / 3
    assert rows[-1]["run"].endswith("it's, new") and rows[-1]["train_loss"] == "nan"
    last = json.loads(files["json"].read_text(), parse_constant=pytest.fail)[-1]
    assert last["train_loss"] is None and last["nm"] == "1:4"


def test_a_file_that_cannot_be_written_is_refused(root, tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        program.Config((str(root),), csv=str(tmp_path))
    with pytest.raises(InputError, match="cannot be written"):
        printed(root, csv=str(root / "p-0" / runs.CONFIG / "t.csv"))
    with pytest.raises(InputError, match="not both"):
        program.Config((str(root),), csv="-", json="-")
