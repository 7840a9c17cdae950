"""Programs that train write the new state over the old one."""

import re

import jax
import jax.numpy as jnp
import pytest

from landscape import data
from landscape.config import SparseRun
from landscape.machine import devices
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state
from train.jobs import scoring
from train.steps import loop, step, streamed, together


@pytest.fixture(scope="module")
def setting():
    config = SparseRun(model="mlp-bn", widths=(3,), sparsity=0.5, batch_size=4)
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    split = {name: x[:8] for name, x in dataset.train.items()}
    return made, abstract_state(made, dataset.input_shape), split


def programs(made, state, split):
    """Name -> a lowered program, and its state."""
    mesh, at = devices.make_mesh(1), jax.ShapeDtypeStruct((2, 4), jnp.int32)
    steps = {
        "ordinary": step.make(made, ordinary=True),
        "changing masks": step.make(made),
        "accumulating": step.make(made, parts=2),
    }
    for name, each in steps.items():
        yield name, loop._loop.lower(mesh, each, state, split, at, 2), state
    each = steps["ordinary"]
    yield "in calls", loop._single.lower(mesh, each, state, split, at, 0), state
    batch = {name: jax.ShapeDtypeStruct((4, *x.shape[1:]), x.dtype)
             for name, x in split.items()}  # fmt: skip
    yield "streamed", streamed._single.lower(each, state, batch, 0.0, 1.0), state
    both = together._stack([each, each])
    pair = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((2, *x.shape), x.dtype), state
    )._replace(step=state.step)
    at = jax.ShapeDtypeStruct((2, 2, 4), jnp.int32)
    yield "together", together._loop.lower(mesh, both, pair, split, at, 2), pair
    at = jax.ShapeDtypeStruct((2, 4), jnp.int32)
    yield "together, in calls", together._all.lower(mesh, both, pair, split, at), pair
    config = SparseRun(model="mlp-bn", widths=(3,), sparsity=0.5, score="taylor2")
    updater = recipe.make(config, data.load(config).input_shape, 10).updater
    state = state._replace(
        updater_state=jax.eval_shape(updater.init, None, state.params)[1]
    )
    yield "scored", scoring._updated.lower(updater, state, state.params), state


def test_the_state_of_every_program_is_written_over(setting):
    for name, lowered, state in programs(*setting):
        text = lowered.as_text()
        given = text.count("tf.aliasing_output") + text.count("jax.buffer_donor")
        assert given == len(jax.tree.leaves(state)), name


def test_a_loop_of_steps_copies_no_kernel():
    config = SparseRun(model="mlp", widths=(6, 5), sparsity=0.5, batch_size=4)
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    split = {name: x[:8] for name, x in dataset.train.items()}
    state = abstract_state(made, dataset.input_shape)
    mesh, at = devices.make_mesh(1), jax.ShapeDtypeStruct((2, 4), jnp.int32)
    each = step.make(made, ordinary=True)
    text = loop._loop.lower(mesh, each, state, split, at, 2).compile().as_text()
    # In a program for a CPU a copy is written with the shape of its result.
    copied = set(re.findall(r"= f32\[([\d,]+)\]\S* copy\(", text))
    kernels = {"64,6", "6,5", "5,10"}
    assert all(f"f32[{kernel}]" in text for kernel in kernels)
    assert not copied & kernels
