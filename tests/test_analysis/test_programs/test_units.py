"""`python -m analysis.units`, from a run to its folder and out of the house."""

import json
import shlex
import shutil
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from scipy.stats import spearmanr

from analysis import units
from analysis.programs import results
from analysis.programs.units import next_command as units_next
from analysis.programs.units import resumable as resumable_units
from landscape import runs
from landscape import units as units_room
from landscape.cli import parse
from landscape.errors import InputError
from train import sparse

STEPS = [0, 10, 20, 30, 40]
GROUP = "Dense_0"


@pytest.fixture(scope="module")
def found(names):
    """Config, result and arrays of the pruned network."""
    config = units.Config(names["pruned"], tolerance=3e-3)
    result = units.run(config)
    return config, result, results.read_arrays(units.folder(config) / "arrays.npz")


def by_hand(name, step, where, dead=None):
    """Loss and its change by each unit in float64, by split: from the formula alone.

    And, the last, by all dead units of the split together.
    """
    run = runs.load(f"{name}@{step}")
    dense = [
        {k: np.asarray(v, np.float64) for k, v in run.state.params[layer].items()}
        for layer in ("Dense_0", "Dense_1")
    ]
    smoothing, found = run.config.label_smoothing, {}

    def hidden(split):
        x = split["image"].astype(np.float64).reshape(len(split["label"]), -1)
        return x @ dense[0]["kernel"] + dense[0]["bias"]

    def loss(h, labels):
        logits = np.maximum(h, 0) @ dense[1]["kernel"] + dense[1]["bias"]
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        wanted = np.eye(10)[labels] * (1 - smoothing) + smoothing / 10
        return -(wanted * log_p).sum(axis=1).mean()

    seen = np.maximum if where == "after" else lambda h, zero: h
    means = seen(hidden(run.data.train), 0).mean(axis=0)
    for name in ("train", "test"):
        split = getattr(run.data, name)
        h, changes = hidden(split), []
        plain = loss(h, split["label"])
        sets = [[unit] for unit in range(len(means))]
        for units_there in sets + ([dead[name]] if dead else []):
            replaced = h.copy()
            replaced[:, units_there] = means[units_there]
            changes.append(abs(loss(replaced, split["label"]) - plain))
        found[name] = plain, np.array(changes)
    return found


@pytest.mark.parametrize("at", [0, 4])
def test_penalties_are_those_of_replacing_each_unit_by_hand(at, found, names):
    _, result, arrays = found
    assert result["steps"] == STEPS
    expected = by_hand(names["pruned"], STEPS[at], "after")
    for split, (loss, changes) in expected.items():
        assert result["losses"][split][at] == pytest.approx(loss, rel=1e-5)
        # Losses of examples are subtracted in float32: errors of roundings of them.
        assert changes.max() > 1e-2
        penalties = arrays[f"penalty/{split}/{GROUP}"][at]
        np.testing.assert_allclose(penalties, changes, atol=2e-6)


def test_all_dead_units_are_also_replaced_together(found, names):
    _, result, arrays = found
    assert result["together"]["train"]["alone"] < 8 * 3e-3
    # Units that are worth something, for the sum to differ.
    run = runs.load(names["pruned"])
    setup = resumable_units.setup_of(run, "after", ("train", "test"), 1000)
    both = resumable_units.together(setup, run.state, arrays, 0.2)
    dead = {
        split: np.flatnonzero(arrays[f"penalty/{split}/{GROUP}"][-1] < 0.2)
        for split in both
    }
    expected = by_hand(names["pruned"], STEPS[-1], "after", dead)
    for split, (_, changes) in expected.items():
        together = both[split]
        assert abs(together["change"]) == pytest.approx(changes[-1], abs=2e-6)
        alone = changes[dead[split]].sum()
        assert together["alone"] == pytest.approx(alone, abs=2e-6 * len(dead[split]))
        assert abs(changes[-1] - alone) > 1e-5
    text = units.describe(result)
    assert "dead units replaced together change the loss by +0 (training" in text


def test_before_the_activation_it_is_their_own_output_that_is_replaced(names):
    config = units.Config(names["static"], where="before", score=("norm",))
    units.run(config)
    arrays = results.read_arrays(units.folder(config) / "arrays.npz")
    expected = by_hand(names["static"], 40, "before")
    for split, (_, changes) in expected.items():
        penalties = arrays[f"penalty/{split}/{GROUP}"][-1]
        np.testing.assert_allclose(penalties, changes, atol=2e-6)
    other = by_hand(names["static"], 40, "after")["train"][1]
    assert np.abs(other - expected["train"][1]).max() > 1e-3


def test_dead_units_and_since_when_follow_from_the_penalties(found):
    config, result, arrays = found
    row = result["groups"][GROUP]
    assert row["units"] == 8 and result["num_examples"] == {"train": 200, "test": 500}
    ever = set()
    for split in ("train", "test"):
        dead = arrays[f"penalty/{split}/{GROUP}"] < config.tolerance
        assert row["dead"][split] == [u for u in range(8) if dead[-1, u]]
        assert row["counts"][split] == [int(d.sum()) for d in dead]
        for unit, since in enumerate(row["since"][split]):
            at = [i for i in range(5) if all(dead[j, unit] for j in range(i, 5))]
            assert since == (STEPS[at[0]] if at else None)
            ever.add(since)
    # Not one of them alone: units that live, and units that died at several steps.
    assert None in ever and len(ever) > 2
    assert row["constant"] == np.flatnonzero(arrays[f"constant/{GROUP}"][-1]).tolist()


def test_scores_are_ranked_against_the_oracle(found):
    _, result, arrays = found
    assert "mrp" not in result["correlations"]
    assert {"rp", "mrs", "norm", "at_random"} <= result["correlations"].keys()
    oracle = arrays[f"penalty/train/{GROUP}"][-1]
    for name, rows in result["correlations"].items():
        expected = spearmanr(arrays[f"score/{name}/{GROUP}"], oracle).statistic
        assert rows[GROUP] == pytest.approx(expected, abs=1e-12)
    assert result["correlations"]["mrs"][GROUP] > 0.5


@pytest.mark.draws
def test_a_result_is_read_back_and_said_in_words(found, monkeypatch):
    config, result, _ = found
    folder = units.folder(config)
    assert json.loads((folder / "result.json").read_text()) == result
    assert (folder / "figure.png").stat().st_size > 1000
    monkeypatch.setattr(units, "_measure", lambda *arguments: pytest.fail("again"))
    assert units.run(config) == result
    text = units.describe(result)
    dead = result["groups"][GROUP]["dead"]["train"]
    assert f"Dead in {GROUP}: {', '.join(map(str, dead))}." in text
    assert "changes by less than 0.003 nats" in text and "--keep-every" not in text


def test_an_interrupted_analysis_resumes_after_the_last_step(found, names, monkeypatch):
    _, _, arrays = found
    config = units.Config(names["pruned"], tolerance=2e-3)
    done, of_state = [], resumable_units._of_state

    def killed(setup, state):
        done.append(int(state.step))
        if done == STEPS[:3]:
            raise KeyboardInterrupt
        return of_state(setup, state)

    monkeypatch.setattr(resumable_units, "_of_state", killed)
    with pytest.raises(KeyboardInterrupt):
        units.run(config)
    assert not (units.folder(config) / results.RESULT).exists()
    # What is kept is found by its step, not by its place.
    partial = results.kept(units.folder(config))
    assert partial["steps"].tolist() == [0, 10]
    results.keep(units.folder(config), {k: v[::-1] for k, v in partial.items()})
    units.run(config)
    assert done == [0, 10, 20, 20, 30, 40]
    again = results.read_arrays(units.folder(config) / "arrays.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)
    assert not (units.folder(config) / results.PARTIAL).exists()


def test_where_a_run_kept_two_steps_the_training_that_keeps_more_is_named(names):
    config = units.Config(names["lottery"], split="test", score=("norm",))
    result = units.run(config)
    assert "Steps kept: only 0, 40," in units.describe(result)
    theirs = runs.read_config(runs.parse(names["lottery"]).folder)
    changes = {"workdir": f"{names['lottery']}-steps", "keep_every": 2}
    assert trained_by(units_next.next_command(config, result)) == replace(
        theirs, **changes
    )
    # Without --keep-every a long run has one more, from just before its end.
    three = result | {"steps": [0, 30, 40]}
    assert "Steps kept: only 0, 30, 40," in units.describe(
        three | {"groups": {GROUP: with_three_steps(result["groups"][GROUP])}}
    )
    assert "--keep-every" in units_next.next_command(config, three)
    # What differs from the run of the masks, though it is as by default.
    theirs = replace(theirs, weight_decay=1e-4, rewind_to=10)
    command = units_next.training_command(names["lottery"], theirs)
    assert trained_by(command) == replace(theirs, **changes)
    # What was found is told also where that run is gone.
    gone = replace(theirs, mask_from=f"{names['lottery']}-gone")
    assert units_next.training_command(names["lottery"], gone) is None


def with_three_steps(row):
    return row | {"counts": {k: [v[0], *v] for k, v in row["counts"].items()}}


def trained_by(command):
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "train.sparse"]
    (point,) = sparse.read(words[3:])
    (config,) = sparse.expand(point.config)
    return config


def test_after_dead_units_comes_a_smaller_network(found, names):
    config, result, _ = found
    command = units_next.next_command(config, result)
    assert command == (
        f"python -m train.units --from {names['pruned']} --keep-params 0.5 --workdir"
        f" {names['pruned']}-small"
    )
    alive = {GROUP: result["groups"][GROUP] | {"dead": {"train": [], "test": []}}}
    words = shlex.split(units_next.next_command(config, result | {"groups": alive}))
    assert parse(units.Config, argv=words[3:]) == replace(config, where="before")
    assert "No unit is dead." in units.describe(result | {"groups": alive})
    flat = {GROUP: alive[GROUP] | {"constant": list(range(8))}}
    text = units.describe(result | {"groups": flat})
    assert f"Every unit of {GROUP} is constant: nothing of the input passes." in text


def test_units_of_a_smaller_network_have_their_names_of_before(names, tmp_path):
    shutil.copytree(names["static"], tmp_path / "small")
    kept = [0, 2, 3, 5, 8, 13, 21, 34]
    row = {"of": 40, "layers": [GROUP], "kept": kept, "removed": {}}
    content = {"format_version": 1, "groups": {GROUP: row}, "constants": {}}
    path = tmp_path / "small/units.json"
    path.write_text(json.dumps({"first": content, "parent": {}}))
    config = units.Config(str(tmp_path / "small"), split="train", tolerance=1.0,
                          score=("norm",))  # fmt: skip
    result = units.run(config)
    assert result["groups"][GROUP]["dead"]["train"] == list(range(8))
    said = "(before it was made smaller: 0, 2, 3, 5, 8, 13, 21, 34)"
    assert said in units.describe(result)
    path.write_text(json.dumps({"parent": {}}))
    with pytest.raises(InputError, match=r"units.json is damaged .*'first'"):
        resumable_units.first_units(tmp_path / "small")


def test_the_network_leaves_the_house(found, names, tmp_path, capsys):
    path = tmp_path / "pruned.onnx"
    config = replace(found[0], export=str(path))
    assert units.folder(config) == units.folder(found[0])
    units.main(config)
    assert f"Exported to {path}" in capsys.readouterr().out
    run = runs.load(names["pruned"])
    images = run.data.test["image"][:7]
    ours, _ = run.objective.logits(run.state.params, images)
    (theirs,) = onnxruntime.InferenceSession(path).run(None, {"image": images})
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match="is there already"):
        units.run(config)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("lottery", {"tolerance": 1e-8}, r"is below rounding: the loss of .*lottery"),
        # Of the last step it is above it, of the first one below.
        ("pruned", {"tolerance": 2.4e-7}, r"pruned@0 on the train split is 2\.\d+"),
    ],
)
def test_a_tolerance_below_rounding_is_refused(name, settings, expected, names):
    config = units.Config(names[name], **settings)
    with pytest.raises(InputError, match=expected):
        units.run(config)
    assert not units.folder(config).exists()


def test_networks_without_known_units_are_refused(names, monkeypatch):
    def unknown(model, params):
        raise InputError("the symmetry of a Transformer is not known here.")

    config = units.Config(names["scratch"])
    monkeypatch.setattr(units_room, "specification", unknown)
    with pytest.raises(InputError, match=r"a Transformer is .* work in a notebook"):
        units.run(config)
    empty = units_room.Spec({}, {})
    monkeypatch.setattr(units_room, "specification", lambda model, params: empty)
    with pytest.raises(InputError, match="has no units to look at"):
        units.run(config)
    assert not units.folder(config).exists()
