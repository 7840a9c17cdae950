"""As few units go as a budget needs, those of the lowest scores first."""

import jax
import numpy as np
import pytest

from landscape.errors import InputError
from landscape.models import MLP, VGG, AlexNet, LeNet, ResNet, positions
from landscape.trees import named_leaves
from landscape.units import budget, specification

SCORES = {"a": np.array([0.5, 3.0, 1.0]), "b": np.array([2.0, 0.1])}


def cost(counts):
    return 10 * counts["a"] + counts["b"]


@pytest.mark.parametrize(
    ("smaller", "larger", "shape"),
    [
        (MLP((3, 2), 4), MLP((5, 4), 4), (6,)),
        (LeNet((2, 3, 4), 5), LeNet((6, 5, 8), 5), (18, 17, 2)),
        (AlexNet(3, (2, 3, 4, 5)), AlexNet(3, (7, 8, 9, 6)), (9, 8, 3)),
        (VGG((1, 2), (2, 3, 1), 3), VGG((1, 2), (4, 4, 4), 3), (8, 8, 3)),
        (ResNet(1, 3, (2, 3, 5, 1, 2, 4)), ResNet(1, 3, (4, 8, 16)), (8, 8, 3)),
    ],
    ids=["MLP", "LeNet", "AlexNet", "VGG", "ResNet"],
)
def test_costs_are_those_of_the_smaller_network(smaller, larger, shape):
    def abstract(model):
        image = np.zeros((1, *shape), np.float32)
        return jax.eval_shape(model.init, jax.random.key(0), image)["params"]

    params, fewer = abstract(larger), abstract(smaller)
    spec, counts = specification(larger, params), specification(smaller, fewer).sizes
    sizes = {name: leaf.size for name, leaf in named_leaves(fewer).items()}
    assert budget.parameters(spec, params)(counts) == sum(sizes.values())
    at = positions(smaller, shape)
    expected = sum(2 * at[name] * sizes[name] for name in sizes if "kernel" in name)
    assert budget.flops(spec, params, positions(larger, shape))(counts) == expected


@pytest.mark.parametrize("target", [32, 31, 22, 21, 12, 11])
def test_the_fewest_units_go_in_the_order_of_their_scores(target):
    chosen = budget.choose_units(SCORES, cost, target, normalise="none")
    order = [("b", 1), ("a", 0), ("a", 2)]  # 3.0 and 2.0 are the last of their layers.
    for gone in range(4):
        counts = {"a": 3, "b": 2}
        for group, _ in order[:gone]:
            counts[group] -= 1
        if cost(counts) <= target:
            break
    found = {(g, i) for g, units in chosen.items() for i in np.flatnonzero(units)}
    assert found == set(order[:gone])


def test_what_is_too_small_is_told_with_the_smallest_that_can_be_reached():
    with pytest.raises(InputError, match=r"11 FLOPs, the fewest .*: 10 are too few"):
        budget.choose_units(SCORES, cost, 10.9, what="FLOPs")
    with pytest.raises(InputError, match="there are 31 parameters"):
        budget.choose_units(SCORES, cost, 30, protected=["a*"])


def test_protected_layers_are_left_alone():
    chosen = budget.choose_units(SCORES, cost, 31, protected=["a"])
    assert not chosen["a"].any() and chosen["b"].tolist() == [False, True]
    with pytest.raises(InputError, match="unknown group of units 'c'"):
        budget.choose_units(SCORES, cost, 31, protected=["c"])


def test_a_score_that_is_no_number_is_refused_with_its_layer():
    with pytest.raises(InputError, match="a score of b is not a number"):
        budget.choose_units(SCORES | {"b": np.array([1.0, np.nan])}, cost, 31)


def test_equal_and_infinite_scores():
    scores = {"a": np.zeros(3), "b": np.array([np.inf, -np.inf])}
    chosen = budget.choose_units(scores, cost, 21)
    assert {g: u.tolist() for g, u in chosen.items()} == {
        "a": [True, False, False],
        "b": [False, True],
    }


def test_layers_are_compared_by_l2_norm_or_lose_the_same_fraction():
    rng = np.random.default_rng(0)
    scores = {"a": rng.uniform(size=8), "b": 100 + rng.uniform(size=4)}
    for target in range(88, 10, -11):
        both = budget.choose_units(scores, cost, target, normalise="uniform")
        fractions = [units.mean() for units in both.values()]
        assert abs(fractions[0] - fractions[1]) <= 1 / 4
        for group, units in both.items():
            gone, kept = scores[group][units], scores[group][~units]
            assert not len(gone) or gone.max() < kept.min()
    plain = budget.choose_units(scores, cost, 14, normalise="none")
    assert plain["a"].sum() == 7 and not plain["b"].any()
    scaled = scores | {"b": scores["b"] / 100}
    for name in ("l2", "uniform"):
        one, other = (
            budget.choose_units(s, cost, 45, normalise=name) for s in (scores, scaled)
        )
        for group in scores:
            np.testing.assert_array_equal(one[group], other[group])
    # 0.6 and 0.8 in one layer, 0.5 in the other.
    scores = {"a": np.array([3.0, 4.0]), "b": np.full(4, 50.0)}
    by_norm = budget.choose_units(scores, cost, 22)
    assert not by_norm["a"].any() and by_norm["b"].tolist() == [
        True,
        True,
        False,
        False,
    ]
