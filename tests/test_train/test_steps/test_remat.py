"""Blocks that the backward pass computes once more: the same step in less memory."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape import models, runs
from landscape.config import DenseRun, SparseRun
from landscape.errors import InputError
from landscape.models import recomputing
from landscape.objective import Objective
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state
from train.steps import step

SHAPE = (8, 8, 3)


@pytest.fixture(scope="module")
def twins():
    """A tiny network's objectives without and with remat, state, batch; float64."""
    with jax.enable_x64(True):
        model = models.BottleneckResNet(4, blocks=(1,), channels=(2,))
        shapes = jax.eval_shape(
            lambda key: models.init(model, key, SHAPE), jax.random.key(0)
        )
        draw = np.random.default_rng(0)
        state = jax.tree.map(lambda x: draw.uniform(0.2, 1.0, x.shape), shapes)
        batch = {"image": draw.normal(size=(6, *SHAPE)), "label": np.arange(6) % 4}
        one = Objective(model, label_smoothing=0.1, weight_decay=0.1)
        yield one, one._replace(remat=True), state, batch


def test_value_gradient_statistics_and_a_hessian_product_are_the_same(twins):
    def found(objective, state, batch):
        def gradient(params):
            function = jax.value_and_grad(objective.training, has_aux=True)
            return function(params, batch, state[1])

        tangent = jax.tree.map(jnp.cos, state[0])
        return jax.jvp(gradient, state[:1], (tangent,))

    plain, remat, state, batch = twins
    with jax.enable_x64(True):
        results = [
            jax.jit(found, static_argnums=0)(objective, state, batch)
            for objective in (plain, remat)
        ]
    assert jax.tree.structure(results[0]) == jax.tree.structure(results[1])
    for one, other in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "widths", "blocks"),
    [("wrn-10-1", (2, 2, 3, 4), 3), ("vgg11", (2,) * 8, 5), ("resnet50", (), 2)],
)
def test_all_families_recompute_their_blocks_under_the_same_names(name, widths, blocks):
    shape = (32, 32, 3)
    model = models.create(name, shape, 4, widths)
    if name == "resnet50":
        model = model.clone(blocks=(1, 1), channels=(2, 3))
    image = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    made = [
        jax.eval_shape(each.init, jax.random.key(0), image)
        for each in (model, model.clone(remat=True))
    ]
    assert jax.tree.structure(made[0]) == jax.tree.structure(made[1])

    def applied(variables, image):
        again = model.clone(remat=True)
        return again.apply(variables, image, train=True, mutable=["batch_stats"])

    program = str(jax.make_jaxpr(applied)(made[0], image))
    assert len(re.findall(r"\bcustom_vjp_call\[", program)) == blocks


def test_a_step_convolves_once_more_in_each_block():
    """With masks, in bfloat16 and in two parts."""
    found = []
    for remat in (False, True):
        config = SparseRun(
            model="resnet8", widths=(2, 2, 2), sparsity=0.5, batch_size=4,
            remat=remat, precision="bfloat16", accumulate=2,
        )  # fmt: skip
        made = recipe.make(config, SHAPE, 4)
        batch = {
            "image": jax.ShapeDtypeStruct((4, *SHAPE), jnp.float32),
            "label": jax.ShapeDtypeStruct((4,), jnp.int32),
        }
        update = step.make(made, ordinary=True, parts=config.accumulate)
        lowered = jax.jit(update).lower(abstract_state(made, SHAPE), batch)
        found.append(lowered.as_text().count("stablehlo.convolution("))
    assert found[1] - found[0] == 2 * 3


def test_what_is_inside_is_not_kept():
    """Of jax.checkpoint XLA makes one pass again on a CPU, in more memory."""

    def layers(w, x):
        return jnp.tanh(jnp.tanh(jnp.tanh(x @ w) @ w) @ w)

    def memory(each):
        def loss(weights, x):
            for w in weights:
                x = each(w, x)
            return (x**2).sum()

        weights = [jax.ShapeDtypeStruct((8, 8), jnp.float32)] * 6
        x = jax.ShapeDtypeStruct((1024, 8), jnp.float32)
        compiled = jax.jit(jax.grad(loss)).lower(weights, x).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert memory(recomputing.recomputed(layers)) < 0.6 * memory(layers)


def test_it_is_free_and_networks_without_blocks_are_refused():
    assert "remat" in runs.FREE
    for name, message in (
        ("lenet300", r"--remat needs a network of blocks \(resnet8, .*lenet300 has"),
        ("my_models:cnn", "--remat is of the models of this repository: my_models:cnn"),
    ):
        with pytest.raises(InputError, match=message):
            DenseRun(model=name, remat=True)
