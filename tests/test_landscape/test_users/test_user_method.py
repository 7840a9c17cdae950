"""A mask updater of the user's own: what it is asked for, and what is refused."""

import sys
import types
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.sparsity import Updater, masks, updaters
from landscape.users import method as user_method
from train import sparse

SHAPES = {
    "kernel": jax.ShapeDtypeStruct((4, 3), jnp.float32),
    "bias": jax.ShapeDtypeStruct((3,), jnp.float32),
}
COUNTS = {"kernel": 6}


class Latent(NamedTuple):
    latent: object


def made(init=None, update=None, **more):
    """A method whose updater is right but for what is given."""

    def right(key, params):
        return masks.full(COUNTS, params), ()

    def same(step, key, params, grads, kept, state):
        return kept, state, {"changed": step < 0}

    return lambda counts, params: Updater(init or right, update or same, **more)


@pytest.fixture
def updater_of(monkeypatch):
    """The updater of a function of a module `own_methods`."""

    def make(function, *words, steps=40):
        module = types.ModuleType("own_methods")
        module.wave = function
        monkeypatch.setitem(sys.modules, "own_methods", module)
        return user_method.of_settings(COUNTS, SHAPES, "own_methods:wave", words, steps)

    return make


def test_a_method_gets_counts_shapes_its_arguments_and_the_steps(updater_of):
    def wave(counts, params, steps, every=1):
        wave.given = counts, params, steps, every
        return updaters.pruning(counts, steps // 2, steps, every)

    updater = updater_of(wave, "every=5")
    assert wave.given == (COUNTS, SHAPES, 40, 5)
    assert updater.steps(SHAPES) == (25, 30, 35)  # 40 removes nothing more
    updater_of(wave, "steps=8")
    assert wave.given[2] == 8  # its own argument, where it is given


@pytest.mark.parametrize(
    "function",
    [
        made(),
        made(init=lambda key, params: (masks.full(COUNTS, params), 0)),
        lambda counts, params: updaters.static(counts),
        lambda counts, params: updaters.rigl(counts, 5, 30, 0.3),
        lambda counts, params: updaters.n_of_m(["kernel"], 1, 2, 5, 30, 5),
    ],
)
def test_updaters_that_keep_to_the_protocol_pass(updater_of, function):
    assert isinstance(updater_of(function), Updater)


def flat(key, params):
    return {"kernel": jnp.ones((4, 3), bool)}, ()


def whole(key, params):
    return jax.tree.map(lambda x: jnp.ones(x.shape, bool), params), ()


def floats(key, params):
    return {"kernel": jnp.ones((4, 3)), "bias": jnp.ones((), bool)}, ()


def two(step, key, params, grads, kept, state):
    return kept, state


def grown(step, key, params, grads, kept, state):
    return kept, jnp.zeros(3), {"changed": step < 0}


def number(step, key, params, grads, kept, state):
    return kept, state, {"changed": step}


def scalar(step, key, params, grads, kept, state):
    return masks.dense(params), state, {"changed": step < 0}


def branching(step, key, params, grads, kept, state):
    return kept, state, {"changed": bool(step > 3)}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda counts, params: None, "but it returned a NoneType"),
        (lambda counts: None, "called with 2 arguments"),
        (lambda counts, params: 1 / 0, "ZeroDivisionError: division by zero"),
        (7, "is no function"),
        (made(init=lambda key: None), "`init` is called with 2 arguments"),
        (made(init=flat), "masks of `init` must have the structure"),
        (made(init=whole), r"shape \(\) for bias .it keeps all its entries., not bool"),
        (made(init=floats), r"shape \(4, 3\) for kernel, not float32 of \(4, 3\)"),
        (made(update=two), "`update` must return 3 values, not 2"),
        (made(update=grown), r"a state like that of `init`, \(\), not float32\[3\]"),
        (made(update=number), "boolean scalar"),
        (made(update=scalar), r"masks of `update` must hold .*\(4, 3\) for kernel"),
        (made(update=branching), "TracerBoolConversionError"),
        (made(stops=lambda params: (1,)), "asks for scores over data"),
        (made(latent=True), "whose field `latent` is like the parameters"),
    ],
)
def test_what_is_no_method_is_refused_in_one_sentence(updater_of, function, message):
    with pytest.raises(InputError, match=message) as error:
        updater_of(function)
    assert "\n" not in str(error.value)
    assert "--method own_methods:wave" in str(error.value)


def test_latent_weights_are_a_field_of_the_state(updater_of):
    def init(key, params):
        return masks.full(COUNTS, params), Latent(params)

    assert updater_of(made(init=init, latent=True)).latent


def test_a_command_makes_runs_of_own_methods_after_the_others():
    names = ("lottery", "my_methods:wave", "pruning")
    config = sparse.Config(
        method=names, method_args=("every=5",), dataset="my_data:spirals", num_seeds=2
    )
    found = [(c.method, c.method_args, c.workdir) for c in sparse.expand(config)[:3]]
    assert found == [
        ("pruning", (), "runs/spirals/pruned-seed0"),
        ("lottery", (), "runs/spirals/lottery-seed0"),
        ("my_methods:wave", ("every=5",), "runs/spirals/wave-seed0"),
    ]


def test_a_mask_of_an_own_method_is_taken_without_its_arguments():
    theirs = SparseRun(method="m:wave", method_args=("a=1",), workdir="w", sparsity=0.5)
    taken = sparse.defaults_of_mask("w", theirs)
    assert (taken.method_args, taken.sparsity) == ((), 0.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            dict(method=("wave.py:wave",)),
            "name the module without .py, as in wave:wave",
        ),
        (
            dict(method=("pruning",), method_args=("a=1",)),
            "--method-args a=1 goes with",
        ),
        (dict(method=("m:wave",), method_args=("a",)), "KEY=VALUE, .* not 'a'"),
        (dict(method=("m:wave", "n:wave")), "would write the same folder"),
        (dict(method=("m:pruned", "pruning")), "called pruned, pruned"),
        (dict(method=("m:wave", "lottery")), "lottery needs --mask-from"),
        (
            dict(method=("m:wave",), mask_from="a"),
            "--mask-from goes with --method lott",
        ),
        (dict(method=("m:wave",), score="obd"), "--score goes with --method pruning"),
        (dict(method=("m:wave",), global_pruning=True), "--global-pruning goes with"),
    ],
)
def test_settings_that_an_own_method_does_not_have_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        sparse.expand(sparse.Config(**fields))
