"""The study of the sparse subspace: its measures, what it claims, one tiny run."""

import copy
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.studies.difficulty import scales
from analysis.studies.difficulty.solutions import SOLUTIONS
from analysis.studies.subspace import claims, curvature, descent, points, text
from analysis.studies.subspace.__main__ import Config, run
from analysis.studies.subspace.compact import compact
from analysis.studies.subspace.runs import POINTS, Measured
from analysis.studies.subspace.scales import Scale
from landscape import trees
from landscape.errors import InputError
from landscape.models import MLP
from landscape.objective import Objective

TINY = Scale(
    scales.Scale(
        {"dataset": "digits", "model": "mlp", "widths": (12, 8), "steps": 20,
         "num_train": 60, "batch_size": 20},
        (0.5,), 1, (0.0,), 1,
    ),
    minimise_steps=10, curvature_examples=None,
)  # fmt: skip


def side(gradient, low, down, vector):
    ways = {"start": 1.0, "data_start": 0.5, "ts": [-1.0, 0.0, 1.0]}
    ways |= {"losses": [2.0, 1.0, 0.9], "distance": 1.0}
    return {
        "gradient_norm": gradient, "gradient_mean": gradient, "size": 3,
        "smallest": [low], "smallest_errors": [0.0], "down": ways | {"fall": down},
        "eigenvectors": [ways | {"fall": vector}],
    }  # fmt: skip


def analysis(low=-0.001, down_in=0.0, vector_in=0.0, gradient_out=1.0, down_out=0.2):
    inside = side(0.01, low, down_in, vector_in)
    inside |= {"largest": 1.0, "exact": True, "num_negative": int(low < 0)}
    inside |= {"eigenvalues": [low, 0.0, 1.0]}
    outside = side(gradient_out, -0.1, down_out, 0.0)
    outside |= {"curvature": 1.0, "mass_on_pruned": [0.9]}
    return {
        "objective": 1.0, "data_loss": 0.5, "inside": inside, "outside": outside,
    }  # fmt: skip


def measured(**changes):
    """A world of two seeds in which every hypothesis holds."""
    looks = {
        point: {name: {"0.95": [analysis(), analysis()]} for name in SOLUTIONS}
        for point in POINTS
    }
    looks = copy.deepcopy(looks)
    looks["trained"]["scratch"]["0.95"] = [analysis(down_out=0.3)] * 2
    for name, found in changes.items():
        looks["trained"][name]["0.95"][1] = found
    accuracy = {name: {"0.95": [0.9, 0.9]} for name in SOLUTIONS}
    return Measured(["0.95"], "runs", accuracy, looks)


def verdicts(**changes):
    found = claims.claims(measured(**changes))
    return {c.name: c.holds for c in found if c.holds is not None}


def test_in_a_world_of_minima_with_descent_out_of_the_mask_all_hypotheses_hold():
    assert verdicts() == dict.fromkeys(("H1", "H2", "H3", "H4"), True)


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("H1", {"lottery": analysis(low=-0.02)}),
        ("H2", {"pruned": analysis(gradient_out=0.05)}),
        ("H3", {"lottery": analysis(down_out=0.05)}),
        ("H4", {"scratch": analysis(down_out=0.19)}),
    ],
)
def test_each_hypothesis_fails_by_one_seed(claim, changes):
    assert verdicts(**changes) == dict.fromkeys(("H1", "H2", "H3", "H4"), True) | {
        claim: False
    }


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("slope", analysis(down_in=0.02, low=-0.5)),
        ("saddle", analysis(low=-0.02)),
        ("saddle", analysis(vector_in=0.02)),
        ("flat", analysis(low=-0.001)),
        ("minimum", analysis(low=-1e-12)),
        ("minimum", analysis(low=0.1)),
    ],
)
def test_the_word_for_a_point_follows_the_stated_rules(word, found):
    assert points.kind(found) == word


def test_tables_and_sentences_count_seeds():
    world = measured(pruned=analysis(down_in=0.5))
    assert "1 slope, 1 flat" in text.table(world)
    sentence = "pruned, at 0.95: within the mask 1 slope, 1 flat."
    assert sentence in text.sentences(world)


@pytest.fixture(scope="module")
def network():
    """A sparse network in float64: objective, params, masks, data."""
    rng = np.random.default_rng(0)
    model = MLP((8, 6), 3)
    with jax.enable_x64(True):
        params = jax.jit(model.init)(jax.random.key(0), jnp.ones((1, 4)))["params"]
        params = trees.widened(params)
        biases = {f"Dense_{i}": x for i, x in enumerate((0.1, -0.1, 0.2))}
        masks = {}
        for name, layer in params.items():
            shape = layer["kernel"].shape
            keep = rng.random(shape) < 0.35
            masks[name] = {"kernel": keep, "bias": np.array(True)}
            layer["bias"] = biases[name] * rng.standard_normal(shape[1])
            layer["kernel"] = np.where(keep, layer["kernel"], 0)
        image = jnp.asarray(rng.standard_normal((40, 4)))
    data = {"image": image, "label": rng.integers(0, 3, 40)}
    return Objective(model, weight_decay=0.01), params, masks, data


def kept_indices(masks, params):
    full = jax.tree.map(lambda m, p: np.broadcast_to(m, p.shape), masks, params)
    return np.flatnonzero(np.concatenate([m.ravel() for m in jax.tree.leaves(full)]))


def test_an_analysis_agrees_with_plain_derivatives(network):
    objective, params, masks, data = network
    with jax.enable_x64(True):
        found = curvature.analyse(
            objective, {}, params, masks, data, data, jax.random.key(0), dense_pairs=1
        )
        flat, unravel = jax.flatten_util.ravel_pytree(params)
        loss = objective.bind({}, l2=True)

        def of_flat(x):
            return loss(unravel(x), data)

        gradient = np.asarray(jax.jit(jax.grad(of_flat))(flat))
        whole = np.asarray(jax.jit(jax.hessian(of_flat))(flat))
        start = float(of_flat(flat))
        small = compact(objective, params, masks)
    assert small.objective.model.widths < objective.model.widths
    assert small.lone_decayed and small.lone_free
    kept = kept_indices(masks, params)
    want = np.linalg.eigvalsh(whole[np.ix_(kept, kept)])
    assert found["inside"]["eigenvalues"] == pytest.approx(want, abs=1e-12)
    assert found["inside"]["num_negative"] == (want < -1e-9 * want[-1]).sum() > 0
    rest = np.setdiff1d(np.arange(len(flat)), kept)
    inside, outside = found["inside"], found["outside"]
    assert found["objective"] == pytest.approx(start, abs=1e-12)
    assert inside["gradient_norm"] == pytest.approx(np.linalg.norm(gradient[kept]))
    assert inside["gradient_mean"] == pytest.approx(np.abs(gradient[kept]).mean())
    assert outside["gradient_norm"] == pytest.approx(np.linalg.norm(gradient[rest]))
    unit = np.zeros_like(gradient)
    unit[rest] = -gradient[rest] / np.linalg.norm(gradient[rest])
    assert outside["curvature"] == pytest.approx(unit @ whole @ unit)
    values, vectors = np.linalg.eigh(whole)
    assert outside["smallest"][0] == pytest.approx(values[0], abs=1e-3)
    mass = (vectors[rest, 0] ** 2).sum()
    assert outside["mass_on_pruned"][0] == pytest.approx(mass, abs=0.05)
    # No distance on a fine grid is lower.
    grid = np.linspace(0, 10, 3001)
    with jax.enable_x64(True):
        line = jax.jit(jax.vmap(lambda t: of_flat(flat + t * unit)))
        values = line(jnp.asarray(grid))
        values = np.asarray(values)
    fall = float(values[0] - values.min())
    assert outside["down"]["fall"] == pytest.approx(fall, rel=1e-2)
    assert 0 < outside["down"]["fall"] < found["objective"]


def test_minimising_lowers_the_objective_within_the_mask(network):
    objective, params, masks, data = network
    with jax.enable_x64(True):
        point = descent.minimise_in_mask(objective, {}, params, masks, data, 100)
        loss = objective.bind({}, l2=True)
        assert float(loss(point, data)) < 0.95 * float(loss(params, data))
    for name, layer in point.items():
        assert not np.asarray(layer["kernel"])[~masks[name]["kernel"]].any()


def test_bad_settings_are_refused():
    for settings in ({"scale": "digit"}, {"num_seeds": 0}, {"sparsities": (0.9, 0.5)}):
        with pytest.raises(InputError):
            Config(**settings)


@pytest.mark.draws
def test_the_study_runs_and_is_read_back(tmp_path, monkeypatch, steps_said):
    config = Config(workdir=str(tmp_path))
    result = run(config, TINY)
    assert steps_said()
    files = {path.name for path in config.folder.iterdir()}
    assert files == {"figure.png", "claims.txt", "result.json"}
    stored = json.loads((config.folder / "result.json").read_text())
    (found,) = stored["looks"]["trained"]["scratch"]["0.5"]
    size = found["inside"]["size"]
    assert len(found["inside"]["eigenvalues"]) == size
    assert size + found["outside"]["size"] == 64 * 12 + 12 + 12 * 8 + 8 + 8 * 10 + 10
    assert not stored["looks"]["settled"]["scratch"]["0.5"][0]["outside"]["smallest"]

    def refuse(*args, **options):
        raise AssertionError("analysed again")

    monkeypatch.setattr(curvature, "analyse", refuse)
    assert run(config, TINY)["text"] == result["text"]
