"""Networks made smaller inside this process: what they compute, keep and refuse."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from analysis import path, spectrum
from landscape import data, figures, runs
from landscape.config import DenseRun, SparseRun
from landscape.disk import checkpoint_tables
from landscape.errors import InputError
from landscape.models import LeNet
from landscape.registries import methods
from landscape.units import (
    mean_outputs,
    replacing,
    sites_of,
    specification,
    structure,
    tapped_logits,
)
from train import units
from train.jobs import job, record
from train.shrinking import descent, report, rounds, selection

TINY = {
    "model": "mlp", "widths": (12, 7), "num_train": 200, "batch_size": 50, "steps": 30,
    "log_every": 30, "learning_rate": 0.05, "num_validation": 100,
}  # fmt: skip

WIDTHS = {"Dense_0": 12, "Dense_1": 7}


@pytest.fixture(scope="module", autouse=True)
def no_picture_is_written():
    """Figures are made; what takes most of their time is left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", lambda figure, path: None)
        yield


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    folder = tmp_path_factory.mktemp("units") / "dense"
    job.run_training(DenseRun(**TINY, workdir=str(folder)))
    return folder


def config_of(source, workdir, **changes):
    default = units.defaults_of(str(source), runs.read_config(source))
    return units.Config.of(default, source=str(source), workdir=str(workdir), **changes)


@pytest.fixture(scope="module")
def small(dense):
    folder = dense.parent / "small"
    config = config_of(dense, folder, keep_params=0.25, rounds=2)
    units.run(config)
    return folder, config


def tapped_at_units(run):
    """Logits of a run's network, tapped where its units are read; sites; spec."""
    spec = specification(run.model, run.state.params)
    sites = sites_of(spec, run.state.params)
    return tapped_logits(run.objective, run.state.batch_stats, sites), sites, spec


def gone_from(folder, spec):
    """By group, the units that units.json does not keep."""
    groups = json.loads((folder / "units.json").read_text())["parent"]["groups"]
    return {
        group: ~np.isin(np.arange(size), groups[group]["kept"])
        for group, size in spec.sizes.items()
    }


def test_a_round_starts_from_the_outputs_with_means_in_the_place_of_units(dense, small):
    folder = small[0].with_name("small-round1")
    before, after = runs.load(str(dense)), runs.load(f"{folder}@init")
    logits, sites, spec = tapped_at_units(before)
    gone = gone_from(folder, spec)
    assert any(units.any() for units in gone.values())
    params, batch = before.state.params, before.data.train
    means = mean_outputs(logits, params, batch, sites)
    whole = logits(params, batch, replacing(sites, gone, means))
    rest = after.model.apply({"params": after.state.params}, batch["image"])
    np.testing.assert_allclose(rest, whole, atol=1e-5 * np.abs(whole).max())


def test_the_budget_is_met_by_the_stored_numbers_and_no_unit_more_goes(dense, small):
    folder, _ = small
    whole = runs.read_summary(dense)["num_params"]
    for name, share in (("small-round1", 0.5), ("small", 0.25)):
        run = runs.load(str(folder.with_name(name)))
        size = sum(leaf.size for leaf in jax.tree.leaves(run.state.params))
        # One more unit of the first layer would have more weights than are left over.
        assert 0 <= share * whole - size < 64 + 1 + 7 + 10
        assert run.config.widths == tuple(run.model.widths)
        assert size == runs.read_summary(folder.with_name(name))["num_params"]


def test_units_json_names_the_units_in_the_network_before_and_in_the_first(small):
    folder, _ = small
    first, second = (
        json.loads((folder.with_name(name) / "units.json").read_text())
        for name in ("small-round1", "small")
    )
    assert first["parent"] == first["first"]
    for group, of in second["parent"]["groups"].items():
        before = first["first"]["groups"][group]["kept"]
        names = [before[i] for i in of["kept"]]
        assert second["first"]["groups"][group]["kept"] == names
        assert second["first"]["groups"][group]["of"] == WIDTHS[group]
    # The kept units' own weights are those of the first network after its training.
    run = runs.load(f"{folder.with_name('small-round1')}@init").state.params
    origin = runs.load(str(folder.with_name("dense"))).state.params
    kept = first["first"]["groups"]["Dense_0"]["kept"]
    np.testing.assert_array_equal(
        run["Dense_0"]["kernel"], origin["Dense_0"]["kernel"][:, kept]
    )


def digest(folder):
    steps = checkpoint_tables.steps(folder / "checkpoints")
    return checkpoint_tables.leaves_digest(folder / "checkpoints", max(steps))


class Killed(Exception):
    """Stands for kill -9."""


def killed(*_, **__):
    raise Killed


def test_a_command_killed_between_and_in_rounds_ends_with_the_same_bits(
    dense, small, tmp_path, monkeypatch
):
    folder, _ = small
    config = config_of(dense, tmp_path / "small", keep_params=0.25, rounds=2)
    # After the first round, before anything of the second.
    with monkeypatch.context() as patch:
        patch.setattr(descent, "limit_compiled_programs", killed)
        with pytest.raises(Killed):
            units.run(config)
    assert not (tmp_path / "small").exists()
    # In the second, when its settings are written, and no checkpoint yet.
    with monkeypatch.context() as patch:
        patch.setattr(record, "write_sources", killed)
        with pytest.raises(Killed):
            units.run(config)
    assert (tmp_path / "small" / "config.json").exists()
    first = (tmp_path / "small-round1" / "timings.jsonl").read_bytes()
    units.run(config)
    assert (tmp_path / "small-round1" / "timings.jsonl").read_bytes() == first
    for name in ("small-round1", "small"):
        there, here = folder.with_name(name), tmp_path / name
        assert digest(here) == digest(there)
        for file in ("metrics.jsonl", "units.json"):
            assert (here / file).read_bytes() == (there / file).read_bytes()


def test_a_finished_command_is_read_back_and_other_settings_are_refused(
    small, monkeypatch, capsys
):
    folder, config = small
    monkeypatch.setattr(job, "run_training", killed)
    text = (folder / "units.txt").read_text()
    summaries = units.run(config)
    assert [each["method"] for each in summaries] == ["units"] * 2
    assert text in capsys.readouterr().out
    assert all(f"latency, batch {size}" in text for size in (1, 128))
    with pytest.raises(InputError, match=r"keep_params 0\.25 there, 0\.3 here"):
        units.run(replace(config, keep_params=0.3))
    # A round before the last is not what this budget asks for.
    with pytest.raises(InputError, match="round 1 there, 2 here"):
        units.run(replace(config, workdir=f"{folder}-round1"))
    # All of it somewhere else.
    there = folder.parent.with_name("moved")
    folder.parent.rename(there)
    names = {name: str(there / name) for name in ("dense", "small", "small-round1")}
    moved = replace(config, source=names["dense"], workdir=names["small"])
    assert len(units.run(moved)) == 2
    way = [names["small-round1"], names["small"]]
    assert [each.workdir for each in descent.way(moved)] == way
    there.rename(folder.parent)
    # The rounds before are needed no more.
    shutil.move(folder.with_name("small-round1"), folder.with_name("elsewhere"))
    assert len(units.run(config)) == 1
    shutil.move(folder.with_name("elsewhere"), folder.with_name("small-round1"))


def test_a_smaller_network_is_analysed_as_any_run_is(small, tmp_path):
    folder, _ = small
    run = runs.load(f"{folder}@init")
    assert int(run.state.step) == 0
    line = path.Config(
        f"{folder}@init", str(folder), points=3, output=str(tmp_path / "path")
    )
    assert np.isfinite(path.run(line)["losses"]).all()
    found = spectrum.run(
        spectrum.Config(
            str(folder), num_steps=10, num_probes=1, top=1, num_examples=100,
            output=str(tmp_path / "spectrum"),
        )
    )  # fmt: skip
    assert found["size"] == runs.read_summary(folder)["num_params"]


@pytest.fixture(scope="module")
def sparse(dense):
    folder = dense.parent / "sparse"
    job.run_training(SparseRun(**TINY, sparsity=0.9, workdir=str(folder)))
    return folder


def test_a_sparse_network_loses_what_is_idle_first_and_keeps_its_masks(sparse):
    folder = sparse.with_name("small-sparse")
    config = config_of(sparse, folder, keep_params=0.9, rounds=1, score="norm")
    units.run(config)
    before, run = runs.load(str(sparse)), runs.load(str(folder))
    first, second = (before.masks[f"Dense_{i}"]["kernel"] for i in (0, 1))
    idle = ~first.any(axis=0) | ~second.any(axis=1)
    assert idle.any()
    spec = specification(before.model, before.state.params)
    assert gone_from(folder, spec)["Dense_0"][idle].all()
    groups = json.loads((folder / "units.json").read_text())["first"]["groups"]
    chosen = groups["Dense_0"]["removed"].get("chosen", [])
    assert not idle[chosen].any()
    kept = json.loads((folder / "config.json").read_text())["masked"]
    for name in ("Dense_0", "Dense_1"):
        mask, kernel = run.masks[name]["kernel"], run.state.params[name]["kernel"]
        assert mask.shape == kernel.shape and mask.sum() == kept[f"{name}/kernel"]
        assert not kernel[~mask].any()
    assert run.masks["Dense_0"]["bias"].shape == ()


def test_a_smaller_network_is_a_source_and_plain_removal_puts_zeros_in_its_place(
    small,
):
    folder, _ = small
    config = config_of(folder, "w", keep_params=0.8, rounds=1)
    assert (config.steps, config.removal) == (10, "mean")
    made = rounds.Round(1, "w", str(folder), 0.8)
    settings = rounds.settings_of(replace(config, removal="plain"), made)
    dataset, whole = data.load(config), runs.load(str(folder))
    size = runs.read_summary(folder)["num_params"]
    found = selection.smaller(settings, dataset, 0.8 * size)
    assert found.settings.widths < whole.config.widths
    logits, sites, _ = tapped_at_units(whole)
    zeros = {name: np.zeros(site.size) for name, site in sites.items()}
    params, batch = whole.state.params, dataset.train
    expected = logits(params, batch, replacing(sites, found.plan.removed, zeros))
    model = whole.model.clone(widths=found.settings.widths)
    rest = model.apply({"params": found.network.params}, batch["image"])
    np.testing.assert_allclose(rest, expected, atol=1e-5 * np.abs(expected).max())


def test_of_a_search_the_best_network_on_the_validation_split_is_copied(
    dense, small, monkeypatch
):
    folder = dense.with_name("floor")
    config = config_of(dense, folder, floor_accuracy=0.1, rounds=2)
    first, second = (folder.with_name(f"floor-round{i}") for i in (1, 2))
    # Of two rounds the second falls below the floor.
    accuracies = {str(first): 0.5, str(second): 0.09}
    monkeypatch.setattr(
        rounds, "validation_accuracy", lambda run: accuracies[run.workdir]
    )
    units.run(config)
    assert digest(folder) == digest(first) == digest(folder.with_name("small-round1"))
    assert digest(second) == digest(folder.with_name("small"))
    copied = replace(runs.read_config(first), workdir=str(folder))
    assert runs.read_config(folder) == copied
    text = (folder / "units.txt").read_text()
    assert "judged on the 100 validation examples. The test split" in text
    assert str(second) in text
    # The first holds the floor, but it is not known to be the smallest.
    accuracies[str(folder)] = 0.5
    rounds.check(config)
    for each in (first, second):
        with pytest.raises(InputError, match=f"{each} is a round of a search"):
            units.run(replace(config, workdir=str(each)))
    with pytest.raises(InputError, match="is above the validation accuracy of"):
        units.run(replace(config, floor_accuracy=0.99, workdir=f"{folder}x"))


def test_a_last_round_from_which_nothing_goes_is_a_copy_of_the_one_before(
    dense, small, tmp_path, monkeypatch
):
    config = config_of(dense, tmp_path / "w", keep_params=0.6, rounds=2)

    def train(settings, start):
        # Stands for a first round that removes more than it has to.
        assert settings.round == 1
        given = small[0].with_name("small-round1")
        shutil.copytree(given, settings.workdir)
        settings = rounds.with_network_of(runs.read_config(given), settings)
        record.open_folder(Path(settings.workdir), settings)

    with monkeypatch.context() as patch:
        patch.setattr(job, "run_training", train)
        descent.walk(config)
    assert digest(tmp_path / "w") == digest(tmp_path / "w-round1")
    stored = runs.read_config(tmp_path / "w")
    assert (stored.round, stored.fraction) == (2, 0.6)
    rounds.check(config)
    descent.walk(config)


def test_what_came_of_a_network_that_is_gone_is_told(dense, small, tmp_path, capsys):
    folder, _ = small
    words = ["--from", str(dense), "--workdir", str(folder)]
    dense.rename(dense.with_name("gone"))
    try:
        (point,) = units.read(words)
        config = replace(point.config, workdir=str(folder))
        assert len(units.run(config)) == 2
        with pytest.raises(InputError, match="dense is not a run folder"):
            units.run(replace(config, workdir=str(tmp_path / "other")))
        with pytest.raises(InputError, match="dense is not a run folder"):
            units.read(words[:2])
    finally:
        dense.with_name("gone").rename(dense)
    assert (folder / "units.txt").read_text() in capsys.readouterr().out


def test_a_validation_split_that_the_first_network_was_trained_on_is_told(dense):
    other = config_of(dense, "w", floor_accuracy=0.1, num_validation=90)
    assert "examples, on which" in report.floor_text(other)
    assert "on which" not in report.floor_text(replace(other, num_validation=100))
    assert report.SEEN in report.judged(other)
    assert report.SEEN not in report.judged(replace(other, num_validation=100))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"keep_params": 0.01}, r"one unit in each layer .* at least 0\.0915"),
        ({"keep_flops": 0.01}, r"844 FLOPs is below .* at least 0\.0814"),  # 150.
        (
            {"keep_params": 0.5, "keep_layers": ("Dense_*",)},
            "has no units to remove: there are 12 in Dense_0, 7 in Dense_1",
        ),
        ({"keep_params": 0.5, "keep_layers": ("Conv_0",)}, "Allowed: Dense_0, Dense_1"),
        ({"keep_params": 0.5, "rounds": 1000}, "--rounds 1000 is more than the"),
        ({"keep_params": 0.5, "batch_size": 300}, "batch"),
        ({"keep_params": 0.5, "dataset": "blobs", "inputs": "scale"}, "--inputs"),
        ({"keep_params": 0.5, "dataset": "blobs"}, "does not fit blobs"),
    ],
)
def test_what_cannot_be_reached_is_refused_and_nothing_is_written(
    dense, tmp_path, changed, said
):
    with pytest.raises(InputError, match=said):
        units.run(config_of(dense, tmp_path / "new", **changed))
    assert not list(tmp_path.iterdir())


def test_a_score_that_is_no_number_and_a_structure_not_known_name_what_is_wrong(
    dense, tmp_path, monkeypatch
):
    config = config_of(dense, tmp_path / "new", keep_params=0.5)

    def nan(losses, params, batches, sites, spec, key, **_):
        return {g: np.full(n, np.nan, np.float32) for g, n in spec.sizes.items()}

    with monkeypatch.context() as patch:
        patch.setattr(methods, "resolve", lambda path: nan)
        patch.setattr(descent, "open_first", first_of(config))
        with pytest.raises(InputError, match="12 units of Dense_0 is NaN"):
            units.run(config)
    monkeypatch.setattr(structure, "MLP", LeNet)
    with pytest.raises(InputError, match="of a MLP is not known"):
        units.run(config)
    assert not list(tmp_path.iterdir())


def first_of(config):
    found = descent.open_first(config)
    return lambda _: found
