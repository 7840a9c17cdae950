"""Promise 7: other numbers of devices, the same mathematics (float64)."""

import json

import pytest

PROGRAM = """
import json, sys
import jax, numpy as np
import jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
from analysis import evaluation, paths, planes
from landscape import data
from landscape.machine import devices
from landscape.recipes import order, recipe
from landscape.config import SparseRun
from landscape.recipes.initial_state import initial_state
from train.steps import loop, step

# The smallest of its family, one block a stage, and few channels, that grow.
WIDTHS = {"mlp": (20,), "resnet8": (4, 8, 16)}
first_state = jax.jit(initial_state, static_argnums=(0, 2))

def double(tree):
    return jax.tree.map(
        lambda x: x.astype("float64") if x.dtype == np.float32 else x, tree)

def final(config, num_devices):
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    mesh = devices.make_mesh(num_devices)
    state = double(first_state(made, 0, dataset.input_shape))
    state = devices.replicate(mesh, state)
    split = devices.replicate(mesh, double(dataset.train))
    indices = order.batches(0, 200, 16, 0, 20)
    together = loop.scannable(made, state, split, 16)
    segment = loop.make_segment(step.make(made, augmented=True), mesh, together)
    state, _ = segment(state, split, indices, 20)
    return [np.asarray(x) for x in jax.tree.leaves((state.params, state.batch_stats))]

def plain(params, batch):
    return squares(jnp.tanh(batch["image"] @ params["a"]), params, batch)

def normed(params, batch, statistics=None):
    hidden = batch["image"] @ params["a"]
    hidden = (hidden - hidden.mean(0)) / jnp.sqrt(hidden.var(0) + 1e-3)
    return squares(jax.nn.relu(hidden), params, batch)

def squares(hidden, params, batch):
    return ((hidden @ params["b"] - batch["label"]) ** 2).sum(1).mean()

LOSSES = {"plain": (plain, None), "normed": (normed, evaluation.BatchStatistics(16))}

def analyses(name, num_devices):
    draw = np.random.default_rng(0)
    ends = [{"a": draw.normal(size=(9, 6)), "b": draw.normal(size=(6, 3))}
            for _ in range(2)]
    examples = {"image": draw.normal(size=(48, 9)), "label": draw.normal(size=(48, 3))}
    mesh, (loss_fn, statistics) = devices.make_mesh(num_devices), LOSSES[name]
    fit = paths.fit(paths.straight(*ends, 2), loss_fn, examples, jax.random.key(0),
                    num_steps=20, batch_size=16, mesh=mesh)
    # The path and the plane have rows of one shape, and share their compiled program.
    how = dict(statistics=statistics, mesh=mesh, shortcut=False)
    along = paths.evaluate(fit.path, loss_fn, examples, np.linspace(0, 1, 6), **how)
    plane = planes.through(*ends, fit.path.points[1])
    grid = planes.evaluate(plane, loss_fn, examples, [0.0, 1.0, 2.0], [0.0, 1.0], **how)
    found = fit.path.points[1], along["loss"], grid["loss"]
    names = "curve", "path", "plane"
    leaves = ([np.asarray(x) for x in jax.tree.leaves(tree)] for tree in found)
    return dict(zip(names, leaves))

def error(one, other):
    scale = max(abs(x).max() for x in one)
    return max(abs(a - b).max() for a, b in zip(one, other)) / scale

errors = {}
for name, counts in json.loads(sys.argv[2]).items():
    one, *others = (analyses(name, n) for n in (1, *counts))
    for what, expected in one.items():
        assert all(x.dtype == np.float64 for x in expected)
        errors[f"{what} of {name}"] = {
            n: error(expected, found[what]) for n, found in zip(counts, others)}
for model, counts in json.loads(sys.argv[1]).items():
    # One search for the threshold of all layers compiles faster than one a layer.
    config = SparseRun(model=model, widths=WIDTHS[model], steps=20,
                       batch_size=16, prune_every=5, num_train=200, augment=True,
                       label_smoothing=0.1, global_pruning=model != "mlp")
    one = final(config, 1)
    assert all(x.dtype == np.float64 for x in one)
    errors[model] = {n: error(one, final(config, n)) for n in counts}
print(json.dumps(errors))
"""


# Each number of devices compiles its own programs, which takes most of the time.
COUNTS = {"mlp": [2, 4, 8], "resnet8": [2, 8]}
ANALYSES = {"plain": [2, 8], "normed": [4]}
TOLERANCES = {"mlp": 1e-12, "resnet8": 1e-9, "curve of normed": 1e-9}


@pytest.fixture(scope="module")
def errors(tmp_path_factory, start_program):
    # Compiled with few optimisations, as the tests are: all of them take three times as
    # long, and mathematics is promised here, not bits.
    environment = {"JAX_NUM_CPU_DEVICES": "8", "JAX_PLATFORMS": "cpu"}
    words = ["-c", PROGRAM, *(json.dumps(each) for each in (COUNTS, ANALYSES))]
    process = start_program(words, tmp_path_factory.mktemp("layouts"), environment)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.mark.parametrize("model", COUNTS)
def test_twenty_steps_agree_on_several_devices(model, errors):
    assert set(errors[model]) == set(map(str, COUNTS[model]))
    assert max(errors[model].values()) < TOLERANCES[model], errors


@pytest.mark.parametrize("loss", ANALYSES)
@pytest.mark.parametrize("what", ["curve", "path", "plane"])
def test_curves_and_losses_agree_on_several_devices(what, loss, errors):
    name = f"{what} of {loss}"
    assert set(errors[name]) == set(map(str, ANALYSES[loss]))
    assert max(errors[name].values()) < TOLERANCES.get(name, 1e-12), errors
