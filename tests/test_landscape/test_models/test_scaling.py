"""Narrower networks: one factor for all widths, as wide as the budget allows."""

import itertools

import jax
import numpy as np
import pytest

from landscape.errors import InputError
from landscape.models import create, init, scaled_to, shapes


def size_of(model, shape):
    return sum(leaf.size for leaf in jax.tree.leaves(shapes(model, shape)))


def mlp_size(inputs, widths, classes):
    """By hand: matrices and biases."""
    sizes = [inputs, *widths, classes]
    return sum(a * b + b for a, b in itertools.pairwise(sizes))


def test_no_wider_mlp_of_the_same_proportions_keeps_to_the_budget():
    for budget in (40, 100, 1234, 2920, 20_000):
        found = scaled_to(budget, "mlp", (6,), 4, (90, 35))
        # All networks that any factor makes: 1e-4 is below the distance of their steps.
        made = {
            tuple(int(f * w + 0.5) for w in (90, 35)) for f in np.arange(0, 1, 1e-4)
        } | {(90, 35)}
        fits = [w for w in made if min(w) and mlp_size(6, w, 4) <= budget]
        assert found.widths == max(fits, key=lambda w: mlp_size(6, w, 4))
        assert found.size == mlp_size(6, found.widths, 4)


def test_a_budget_that_is_met_exactly_is_used_up():
    size = mlp_size(6, (45, 18), 4)
    assert scaled_to(size, "mlp", (6,), 4, (90, 35)).widths == (45, 18)
    assert scaled_to(size - 1, "mlp", (6,), 4, (90, 35)).widths != (45, 18)
    whole = mlp_size(6, (90, 35), 4)
    assert scaled_to(whole, "mlp", (6,), 4, (90, 35)).widths == (90, 35)


@pytest.mark.parametrize(
    ("name", "shape", "row"),
    [
        ("lenet5", (28, 28, 1), "lenet"),
        ("resnet8", (16, 16, 3), "resnet8"),
        ("alexnet", (32, 32, 3), "alexnet"),
    ],
)
def test_every_network_with_widths_is_counted_as_it_is_made(name, shape, row):
    full = size_of(create(name, shape, 10), shape)
    found = scaled_to(full // 20, name, shape, 10)
    made = create(found.name, shape, 10, found.widths)
    assert found.name == row and size_of(made, shape) == found.size
    assert 0.7 * full / 20 < found.size <= full // 20


def test_the_shapes_are_those_of_the_parameters():
    model = create("resnet8", (16, 16, 3), 10, (2, 2, 2))
    params, _ = jax.eval_shape(lambda: init(model, jax.random.key(0), (16, 16, 3)))
    assert shapes(model, (16, 16, 3)) == params


def test_a_budget_below_one_unit_a_layer_is_refused():
    # 1 unit in the narrower layer, and 3 in the other (90 / 35 = 2.6), half up: 1.29.
    with pytest.raises(InputError, match="narrowest layer at 1, widths 1 1, it has 17"):
        scaled_to(16, "mlp", (6,), 4, (90, 35))
