"""The study of gradient flow: settings of its networks, and tiny runs."""

import json

import numpy as np
import pytest

from analysis.studies.gradient_flow import (
    networks,
    plots_sweep,
    predictions,
    rows,
    scales,
    sweep,
    sweep_settings,
    trainings,
    updates,
)
from analysis.studies.gradient_flow.__main__ import Config, run
from analysis.studies.gradient_flow.published import PUBLISHED
from analysis.studies.gradient_flow.scales import Scale, Sweep
from landscape import runs
from landscape.errors import InputError
from landscape.registries.methods import METHODS

NETWORK = {
    "dataset": "digits", "model": "mlp", "widths": (12, 8), "steps": 20,
    "num_train": 60, "batch_size": 20, "log_every": 10, "prune_start": 5,
    "prune_end": 15, "prune_every": 5, "update_every": 5,
}  # fmt: skip
TINY = Scale(
    training=NETWORK | {"sparsity": 0.5},
    num_seeds=2,
    published=False,
    updates=(4,),
    examples=50,
    escape=NETWORK,
    escape_sparsities=(0.5,),
    escape_seeds=1,
    sweep=Sweep(NETWORK, 1, (0.5,), (), (0.5,)),
)


def of_row(name):
    (row,) = (row for row in rows.ROWS if row.name == name)
    return trainings.of_row(scales.full(Config()), "root", row)


def test_every_row_is_of_a_method_and_the_published_ones_come_first():
    names = [row.name for row in rows.ROWS]
    assert set(names) >= set(PUBLISHED) - {"pruned"}
    published = [row.name for row in rows.chosen(True)]
    assert published == names[: len(published)] and len(set(names)) == len(names)
    assert {row.method for row in rows.ROWS} <= set(METHODS)
    folders = [rows.folder("root", row, 1) for row in (rows.PRUNED, *rows.ROWS)]
    assert len(set(folders)) == len(folders)


def test_only_the_order_varies_where_the_row_says_so():
    for name, seed in (("lottery", 0), ("restart", 0), ("scratch", rows.NEW)):
        found = of_row(name)
        assert [each.seed for each in found] == [seed] * 5
        assert [each.order for each in found] == [1, 2, 3, 4, 5]
    for name, first in (("scratch, new", rows.NEW + 1), ("pruned, new", 1)):
        found = of_row(name)
        seeds = list(range(first, first + 5))
        assert [each.seed for each in found] == [each.order for each in found] == seeds


def test_the_recipe_is_the_published_one():
    settings = trainings.pruned(scales.full(Config(scale="mnist")), "root")
    assert (settings.model, settings.batch_size, settings.steps) == (
        "lenet5", 128, 11719,
    )  # fmt: skip
    assert (settings.sparsity, settings.pruning_steps) == (0.95, (3000, 7000, 100))
    assert (settings.learning_rate, settings.momentum) == (0.05, 0.9)
    assert settings.schedule == "cosine"
    assert settings.initialisation == "glorot_uniform"
    # Keras' l2(5e-4) is 5e-4 times the sum of squares.
    assert settings.weight_decay / 2 == 5e-4 and settings.inputs == "scale"


def test_at_equal_flops_the_whole_schedule_is_stretched():
    entry = next(e for e in sweep_settings.ENTRIES if e.name == "pruning")
    sweep_of = scales.full(Config(sweep=True)).sweep
    found = sweep_settings.settings_of(sweep_of, "root", entry, "0.9", 3, 0.5)
    assert (found.steps, found.pruning_steps) == (1500, (375, 900, 25))
    assert found.workdir == "root/sweep-equal-flops/pruning/0.9/seed-3"


def test_settings_that_compare_nothing_are_refused(tmp_path):
    with pytest.raises(InputError, match="--num-seeds must be at least 2, not 1"):
        Config(num_seeds=1)
    assert Config(num_seeds=1, sweep=True).num_seeds == 1
    with pytest.raises(InputError, match="--published"):
        Config(published=True, sweep=True)
    with pytest.raises(InputError, match="--num-examples 61 is more than the 60"):
        run(Config(workdir=str(tmp_path)), TINY._replace(examples=61))
    assert not list(tmp_path.rglob("config.json"))


@pytest.fixture(scope="module")
def chosen():
    names = "lottery", "scratch, new", "small-dense", "static", "rigl"
    return tuple(row for row in rows.ROWS if row.name in names)


def refuse(*args, **options):
    raise AssertionError("measured again")


def test_the_study_runs_and_is_read_back(tmp_path, monkeypatch, steps_said, chosen):
    monkeypatch.setattr(rows, "ROWS", chosen)
    config = Config(workdir=str(tmp_path))
    result = run(config, TINY)
    assert steps_said()
    files = {path.name for path in config.folder.iterdir()}
    assert {"claims.txt", "table.txt", "table.png", "mask-updates.png"} <= files
    stored = json.loads((config.folder / "result.json").read_text())
    assert list(stored["table"]) == ["pruned", *(row.name for row in chosen)]
    assert stored["table"]["pruned"]["with_pruned"] == [0.0]
    root = trainings.root_of(config)
    for row in chosen:
        part = stored["table"][row.name]
        for index, value in enumerate(part["accuracy"], 1):
            summary = runs.read_summary(
                runs.parse(rows.folder(root, row, index)).folder
            )
            assert value == pytest.approx(summary["test_accuracy"])
        assert len(part["disagreement"]) == 1
    for each in stored["updates"]:
        assert (each["step"], each["update"]) == (4, 5)
        # Half of the weights, and all 30 biases.
        assert each["before"]["size"] == (64 * 12 + 12 * 8 + 8 * 10) // 2 + 30
        assert each["before"]["size"] == each["rigl"]["size"] == each["random"]["size"]
        assert 0 < each["replaced"] <= 0.3 * each["rigl"]["size"]
    monkeypatch.setattr(predictions, "_compute", refuse)
    monkeypatch.setattr(updates, "_measure", refuse)
    assert run(config, TINY)["text"] == result["text"]


def test_the_published_rows_alone_are_a_part(tmp_path, monkeypatch, chosen):
    seen = []
    monkeypatch.setattr(networks, "train", lambda settings, start=None: refuse())
    monkeypatch.setattr(trainings.checks, "check", seen.extend)
    monkeypatch.setattr(rows, "ROWS", chosen)
    with pytest.raises(AssertionError, match="again"):
        run(Config(workdir=str(tmp_path), published=True), TINY)
    assert {each.method for each in seen} == {"pruning", "lottery", "scratch"}


def test_the_sweep_runs_and_is_read_back(tmp_path, monkeypatch, steps_said):
    names = "pruning", "lottery", "static", "imp"
    few = tuple(e for e in sweep_settings.ENTRIES if e.name in names)
    for module in (sweep, sweep_settings):
        monkeypatch.setattr(module, "ENTRIES", few)
    config = Config(workdir=str(tmp_path), sweep=True)
    result = run(config, TINY)
    assert steps_said()
    assert {"accuracy.png", "density.png"} <= {p.name for p in config.folder.iterdir()}
    assert list(result["sweep"]) == ["dense", *names]
    assert list(result["equal"]) == ["dense", "pruning", "static"]
    # A quarter of the dense FLOPs at half of the weights is half of the steps.
    static = result["equal"]["static"]["0.5"]
    assert static["factor"] == pytest.approx(0.5)
    whole = result["sweep"]["dense"]["0"]["flops"][0]
    for part in (static, result["equal"]["dense"]["0"]):
        assert part["flops"][0] == pytest.approx(0.25 * whole, rel=0.02)
    # A dense training, and one of half of its weights.
    imp = result["sweep"]["imp"]["0.5"]
    assert imp["flops"][0] == pytest.approx(1.5 * whole, rel=0.02)
    assert imp["layers"]["Dense_1"] == [0.5]
    layers = result["sweep"]["static"]["0.5"]["layers"]
    assert set(layers) == {"Dense_0", "Dense_1", "Dense_2"}
    monkeypatch.setattr(sweep, "_cost", refuse)
    assert run(config, TINY)["text"] == result["text"]


def test_a_curve_of_patterns_has_no_line():
    curves = {"nm": {0.5: [97.0], 0.75: [96.0]}, "pruning": {0.9: [98.0, 97.0]}}
    figure = plots_sweep.accuracies({"a": curves}, {"a": [98.0, 98.2]}, ["nm"], "")
    styles = {box.get_label(): box.lines[0].get_linestyle()
              for box in figure.axes[0].containers}  # fmt: skip
    assert styles["nm"] == "None" and styles["pruning"] != "None"
    low, high = np.sort(figure.axes[0].patches[0].get_extents().get_points()[:, 1])
    assert low < high
