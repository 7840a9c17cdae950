"""The study of gradient flow: its numbers by hand, and what it claims."""

import itertools
import math

import numpy as np
import pytest

from analysis.studies.gradient_flow import agreement, claims, claims_flow, table
from analysis.studies.gradient_flow.published import PUBLISHED

LABELS = np.arange(200) % 10


def logits_of(predictions, seed=0):
    """Logits whose largest is at the predictions."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(len(predictions), 10))
    found[np.arange(len(predictions)), predictions] += 8
    return found


def wrong_at(places, by=1):
    predictions = LABELS.copy()
    predictions[places] = (predictions[places] + by) % 10
    return predictions


def test_an_ensemble_is_the_class_of_the_mean_softmax_not_of_the_mean_logits():
    logits = np.random.default_rng(1).normal(scale=4, size=(3, 50, 4))
    expected = []
    for n in range(50):
        odds = [[math.exp(z) for z in logits[s, n]] for s in range(3)]
        mean = [sum(row[c] / sum(row) for row in odds) / 3 for c in range(4)]
        expected.append(mean.index(max(mean)))
    found = agreement.ensemble(logits)
    assert found.tolist() == expected
    assert found.tolist() != agreement.classes(logits.mean(axis=0)).tolist()


def test_large_logits_overflow_nowhere():
    logits = np.array([[[1e4, 0.0]], [[0.0, 10.0]], [[0.0, 10.0]]], np.float32)
    assert agreement.ensemble(logits).tolist() == [1]


def test_disagreement_is_of_every_pair_once():
    rng = np.random.default_rng(2)
    predictions = rng.integers(0, 3, (5, 40))
    expected = [
        sum(a != b for a, b in zip(predictions[i], predictions[j], strict=True)) / 40
        for i, j in itertools.combinations(range(5), 2)
    ]
    assert agreement.pairwise(predictions) == pytest.approx(expected)
    assert len(expected) == 10 and agreement.pairwise(predictions[:1]) == []


@pytest.mark.parametrize("one, other", [([1], [1, 2]), ([1], [[1]]), ([], [])])
def test_predictions_of_other_shapes_are_refused(one, other):
    with pytest.raises(ValueError, match="shapes"):
        agreement.disagreement(one, other)


def test_the_numbers_of_a_row():
    pruned = wrong_at([0, 1])
    networks = [wrong_at([0, 2]), wrong_at([0, 3, 4]), wrong_at([0, 1])]
    row = table.numbers(np.stack(list(map(logits_of, networks))), LABELS, pruned)
    assert row["accuracy"] == pytest.approx([0.99, 0.985, 0.99])
    # Two of the three are right everywhere but at 0.
    assert row["ensemble"] == pytest.approx(0.995)
    assert row["disagreement"] == pytest.approx([3 / 200, 2 / 200, 3 / 200])
    assert row["with_pruned"] == pytest.approx([2 / 200, 3 / 200, 0])
    assert table.gain(row) == pytest.approx(100 * (0.995 - (0.99 + 0.985 + 0.99) / 3))


def test_one_network_has_neither_ensemble_nor_pairs():
    row = table.numbers(logits_of(LABELS)[None], LABELS, LABELS)
    assert row["ensemble"] is None and row["disagreement"] == []
    assert table.gain(row) is None


def row(accuracy, ensemble, disagreement, with_pruned):
    return {
        "accuracy": accuracy, "ensemble": ensemble, "disagreement": disagreement,
        "with_pruned": with_pruned, "varies": "order", "parameters": [3321, 3320],
    }  # fmt: skip


def published_world():
    """The published numbers as if two networks had them, and methods beside them."""
    found = {}
    for name, theirs in PUBLISHED.items():
        accuracy = theirs.accuracy / 100
        together = theirs.ensemble and theirs.ensemble / 100
        pairs = [theirs.disagreement] if theirs.disagreement else []
        ours = [accuracy] * (2 if pairs else 1)
        found[name] = row(ours, together, pairs, [theirs.with_pruned or 0.0] * 2)
    for name, accuracy in {
        "static": 0.97, "set": 0.975, "rigl": 0.98, "acdc": 0.985, "snip": 0.97,
        "grasp": 0.96, "synflow": 0.97, "small-dense": 0.97,
    }.items():  # fmt: skip
        found[name] = row([accuracy] * 2, accuracy, [0.03], [0.03] * 2)
    return found


def test_the_published_table_holds_what_is_claimed_of_it():
    found = claims.of_table(published_world(), True)
    assert {claim.name for claim in found} == {f"C4.{i}" for i in range(1, 12)}
    assert all(claim.holds for claim in found)


def test_published_accuracies_are_not_asked_of_other_data():
    found = claims.of_table(published_world(), False)
    assert {claim.name for claim in found} == {f"C4.{i}" for i in range(2, 12)}


CHANGES = {
    "C4.1": ("lottery", "accuracy", [0.985, 0.989]),
    "C4.2": ("scratch, new", "accuracy", [0.981, 0.981]),
    "C4.3": ("lottery", "with_pruned", [0.04, 0.03]),
    "C4.4": ("lottery", "disagreement", [0.016]),
    "C4.5": ("scratch, new", "with_pruned", [0.01, 0.01]),
    "C4.6": ("restart", "with_pruned", [0.02, 0.01]),
    "C4.7": ("restart", "ensemble", 0.988),
    "C4.8": ("pruned, new", "ensemble", 0.985),
    "C4.9": ("set", "accuracy", [0.969, 0.971]),
    "C4.10": ("acdc", "accuracy", [0.969, 0.971]),
    "C4.11": ("snip", "accuracy", [0.985, 0.985]),
}  # fmt: skip


@pytest.mark.parametrize("claim", CHANGES)
def test_each_claim_of_the_table_fails_by_one_number(claim):
    world, (name, key, value) = published_world(), CHANGES[claim]
    world[name][key] = value
    failing = {c.name for c in claims.of_table(world, True) if not c.holds}
    assert claim in failing
    # What an accuracy is compared with, and what an ensemble gains over it.
    assert failing - {claim} <= {"C4.7", "C4.8"}


def test_a_claim_needs_its_rows():
    world = {name: published_world()[name] for name in ("pruned", "static", "rigl")}
    assert [claim.name for claim in claims.of_table(world, False)] == ["C4.9"]


def test_ours_stands_beside_the_published():
    text = table.format_rows(published_world(), True)
    line = next(x for x in text.splitlines() if x.startswith("scratch, new"))
    assert "97.19 +- 0.00 / 97.19 +- 0.33" in line and "0.0352 / 0.0352" in line
    assert "98.43 / 98.43" in line and line.endswith("3,320")
    alone = next(x for x in text.splitlines() if x.startswith("pruned"))
    assert "98.53 / 98.53" in alone and alone.split()[-4:-1] == ["-"] * 3
    assert "/" not in table.format_rows(published_world(), False)


def flow_world():
    update = {
        "before": {"negative": 5, "smallest": -0.1},
        "rigl": {"negative": 9, "smallest": -0.2},
        "random": {"negative": 6, "smallest": -0.1},
    }
    initial = {"dense": [1.0, 1.0], "layer": [3.0, 3.0], "unit": [4.0, 4.0]}
    losses = {"start": [0.3] * 2, "static": [0.2] * 2, "rigl": [0.1] * 2}
    sweep = {
        "pruning": {"0.98": [0.97], "0.99": [0.96], "0.95": [0.96]},
        "rigl": {"0.98": [0.965], "0.99": [0.95], "0.95": [0.97]},
        "static": {"0.98": [0.96], "0.99": [0.9]},
    }
    return {
        "initial": {"static": initial, "pruned": dict(initial)},
        "updates": [{k: dict(v) for k, v in update.items()} for _ in range(5)],
        "escape": {"0.98": losses, "0.99": dict(losses)},
        "sweep": {k: dict(v) for k, v in sweep.items()},
    }


def flow_claims(world):
    return [
        *claims_flow.of_initial(world["initial"]),
        *claims_flow.of_updates(world["updates"]),
        *claims_flow.of_escape(world["escape"]),
        *claims_flow.of_sweep(world["sweep"], world["sweep"]),
    ]


FLOW = {
    "C4.12": ("initial", "pruned", "unit", [4.0, 1.9]),
    "C4.14": ("escape", "0.99", "rigl", [0.1, 0.19]),
    "C4.15": ("sweep", "static", "0.99", [0.951]),
    "C4.16": ("sweep", "rigl", "0.98", [0.973]),
    "C4.17": ("sweep", "rigl", "0.95", [0.95]),
}


@pytest.mark.parametrize("claim", FLOW)
def test_each_claim_of_flow_fails_by_one_number(claim):
    world, (part, first, second, value) = flow_world(), FLOW[claim]
    assert all(found.holds is not False for found in flow_claims(world))
    world[part][first][second] = value
    assert {c.name for c in flow_claims(world) if c.holds is False} == {claim}


@pytest.mark.parametrize(
    ("key", "value", "claim"), [("negative", 5, "C4.13"), ("smallest", -0.1, "C4.13s")]
)
def test_four_of_five_updates_are_enough_and_three_are_not(key, value, claim):
    world = flow_world()
    for seed, failing in ((0, set()), (1, {claim})):
        world["updates"][seed]["rigl"][key] = value
        found = flow_claims(world)
        assert {c.name for c in found if c.holds is False} == failing
