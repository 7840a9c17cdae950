"""Promise 7: other numbers of devices and processes, the same mathematics (float64)."""

import json

import pytest

# One process compares its layouts, and what two processes have left in a file, with one
# device.
PROGRAM = """
import json, pickle, sys
from pathlib import Path
from landscape.cli import host_flags
file, names, *place = sys.argv[1:]
names, place = json.loads(names), dict(zip(place[::2], place[1::2]))
if place:
    host_flags.join({
        word.removeprefix("--"): int(value) if value.isdigit() else value
        for word, value in place.items()
    })
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

def final(model, mesh):
    # One search for the threshold of all layers compiles faster than one a layer.
    config = SparseRun(model=model, widths=WIDTHS[model], steps=20,
                       batch_size=16, prune_every=5, num_train=200, augment=True,
                       label_smoothing=0.1, global_pruning=model != "mlp")
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
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

def analyses(name, mesh):
    draw = np.random.default_rng(0)
    ends = [{"a": draw.normal(size=(9, 6)), "b": draw.normal(size=(6, 3))}
            for _ in range(2)]
    examples = {"image": draw.normal(size=(48, 9)), "label": draw.normal(size=(48, 3))}
    loss_fn, statistics = LOSSES[name]
    fit = paths.fit(paths.straight(*ends, 2), loss_fn, examples, jax.random.key(0),
                    num_steps=20, batch_size=16, mesh=mesh)
    # The path and the plane have rows of one shape, and share their compiled program.
    how = dict(statistics=statistics, mesh=mesh, shortcut=False)
    along = paths.evaluate(fit.path, loss_fn, examples, np.linspace(0, 1, 6), **how)
    plane = planes.through(*ends, fit.path.points[1])
    grid = planes.evaluate(plane, loss_fn, examples, [0.0, 1.0, 2.0], [0.0, 1.0], **how)
    found = fit.path.points[1], along["loss"], grid["loss"]
    parts = zip(("curve", "path", "plane"), found)
    return {f"{part} of {name}": jax.tree.leaves(tree) for part, tree in parts}

def found_by(names, num_devices=None):
    mesh, found = devices.make_mesh(num_devices), {}
    for name in names:
        some = {name: final(name, mesh)} if name in WIDTHS else analyses(name, mesh)
        found |= {what: [*map(np.asarray, leaves)] for what, leaves in some.items()}
    return found

def error(one, other):
    scale = max(abs(x).max() for x in one)
    return max(abs(a - b).max() for a, b in zip(one, other, strict=True)) / scale

if place:
    if place["--process-id"] == "0":
        Path(file).write_bytes(pickle.dumps(found_by(names)))
    else:
        found_by(names)
    sys.exit()
one = found_by({name: None for each in names.values() for name in each}, 1)
assert all(x.dtype == np.float64 for leaves in one.values() for x in leaves)
errors = {n: found_by(some, int(n)) for n, some in names.items() if n.isdigit()}
errors |= {n: pickle.loads(Path(file).read_bytes()) for n in names if n not in errors}
for found in errors.values():
    found |= {what: error(one[what], leaves) for what, leaves in found.items()}
print(json.dumps(errors))
"""


# Each number of devices compiles its own programs, which takes most of the time.
TWO = "two processes of 2"
LAYOUTS = {
    "2": ["mlp", "resnet8", "plain"], "4": ["mlp", "normed"],
    "8": ["mlp", "resnet8", "plain"], TWO: ["mlp", "resnet8", "normed"],
}  # fmt: skip
TOLERANCES = {"curve of normed": 1e-9}
TRAINED = [
    (layout, name)
    for layout, names in LAYOUTS.items()
    for name in names
    if name in ("mlp", "resnet8")
]
ANALYSED = [
    (layout, f"{what} of {name}")
    for layout, names in LAYOUTS.items()
    for name in names
    if name in ("plain", "normed")
    for what in ("curve", "path", "plane")
]


@pytest.fixture(scope="module")
def errors(tmp_path_factory, start_program, run_two):
    # Compiled with few optimisations, as the tests are: all of them take three times as
    # long, and mathematics is promised here, not bits.
    folder = tmp_path_factory.mktemp("layouts")
    program = ["-c", PROGRAM, folder / "two"]
    statuses, _, said = run_two([*program, json.dumps(LAYOUTS[TWO])], "2")
    assert statuses == [0, 0], said
    environment = {"JAX_NUM_CPU_DEVICES": "8", "JAX_PLATFORMS": "cpu"}
    words = [*map(str, program), json.dumps(LAYOUTS)]
    process = start_program(words, folder, environment)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.mark.parametrize(("layout", "model"), TRAINED)
def test_twenty_steps_agree_on_several_devices(layout, model, errors):
    assert errors[layout][model] < TOLERANCES.get(model, 1e-12), errors


@pytest.mark.parametrize(("layout", "what"), ANALYSED)
def test_curves_and_losses_agree_on_several_devices(layout, what, errors):
    assert errors[layout][what] < TOLERANCES.get(what, 1e-12), errors
