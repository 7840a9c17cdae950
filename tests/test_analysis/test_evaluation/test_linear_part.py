import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.evaluation import combinations, jaxprs, linear_part
from landscape import models
from landscape.models import ResNet
from landscape.objective import Objective

IMAGE = (16, 16, 1)


def batch_of(size, shape=IMAGE, classes=4):
    draw = np.random.default_rng(1)
    return {
        "image": jnp.asarray(draw.normal(size=(size, *shape)), float),
        "label": jnp.asarray(draw.integers(0, classes, size)),
    }


def flax_points(model, count=3):
    """Positive entries, as batch norm's variances have to be."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *IMAGE)))
    draw = np.random.default_rng(0)
    variables = [
        jax.tree.map(lambda s: draw.uniform(0.05, 0.5, s.shape), shapes)
        for _ in range(count)
    ]
    signs = jax.tree.map(lambda s: draw.choice([-1.0, 1.0], s.shape), shapes["params"])
    points = [jax.tree.map(np.multiply, signs, v["params"]) for v in variables]
    stats = variables[0].get("batch_stats", {})
    return jax.tree.map(jnp.asarray, (points, stats))


def cut_of(loss_fn, point, batch):
    program = jaxprs.trace(loss_fn, point, batch)
    params, data = program.arguments
    return linear_part.split(program, params, (), data)


MODELS = {
    "mlp": models.create("mlp", IMAGE, 4, (20, 10), "tanh"),
    "lenet": models.create("lenet", IMAGE, 4, (3, 4, 8), "relu"),
    "resnet": ResNet(blocks=1, num_classes=4),
}


FLOAT32 = {"mlp": 1.5e-5, "lenet": 6e-6}
"""The longest sums have 256 terms, or 25 and then 75: as many roundings of 6e-8."""


@pytest.mark.parametrize("name", MODELS)
def test_the_shortcut_is_exact_to_rounding(name):
    rows = np.array([[1, 0, 0], [0.3, 0.7, 0], [-0.5, 1.2, 0.9], [0.1, 0.1, 0.1]])
    cases = [(True, 1e-12)]
    if name in FLOAT32:
        cases.append((False, FLOAT32[name]))
    for x64, tolerance in cases:
        with jax.enable_x64(x64):
            points, stats = flax_points(MODELS[name])
            loss_fn, batch = Objective(MODELS[name]).bind(stats), batch_of(6)
            assert cut_of(loss_fn, points[0], batch).cached
            evaluate = functools.partial(
                combinations.evaluate, points, rows, loss_fn, batch, chunk_size=3
            )
            quick, plain = evaluate(shortcut=True), evaluate(shortcut=False)
            np.testing.assert_allclose(quick["loss"], plain["loss"], rtol=tolerance)


def test_it_caches_the_first_layer_alone_and_takes_its_product_out_of_the_loop():
    points, _ = flax_points(MODELS["mlp"])
    loss_fn = Objective(MODELS["mlp"]).bind()
    cut = cut_of(loss_fn, points[0], batch_of(6))
    assert cut.size == 6 * 20 and cut.flops == 2 * 6 * 256 * 20
    program = jaxprs.trace(loss_fn, points[0], batch_of(6))
    rest = jaxprs.needed(program.operations, program.outputs, cut.cached)
    assert [op.name for op in rest].count("dot_general") == 2
    assert [op.name for op in program.operations].count("dot_general") == 3


def test_it_is_chosen_where_the_first_layer_is_large_and_not_where_it_is_small():
    wide = models.create("mlp", (784,), 10)
    narrow = models.create("mlp", (8,), 10)
    for model, inputs, pays in ((wide, 784, True), (narrow, 8, False)):
        image = jnp.zeros((1, inputs))
        params = jax.eval_shape(model.init, jax.random.key(0), image)["params"]
        cut = cut_of(Objective(model).bind(), params, batch_of(4, (inputs,)))
        assert cut.cached and cut.pays(3) == pays
        assert not cut.pays(100)


def dense(w, x):
    return jnp.tanh(x @ w["a"] + w["b"])


def plain(w, x):
    return dense(w, x) @ w["c"]


def squared_weights(w, x):
    return dense(w | {"a": w["a"] ** 2}, x) @ w["c"]


def shifted_weights(w, x):
    return dense(w | {"a": w["a"] + 1.0}, x) @ w["c"]


def normalised_weights(w, x):
    return dense(w | {"a": w["a"] / jnp.linalg.norm(w["a"])}, x) @ w["c"]


def masked_weights(w, x):
    return dense(w | {"a": jnp.where(jnp.arange(6) > 2, w["a"].T, 0).T}, x) @ w["c"]


def learned_scale(w, x):
    return dense(w, x * w["b"][:1]) @ w["c"]


def used_twice(w, x):
    return dense(w, x) @ w["c"] + dense(w, 2 * x) @ w["c"]


def tied_weights(w, x):
    return dense(w, x) @ w["a"].T


def skip_connection(w, x):
    return dense(w, x) @ w["c"] + x[:, :2]


def two_branches(w, x):
    return jnp.tanh(x @ w["a"]) @ w["c"] + jnp.sin(x[:, :4] @ w["c"])


def linear_network(w, x):
    return x @ w["a"]


def added_to_the_input(w, x):
    return jnp.tanh((x + w["a"].sum(1)) @ w["a"]) @ w["c"]


def integer_cast(w, x):
    return (x @ w["a"]).astype(int).astype(float) @ w["c"]


def jitted(w, x):
    return jax.jit(plain)(w, x)


def rematerialised(w, x):
    return jax.checkpoint(plain)(w, x)


def scanned(w, x):
    # The loop's body is not looked into; what enters it is cached.
    first = x @ w["a"]
    return jax.lax.scan(lambda h, _: (jnp.tanh(h + w["b"]), None), first, None, 3)[0]


def conditional(w, x):
    return jax.lax.cond(x.sum() > 0, plain, skip_connection, w, x)


def padded(w, x):
    return jnp.tanh(jnp.pad(x @ w["a"], ((0, 0), (1, 0)))) @ jnp.ones((5, 2))


def padded_with_ones(w, x):
    h = jnp.pad(x @ w["a"], ((0, 0), (1, 0)), constant_values=1.0)
    return jnp.tanh(h) @ jnp.ones((5, 2))


def concatenated(w, x):
    h = (
        jnp.concatenate([x @ w["a"], jnp.zeros((len(x), 1)), x @ w["c"][:, :1]], 1)
        if w["c"].shape[0] == x.shape[1]
        else jnp.concatenate([x @ w["a"], jnp.zeros((len(x), 1))], 1)
    )
    return jnp.tanh(h)[:, :4] @ w["c"]


def averaged(w, x):
    h = (x @ w["a"]).reshape(len(x), 2, 2)
    return jnp.tanh(h.mean(2) - h.sum(1) / 3) @ w["c"][:2]


# Whether something is cached that takes a contraction out of the loop.
FUNCTIONS = {
    plain: True,
    squared_weights: False,
    shifted_weights: False,
    normalised_weights: False,
    masked_weights: True,
    learned_scale: False,
    used_twice: True,
    tied_weights: True,
    skip_connection: True,
    two_branches: True,
    linear_network: True,
    added_to_the_input: False,
    integer_cast: True,
    jitted: True,
    rematerialised: True,
    scanned: True,
    conditional: False,
    padded: True,
    padded_with_ones: True,
    concatenated: True,
    averaged: True,
}


@functools.cache
def cut_functions():
    """By name: flops taken out, and losses at some rows with the cut and without.

    One compiled program for all functions: most of the time is compiling.
    """
    draw = np.random.default_rng(0)
    shapes = {"a": (6, 4), "b": (4,), "c": (4, 2)}
    points = [{n: draw.normal(size=s) for n, s in shapes.items()} for _ in range(3)]
    # Coefficients that do not sum to 1: affine is not enough.
    x, rows = draw.normal(size=(5, 6)), draw.normal(size=(3, 3))
    flops = {}

    def losses(function, points, x, rows):
        def loss_fn(w, x):
            return jnp.mean(function(w, x) ** 2)

        program = jaxprs.trace(loss_fn, points[0], x)
        params, (data,) = program.arguments
        cut = linear_part.split(program, params, (), [data])
        flops[function] = cut.flops
        rest = jaxprs.needed(program.operations, program.outputs, cut.cached)

        def values(point):
            return dict(zip(params, jax.tree.leaves(point), strict=True)) | {data: x}

        cached = [jaxprs.run(cut.first, values(p), cut.cached) for p in points]

        def at_row(row):
            w = combinations.combine(points, row)
            mixed = combinations.combine(cached, row)
            known = values(w) | dict(zip(cut.cached, mixed, strict=True))
            return *jaxprs.run(rest, known, program.outputs), loss_fn(w, x)

        return jax.lax.map(at_row, rows)

    with jax.enable_x64(True):
        found = jax.jit(lambda *a: [losses(function, *a) for function in FUNCTIONS])(
            points, x, rows
        )
        found = jax.tree.map(np.asarray, found)
    return flops, dict(zip(FUNCTIONS, found, strict=True))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_is_linear_is_read_off_any_function(function):
    flops, found = cut_functions()
    assert (flops[function] > 0) == FUNCTIONS[function]
    got, want = found[function]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_nothing_is_cached_in_half_precision():
    def loss_fn(w, x):
        return jnp.mean((x @ w.astype(jnp.bfloat16)).astype(jnp.float32) ** 2)

    cut = cut_of(loss_fn, jnp.ones((6, 4)), jnp.ones((5, 6), jnp.bfloat16))
    assert not cut.cached


def test_a_function_with_a_side_effect_is_left_whole(capfd):
    def loss_fn(w, x):
        jax.debug.print("called")
        return {"loss": jnp.mean(jnp.tanh(x @ w) ** 2), "l2": jnp.sum(w**2)}

    points = [jnp.ones((200, 4)), jnp.zeros((200, 4))]
    rows = [[1.0, 0.0], [0.5, 0.5]]
    options = {"order": "sequential", "shortcut": True}
    combinations.evaluate(points, rows, loss_fn, jnp.ones((3, 200)), **options)
    jax.effects_barrier()
    assert capfd.readouterr().out.count("called") == 2


def test_a_network_of_a_model_written_elsewhere_is_cut_too():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.avg_pool(nn.Conv(3, (3, 3))(x), (2, 2), (2, 2))
            return nn.Dense(2)(nn.relu(x).reshape(len(x), -1))

    with jax.enable_x64(True):
        model = Net()
        points, _ = flax_points(model)

        def loss_fn(params, batch):
            return model.apply({"params": params}, batch["image"]).std()

        batch, rows = batch_of(4), np.random.default_rng(0).normal(size=(3, 3))
        cut = cut_of(loss_fn, points[0], batch)
        # Pooling is linear as well: what is kept has a quarter of the entries.
        assert cut.size == 4 * 8 * 8 * 3 and cut.flops > 0
        quick, slow = (
            combinations.evaluate(points, rows, loss_fn, batch, shortcut=s)["loss"]
            for s in (True, False)
        )
        np.testing.assert_allclose(quick, slow, rtol=1e-12)


def quiet(w, x):
    return jnp.mean(jnp.tanh(x @ w) ** 2)


def printing(w, x):
    jax.debug.print("called")
    return quiet(w, x)


@pytest.mark.parametrize(
    ("loss_fn", "inputs", "shortcut", "cached"),
    [
        (quiet, 200, None, True),
        (quiet, 200, False, False),
        (quiet, 4, None, False),
        (printing, 200, True, False),
    ],
)
def test_where_nothing_is_cached_the_function_itself_is_called(
    loss_fn, inputs, shortcut, cached, monkeypatch
):
    interpreted, run = [], jaxprs.run
    monkeypatch.setattr(jaxprs, "run", lambda *a: interpreted.append(1) or run(*a))
    points, data = (
        [jnp.ones((inputs, 3)), jnp.zeros((inputs, 3))],
        jnp.ones((2, inputs)),
    )
    rows = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    combinations.evaluate(points, rows, loss_fn, data, shortcut=shortcut)
    assert bool(interpreted) == cached
