"""`python -m analysis.surface`, from runs to its folder."""

import json
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest

from analysis import path, surface
from analysis.planes import planes
from analysis.programs import inputs, results
from analysis.programs.surface import text as surface_text
from landscape import runs
from landscape.cli import parse
from landscape.errors import InputError


def objective_of(name):
    return runs.read_summary(runs.parse(name).folder)["train_objective"]


@pytest.mark.draws
def test_the_middle_of_a_random_plane_is_the_objective_of_the_run(names):
    config = surface.Config((names["pruned"],), points=5)
    result = surface.run(config)
    arrays = results.read_arrays(surface.folder(config) / "arrays.npz")
    total = arrays["loss"] + arrays["l2"]
    assert total.shape == (5, 5)
    np.testing.assert_allclose(total[2, 2], objective_of(names["pruned"]), rtol=1e-5)
    assert result["minimum"] == total.min()
    np.testing.assert_array_equal(
        result["minimum_at"],
        [arrays[k][i] for k, i in zip(("betas", "alphas"),
         np.unravel_index(total.argmin(), (5, 5)), strict=True)][::-1],
    )  # fmt: skip
    assert json.loads((surface.folder(config) / "result.json").read_text()) == result
    assert (surface.folder(config) / "figure.png").stat().st_size > 1000


def test_a_plane_on_test_examples_has_the_same_directions(names, monkeypatch):
    configs = [
        surface.Config((names["pruned"],), plane="eigenvectors", points=3, split=split)
        for split in ("train", "test")
    ]
    train, test = map(surface.run, configs)
    # They are those of the loss on training examples.
    assert test["eigenvalues"] == train["eigenvalues"]
    assert test["num_examples"] == 500 and train["num_examples"] == 200
    values = results.read_arrays(surface.folder(configs[1]) / "arrays.npz")
    expected = runs.read_summary(runs.parse(names["pruned"]).folder)["test_accuracy"]
    assert values["accuracy"][1, 1] == pytest.approx(expected, abs=1e-6)
    assert "digits: 500 test examples." in surface.describe(test)
    # Analyses of before are found.
    monkeypatch.setattr(runs, "fingerprint", lambda ref: "state")
    folder = surface.folder(surface.Config((names["pruned"],)))
    assert folder.name == "surface-random-sparse-e2c3f0cc"


def test_sparse_and_dense_directions_differ(names):
    values = [
        results.read_arrays(surface.folder(c) / "arrays.npz")["loss"]
        for c in (
            surface.Config((names["pruned"],), points=3, subspace=space)
            for space in ("sparse", "dense")
        )
        if surface.run(c)
    ]
    assert (values[0] != values[1]).sum() == 8
    assert values[0][1, 1] == values[1][1, 1]


def test_three_runs_lie_where_the_plane_says(names):
    three = tuple(names[name] for name in ("pruned", "lottery", "scratch"))
    config = surface.Config(three, points=3)
    result = surface.run(config)
    points = [runs.load(name).state.params for name in three]
    plane = planes.through(*points)
    np.testing.assert_array_equal(result["coordinates"], plane.coordinates)
    assert result["same_masks"] and result["plane"] == "through"
    assert "Plane through three runs; digits:" in surface.describe(result)


def test_a_trajectory_is_of_the_steps_that_were_kept(names):
    config = surface.Config((names["pruned"],), plane="trajectory", points=3)
    result = surface.run(config)
    assert result["names"] == [
        f"{names['pruned']}@{step}" for step in (0, 10, 20, 30, 40)
    ]
    np.testing.assert_allclose(result["coordinates"][-1], 0, atol=1e-12)
    assert 0 < sum(result["explained"]) <= 1
    with pytest.raises(InputError, match="only the steps 0, 40"):
        surface.run(surface.Config((names["lottery"],), plane="trajectory"))


def test_an_interrupted_surface_resumes_to_the_same_bits(names, monkeypatch):
    monkeypatch.setattr(inputs, "FLOPS_PER_SAVE", 1e6)
    config = surface.Config((names["pruned"],), points=7, seed=4)
    whole = surface.run(config)
    arrays = results.read_arrays(surface.folder(config) / "arrays.npz")
    shutil.rmtree(surface.folder(config))
    calls, keep = [], results.keep

    def killed(*arguments):
        keep(*arguments)
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(results, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        surface.run(config)
    assert surface.run(config) == whole
    assert len(calls) == 7
    again = results.read_arrays(surface.folder(config) / "arrays.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)


def test_along_eigenvectors_the_loss_bends_by_the_eigenvalues(names):
    config = surface.Config(
        (names["pruned"],), plane="eigenvectors", points=3, extent=0.1
    )
    result = surface.run(config)
    arrays = results.read_arrays(surface.folder(config) / "arrays.npz")
    loss = arrays["loss"]
    for line, value in zip((loss[1], loss[:, 1]), result["eigenvalues"], strict=True):
        bend = (line[0] - 2 * line[1] + line[2]) / 0.1**2
        assert bend == pytest.approx(value, rel=0.1)
    assert result["eigenvalues"][0] >= result["eigenvalues"][1] > 0


@pytest.mark.parametrize(
    ("settings", "following"),
    [
        ({"points": 5, "num_examples": 9}, {"subspace": "dense"}),
        ({"plane": "eigenvectors", "subspace": "dense"}, {"subspace": "sparse"}),
        ({"plane": "trajectory", "batch_norm": "stored"}, {"plane": None}),
    ],
)
def test_the_next_command_keeps_what_was_asked_for(settings, following):
    config = surface.Config(("my runs/a",), **settings)
    words = shlex.split(surface._next_command(config, True))
    assert words[:3] == ["python", "-m", "analysis.surface"]
    assert parse(surface.Config, argv=words[3:]) == replace(config, **following)


@pytest.mark.parametrize(("same", "subspace"), [(True, "sparse"), (False, "dense")])
def test_after_a_plane_through_three_runs_comes_a_curve_between_two(same, subspace):
    config = surface.Config(("a", "b c", "d"), num_examples=9, seed=2, points=5)
    words = shlex.split(surface._next_command(config, same))
    assert words[:3] == ["python", "-m", "analysis.path"]
    assert parse(path.Config, argv=words[3:]) == path.Config(
        "a", "b c", kind="quadratic", subspace=subspace, num_examples=9, seed=2
    )


@pytest.mark.parametrize("count", [3, 4, 9])
def test_a_random_walk_is_explained_as_far_as_is_said(count):
    steps = np.random.default_rng(0).normal(size=(count - 1, 50_000))
    walk = np.concatenate([np.zeros((1, 50_000)), np.cumsum(steps, 0)])
    centred = walk - walk.mean(0)
    values = np.linalg.eigvalsh(centred @ centred.T)
    expected = values[-2:].sum() / values.sum()
    assert surface_text.random_walk(count) == pytest.approx(expected, abs=0.01)


def test_states_that_span_the_plane_are_in_it():
    result = {
        "plane": "trajectory", "num_examples": 9, "batch_norm": "none",
        "subspace": "sparse",
        "minimum": 0.1, "maximum": 1.0, "minimum_at": [0.0, 0.0], "not_finite": 1,
        "explained": [0.8, 0.2], "names": ["a", "b", "c"], "same_masks": True,
    }  # fmt: skip
    text = surface_text.describe(result)
    assert "All 3 states lie in the plane." in text and "projected" not in text
    assert "Not finite at 1 point (left" in text
    more = result | {"explained": [0.6, 0.3], "names": list("abcd")}
    text = surface_text.describe(more)
    assert "90 % of the variance of 4 states" in text and "projected" in text
