"""The study of dead units: its measures, what it claims, one tiny run."""

import json

import numpy as np
import pytest

from analysis.studies.claims import verdict_table
from analysis.studies.dead_units import (
    claims,
    figures,
    shrink_claims,
    shrinking,
    spectra,
    text,
    units,
    weights,
)
from analysis.studies.dead_units.__main__ import Config, run
from analysis.studies.dead_units.runs import Measured
from analysis.studies.dead_units.scales import Scale, Shrink
from analysis.studies.difficulty import scales as difficulty
from landscape.config import DenseRun, UnitsRun
from landscape.errors import InputError
from landscape.units import Axis, Spec
from train.jobs import job

NETWORK = {
    "dataset": "digits", "model": "mlp", "widths": (12, 8), "steps": 20,
    "num_train": 60, "batch_size": 20, "log_every": 10,
}  # fmt: skip
TINY = Scale(
    training=NETWORK | {"keep_every": 10},
    layers=("Dense_1",),
    stages=(0, 10, 20),
    counted=(0, 10, 20),
    spectrum=NETWORK,
    sparse=difficulty.Scale(NETWORK, (0.5,), 1, (), 0, fit_steps=10, points=3),
    activations=("relu",),
    num_seeds=1,
    examples=60,
    fractions=(0.2, 0.5, 0.8),
    probes=2,
    spectrum_seeds=1,
    path_points=3,
    path_seeds=1,
    shrink=Shrink({"net": NETWORK | {"keep_every": 10}}, num_seeds=1, rounds=1),
)
FRACTIONS = [0.2, 0.5, 0.8]
STAGES = [0, 10, 90]
NORMED = "relu with batch norm"
ABSOLUTE = (weights.MAGNITUDE, weights.ABS, weights.PRODUCT_ABS, weights.SECOND_ABS)


def of_weights():
    """A network of which magnitude is the best score of many, |w g| of single ones."""
    correlation = dict.fromkeys(weights.NAMES, 0.5) | {weights.ABS: 0.9}
    losses = {name: [0.2, 0.4, 2.0] for name in weights.NAMES}
    losses |= {weights.MAGNITUDE: [0.2, 0.3, 1.0], weights.SIGNED: [0.5, 2.0, 3.0]}
    losses |= {weights.RANDOM: [0.3, 0.9, 1.5]}
    scores = {name: {"loss": x, "accuracy": [0.9] * 3} for name, x in losses.items()}
    shown = {name: [1.0, 2.0] for name in ("oracle", *weights.NAMES)}
    return {
        "loss": 0.1, "accuracy": 0.97, "correlation": {"a": correlation},
        "scatter": {"a": shown}, "pruned": {"a": scores, weights.ALL: scores},
    }  # fmt: skip


def of_units(dead=1):
    """A layer of four units, of which some are dead, and the first is constant."""
    penalty = [0.0] * dead + [0.1, 0.2, 0.4, 0.8][dead:]
    by = {name: {"a": [4.0, 1.0, 2.0, 3.0]} for name in units.NAMES}
    by[units.SALIENCY] = {"a": [0.0, 0.1, 0.2, 0.4]}
    both = {"mrp": {"a": penalty}, "mrs": {"a": [0.0, 0.1, 0.3, 0.3]}}
    return {
        "loss": 0.1, "penalty": {"a": penalty}, "constant": {"a": [True] + [False] * 3},
        "removal": {"a": [0.1, 0.2, 0.5, 0.9]}, "scores": by, "before": both,
    }  # fmt: skip


def of_removal():
    ways = {
        way: {"loss": [x, 2 * x, 3 * x], "accuracy": [0.9] * 3}
        for way, x in (("mean", 0.1), ("removal", 0.2))
    }
    scores = {name: ways for name in ("mrs", "mrp", "rs", "norm", "at_random")}
    return json.loads(json.dumps({"a": scores, weights.ALL: scores}))


def of_shrinking():
    def network(parameters, accuracy, gap=1e-6):
        times = {"1": parameters / 1e9, "128": parameters / 1e6}
        return {
            "parameters": parameters, "accuracy": accuracy, "flops": 2 * parameters,
            "latency": times, "gap": gap,
        }  # fmt: skip

    return {
        "dense": network(1000, 0.98), "mrs, mean, 0.2": network(190, 0.978),
        "mrs, plain, 0.2": network(195, 0.96), "mrs, mean, 0.1": network(100, 0.9765),
    }  # fmt: skip


def of_spectrum():
    return {
        "size": 100, "dead_size": 20, "whole_near_zero": 70, "live_near_zero": 51,
        "whole_negative": 10, "live_negative": 9, "units": 9, "dead": 2, "constant": 1,
        "whole": [1.0, 0.5, 0.0], "live": [1.0, 0.5],
    }  # fmt: skip


def of_masks(seed):
    """The further scratch is above pruned, the more dead units it has."""
    found = {}
    for name, dead in (("pruned", 1), ("lottery", 2), ("scratch", 2 + seed)):
        loss = 0.1 * dead
        found[name] = of_units(dead) | {"train_loss": loss, "test_accuracy": 0.9}
    return found


def of_paths():
    ends = {"a": [True, True, False, False]}
    line = {
        "barrier": 0.5, "ts": [0.0, 0.5, 1.0], "loss": [0.1, 0.6, 0.1],
        "constant": [ends] * 3,
        "penalty": [{"a": [0.0, 0.0, 1.0, 1.0]}] * 3,
    }  # fmt: skip
    line, curve = (json.loads(json.dumps(line)) for _ in range(2))
    curve["barrier"] = 0.0
    curve["constant"][1] = {"a": [True, False, False, False]}
    curve["penalty"][1] = {"a": [0.0, 0.5, 1.0, 1.0]}
    return {"line": line, "curve": curve}


def measured():
    """A world of two seeds in which every claim holds."""
    seeds = range(2)
    return Measured(
        stages=STAGES,
        fractions=FRACTIONS,
        weights={str(step): [of_weights() for _ in seeds] for step in STAGES},
        unit_scores={str(step): [of_units() for _ in seeds] for step in STAGES},
        dead={
            name: {str(at): [of_units(1 + (at > 50)) for _ in seeds] for at in STAGES}
            for name in ("relu", "tanh")
        }
        | {NORMED: {str(at): [of_units(0) for _ in seeds] for at in STAGES}},
        removal=[of_removal() for _ in seeds],
        shrunk={"net": [of_shrinking() for _ in seeds]},
        spectra=[of_spectrum() for _ in seeds],
        sparse={"0.9": [of_masks(seed) for seed in seeds]},
        paths=[of_paths() for _ in seeds],
        example="runs/a",
    )


def failing(world):
    """The claims that do not hold."""
    return {c.name for c in claims.claims(world) if c.holds is False}


def test_in_a_world_as_the_thesis_has_it_all_claims_hold():
    found = claims.claims(measured())
    judged = {c.name for c in found if c.holds}
    numbers = {f"C2.{i}" for i in (1, 2, 3, 5, 6, 7, 8, 9, 10)}
    assert numbers | {"U1", "U1s", "U1n", "U2", "U2c", "U3", "U3l", "U3d"} <= judged
    assert not failing(measured()) and not any(c.reason for c in found)


def change(tree, path, value):
    """Puts a value at the place of the second seed."""
    *path, last = path
    for key in path:
        tree = tree[key]
    tree[last] = value


TRAINED = "90", 1
PRUNED = (*TRAINED, "pruned", weights.ALL)
CHANGES = {
    "C2.1": ("weights", ("10", 1, "correlation", "a", weights.ABS), 0.84),
    "C2.1m": ("weights", ("0", 1, "correlation", "a", weights.MAGNITUDE), 0.95),
    "C2.2": ("weights", (*PRUNED, weights.MAGNITUDE, "loss"), [0.2, 0.3, 2.1]),
    "C2.3": ("weights", (*PRUNED, weights.SIGNED, "loss"), [0.39, 2.0, 3.0]),
    "C2.5": ("weights", (*PRUNED, weights.PRODUCT_ABS, "loss"), [0.2, 0.9, 2.0]),
    "C2.6": (
        "unit_scores", (*TRAINED, "scores", "mrs", "a"), [0.0, 0.4, 0.1, 0.2],
    ),
    "C2.6n": (
        "unit_scores", (*TRAINED, "scores", "norm", "a"), [0.0, 0.1, 0.2, 0.4],
    ),
    "C2.6i": (
        "unit_scores", ("0", 1, "scores", "mrs", "a"), [0.4, 0.3, 0.2, 0.1],
    ),
    "C2.6c": (
        "unit_scores", (*TRAINED, "scores", "mrs", "a"), [1e-5, 0.1, 0.2, 0.4],
    ),
    "C2.7": ("unit_scores", (*TRAINED, "removal", "a"), [0.1, 0.05, 0.5, 0.9]),
    "C2.7c": ("removal", (1, "a", "norm", "removal", "loss"), [0.05, 0.1, 0.1]),
    "C2.8": ("shrunk", ("net", 1, "mrs, mean, 0.2", "accuracy"), 0.974),
    "C2.8s": ("shrunk", ("net", 1, "mrs, mean, 0.2", "parameters"), 201),
    "C2.9": ("shrunk", ("net", 1, "mrs, plain, 0.2", "gap"), 2e-4),
    "C2.10": ("dead", ("relu", "90", 1), of_units(1)),
    "C2.10n": ("dead", (NORMED, "90", 1), of_units(2)),
    "U1": ("spectra", (1, "live_near_zero"), 53),
    "U1s": ("spectra", (1, "whole_near_zero"), 200),
    "U1n": ("spectra", (1, "live_negative"), 13),
    "U2": ("sparse", ("0.9", 1, "pruned", "penalty", "a"), [0.0] * 4),
    "U2c": ("sparse", ("0.9", 1, "scratch", "train_loss"), 0.0),
    "U3": ("paths", (1, "curve", "constant", 1, "a"), [True, True, False, False]),
    "U3l": ("paths", (1, "line", "constant", 1, "a"), [True, False, True, False]),
    "U3d": ("paths", (1, "line", "penalty", 1, "a"), [0.0, 1.0, 1.0, 1.0]),
}  # fmt: skip
# What fails with a claim, as it says more of the same number.
ALONG = {
    "C2.6": {"C2.6n"},
    "C2.6n": set(),
    "U1s": set(),
    "U2": {"U2c"},
    "U3": {"U3l"},
}


@pytest.mark.parametrize("claim", CHANGES)
def test_each_claim_fails_by_one_number_of_one_seed(claim):
    world, (field, path, value) = measured(), CHANGES[claim]
    change(getattr(world, field), path, value)
    found = failing(world)
    assert claim in found
    assert found - {claim} <= ALONG.get(claim, set())


def test_c22_holds_in_four_of_five_seeds_and_not_in_three():
    world = measured()
    for steps in world.weights.values():
        steps += [of_weights() for _ in range(3)]
    trained = world.weights["90"]
    for seed, holds in ((0, True), (1, False)):
        bad = trained[seed]["pruned"][weights.ALL][weights.MAGNITUDE]
        bad["loss"] = [0.2, 0.5, 1.0]
        (found,) = (c for c in claims.claims(world) if c.name == "C2.2")
        assert found.holds is holds


def test_what_is_not_there_is_not_decided():
    world = measured()
    for part in world.unit_scores["90"]:
        part["constant"] = {"a": [False] * 4}
    for part in world.spectra:
        part["dead_size"] = 0
    for part in world.paths:
        for path in part.values():
            path["constant"] = [{"a": [False] * 4}] * 3
    found = {c.name: c.reason for c in claims.claims(world) if c.reason}
    assert set(found) == {"C2.6c", "U1", "U3", "U3l"}
    table = verdict_table(claims.claims(world))
    assert "C2.6c is not decided: a seed has no constant unit." in table


def test_a_unit_counts_as_dead_below_the_tolerance_in_its_own_group_or_in_all():
    found = {"penalty": {"a": [0.0, 9e-5, 1e-4], "b": [1.0]}}
    assert units.num_dead(found, 1e-4) == units.num_dead(found, 1e-4, "a") == 2
    assert units.num_dead(found, 1e-4, "b") == 0


def test_the_smallest_network_within_half_a_point_counts():
    each = of_shrinking()
    assert shrink_claims.smallest(each, "mrs, mean, 0.2") == pytest.approx(10)
    each["mrs, mean, 0.1"]["accuracy"] = 0.97
    assert shrink_claims.smallest(each, "mrs, mean, 0.2") == pytest.approx(1000 / 190)
    each["mrs, mean, 0.2"]["accuracy"] = 0.97
    assert shrink_claims.smallest(each, "mrs, mean, 0.2") == 1


def test_tables_compare_sizes_and_speeds_with_the_dense_network():
    (table,) = text.tables(measured())
    row = next(line for line in table.splitlines() if "mrs, mean, 0.1" in line)
    assert row.split()[3:] == (
        "10 +- 0 97.65 +- 0.00 0.35 +- 0.00 10 +- 0 10 +- 0 10 +- 0".split()
    )


def test_a_smaller_size_is_made_of_the_size_before(monkeypatch):
    dense = DenseRun(model="mlp", widths=(12, 8), steps=50, workdir="dense")
    before = "runs/mrs-mean-0.2/seed-0"
    found = {"dense": dense}
    found[before] = UnitsRun.of(
        dense, widths=(4, 3), steps=10, keep_params=0.2, source="dense", parent="dense"
    )
    monkeypatch.setattr(shrinking.runs, "read_config", lambda path: found[str(path)])
    shrink = Shrink({}, keep=(0.2, 0.1), rounds=3, part=5)
    first, second = (
        shrinking.settings_of(shrink, variant, "runs", "dense", 0)
        for variant in shrinking.variants(shrink)
    )
    assert (first.source, first.widths, first.workdir) == ("dense", (12, 8), before)
    assert (first.keep_params, first.num_rounds, first.steps) == (0.2, 3, 10)
    assert (second.source, second.widths) == (before, (4, 3))
    assert (second.keep_params, second.num_rounds, second.steps) == (0.5, 1, 10)


def test_parameters_of_a_dead_unit_are_found_behind_a_flattening():
    flattened = Spec(
        {"a": 2},
        {
            "a/kernel": (None, Axis(("a",))),
            "a/bias": (Axis(("a",)),),
            "b/kernel": (Axis(("a",), positions=3), None),
            "b/bias": (None,),
        },
    )
    params = {
        "a": {"kernel": np.ones((4, 2)), "bias": np.ones(2)},
        "b": {"kernel": np.ones((6, 5)), "bias": np.ones(5)},
    }
    flags = {"a": np.array([True, False])}
    mask = spectra.dead_parameters(flattened, params, flags)
    assert mask["a"]["kernel"].all(axis=0).tolist() == [True, False]
    assert mask["a"]["bias"].tolist() == [True, False]
    assert mask["b"]["kernel"].all(axis=1).tolist() == [True, False] * 3
    assert mask["b"]["kernel"].sum() == 15 and not mask["b"]["bias"].any()


def test_bad_settings_are_refused(tmp_path):
    for settings in ({"scale": "digit"}, {"num_seeds": 0}):
        with pytest.raises(InputError):
            Config(**settings)
    with pytest.raises(InputError, match="--num-examples 61 is more than the 60"):
        run(Config(workdir=str(tmp_path)), TINY._replace(examples=61))
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.draws
def test_the_study_runs_and_is_read_back(tmp_path, monkeypatch, steps_said):
    names = weights.MAGNITUDE, weights.ABS, weights.SIGNED, weights.RANDOM
    names += weights.PRODUCT_ABS, weights.SECOND_ABS, weights.FISHER
    monkeypatch.setattr(weights, "NAMES", names)
    # Other tests look at the figure of a training.
    monkeypatch.setattr(job.figures, "save", lambda figure, path: None)
    config = Config(workdir=str(tmp_path))
    result = run(config, TINY)
    assert steps_said()
    files = {path.name for path in config.folder.iterdir()}
    assert {"scatter.png", "shrunk.png", "u3-paths.png", "claims.txt"} <= files
    assert len(files) == 14
    stored = json.loads((config.folder / "result.json").read_text())
    # At 0.2 of 64 * 12 weights, and so on, 0.2 of each layer are gone.
    pruned = stored["weights"]["20"][0]["pruned"]
    assert set(pruned) == {"Dense_0", "Dense_1", "Dense_2", "all"}
    assert len(pruned["all"][weights.ABS]["loss"]) == 3
    sizes = [len(x) for x in stored["unit_scores"]["0"][0]["penalty"].values()]
    assert sizes == [12, 8]
    (spectrum,) = stored["spectra"]
    assert len(spectrum["whole"]) == spectrum["size"] == 64 * 12 + 12 * 8 + 8 * 10 + 30
    assert len(spectrum["live"]) == spectrum["size"] - spectrum["dead_size"]
    (shrunk,) = stored["shrunk"]["net"]
    assert shrunk["mrs, mean, 0.2"]["parameters"] <= 0.2 * shrunk["dense"]["parameters"]
    assert shrunk["mrs, mean, 0.2"]["gap"] < 1e-5

    def refuse(*args, **options):
        raise AssertionError("measured again")

    for module in (units, weights, spectra):
        monkeypatch.setattr(module, "first_examples", refuse)
    monkeypatch.setattr(figures, "save", lambda *_: None)
    assert run(config, TINY)["text"] == result["text"]
