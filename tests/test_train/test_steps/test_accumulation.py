"""Gradients in parts of a batch, and in lower precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from landscape import data, trees
from landscape.config import DenseRun
from landscape.errors import InputError
from landscape.objective import Objective
from landscape.recipes import recipe
from landscape.recipes.initial_state import initial_state
from train.steps import accumulation, step


def setting(**options):
    settings = {"model": "mlp", "widths": (6,), "batch_size": 12} | options
    config = DenseRun(weight_decay=0.01, label_smoothing=0.1, **settings)
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    state = initial_state(made, 0, dataset.input_shape)
    return made, state, {k: v[:12] for k, v in dataset.train.items()}


@pytest.mark.parametrize("parts", [2, 3, 12])
def test_parts_give_the_gradient_and_the_metrics_of_the_whole_batch(parts):
    with jax.enable_x64(True):
        made, state, batch = setting()
        wide = lambda x: x.astype(np.float64) if x.dtype == np.float32 else x  # noqa: E731
        params, batch = jax.tree.map(wide, (state.params, batch))
        # Two damaged examples, and one that counts threefold.
        batch["weight"] = np.array([1.0, 0, 3, 1, 1, 1, 0, 1, 1, 1, 1, 1])
        training = made.objective.training
        whole, part = (
            jax.jit(accumulation.value_and_grad(training, n))(params, batch, {})
            for n in (1, parts)
        )
    for one, other in zip(*map(jax.tree.leaves, (whole, part)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-15)


def test_batch_norm_sees_the_parts_one_after_the_other():
    made, state, batch = setting(model="mlp-bn")
    gradient = accumulation.value_and_grad(made.objective.training, 2)
    (_, aux), _ = jax.jit(gradient)(state.params, batch, state.batch_stats)
    stats = state.batch_stats
    for i in (0, 1):
        half = {name: x[i::2] for name, x in batch.items()}
        stats = made.objective.training(state.params, half, stats)[1].batch_stats
    for one, other in zip(*map(jax.tree.leaves, (stats, aux.batch_stats)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5)


def test_a_step_in_parts_is_the_step():
    made, state, batch = setting()
    one, other = (jax.jit(step.make(made, parts=n))(state, batch) for n in (1, 4))
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


def test_bfloat16_computes_in_it_and_returns_float32():
    made, state, batch = setting(precision="bfloat16", model="mlp-bn")
    plain = made.objective._replace(precision="float32")
    args = state.params, batch, state.batch_stats
    (_, aux), grads = jax.value_and_grad(made.objective.training, has_aux=True)(*args)
    reference = jax.grad(plain.training, has_aux=True)(*args)[0]
    leaves = jax.tree.leaves((grads, aux.data, aux.batch_stats))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}
    distance = trees.norm(jax.tree.map(jnp.subtract, grads, reference))
    assert 1e-4 < distance / trees.norm(reference) < 2e-2
    text = str(jax.make_jaxpr(made.objective.training)(*args))
    products = [line.split(" = ")[0] for line in text.splitlines() if "dot_gen" in line]
    # Of the two layers, and of the L2 term.
    kinds = [product.split(":")[1].split("[")[0] for product in products]
    assert kinds == ["bf16", "bf16", "f32", "f32"]
    # What is evaluated and analysed is not rounded.
    found = made.objective.data_loss(*args)
    assert found == plain.data_loss(*args)


def test_integers_are_not_rounded_to_bfloat16():
    class Words(nn.Module):
        @nn.compact
        def __call__(self, image, train=False):
            return nn.Embed(1000, 3)(image).mean(1)

    words = np.array([[999, 998], [1, 997]])
    variables = Words().init(jax.random.key(0), words)
    batch = {"image": words, "label": np.array([0, 2])}
    exact, rounded = (
        Objective(Words(), precision=precision).training(variables["params"], batch)[0]
        for precision in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(rounded, exact, rtol=1e-2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"accumulate": 5}, "--accumulate must be a divisor of --batch-size 12, not 5"),
        ({"accumulate": 0}, "--accumulate must be at least 1, not 0"),
        ({"precision": "float16"}, "unknown precision 'float16'.*bfloat16"),
    ],
)
def test_values_that_do_not_fit_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        DenseRun(batch_size=12, **wrong)
