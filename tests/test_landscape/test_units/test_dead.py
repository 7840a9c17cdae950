"""Dead and constant units, and since when they have been dead."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from landscape import units
from landscape.errors import InputError
from landscape.units import Axis, Site


def test_a_unit_is_dead_below_the_tolerance_in_either_direction():
    penalties = {"a": np.float32([1e-4, -9e-5, 9e-5, -1.0]), "b": np.float32([0.5])}
    found = units.dead_units(penalties, 1.0, np.float32(1e-4))
    assert found["a"].tolist() == [False, True, True, False]
    assert found["b"].tolist() == [False]


def test_a_tolerance_below_the_rounding_of_the_loss_is_refused():
    eps = float(np.finfo(np.float32).eps)
    penalties = {"a": np.zeros(2, np.float32)}
    units.dead_units(penalties, 3.0, 3 * eps)
    for tolerance in (2.9 * eps, 0.0, -1.0, np.nan):
        with pytest.raises(InputError, match=r"a tolerance of .* below the rounding"):
            units.dead_units(penalties, 3.0, tolerance)
    units.dead_units({"a": np.zeros(2)}, 3.0, 2.9 * eps)
    with pytest.raises(InputError, match="must be above 0"):
        units.dead_units(penalties, 0.0, 0.0)
    with pytest.raises(InputError, match="of 1 of the 2 units of a is NaN"):
        units.dead_units({"a": np.float32([0, np.nan])}, 1.0, 1e-3)


def test_constant_units_are_constant_at_all_their_sites():
    def losses(params, batch, tap):
        x = tap("x", jnp.stack([batch, 0 * batch + 7.3, 0 * batch, 1e-4 * batch], 1))
        return tap("y", x[:, 1:3] * jnp.stack([batch, batch], 1)).sum(axis=1)

    sites = {
        "x": Site(Axis(("a", "b")), (1, 3)),
        "y": Site(Axis(("c",)), (2,)),
    }
    batch = jnp.linspace(1.0, 2.0, 7)
    found = units.output_statistics(losses, jnp.zeros(()), batch, sites, chunk_size=3)
    constant = units.constant_units(found, sites)
    assert {k: v.tolist() for k, v in constant.items()} == {
        "a": [False],
        "b": [True, True, False],
        "c": [False, True],
    }
    both = {"x": sites["x"], "y": Site(Axis(("b",)), (3,))}
    again = {"x": found["x"], "y": units.Outputs(*(x[:3] for x in found["x"]))}
    assert units.constant_units(again, both)["b"].tolist() == [False, True, False]


def test_what_varies_by_rounding_alone_is_constant():
    mean = np.full(3, -7.3, np.float32)
    std = np.float32([2, 7, 9]) * np.finfo(np.float32).eps * 7.3
    at = {"x": units.Outputs(mean, std**2, abs(mean), mean)}
    found = units.constant_units(at, {"x": Site(Axis(("a",)), (3,))})
    assert found["a"].tolist() == [True, True, False]


def test_since_when_a_unit_is_dead_for_every_history_of_four_steps():
    steps = [0, 10, 25, 100]
    histories = list(itertools.product([False, True], repeat=4))
    found = units.dead_since(steps, np.array(histories).T)
    for history, since in zip(histories, found, strict=True):
        expected = next((s for i, s in enumerate(steps) if all(history[i:])), None)
        assert since == expected
    assert units.dead_since([3], [[True, False]]) == [3, None]
    assert units.dead_since([3, 4], np.zeros((2, 0), bool)) == []


@pytest.mark.parametrize(
    ("steps", "shape", "message"),
    [
        ([0, 0], (2, 3), "must increase"),
        ([0, 1], (3, 2), "2 steps need"),
        ([], (0, 2), "0 steps need"),
    ],
)
def test_histories_that_do_not_fit_are_refused(steps, shape, message):
    with pytest.raises(InputError, match=message):
        units.dead_since(steps, np.zeros(shape, bool))
