"""Convolution and pooling against slow twins, in every mode of differentiation."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from landscape.errors import InputError
from landscape.machine import backend
from landscape.machine.backend import operations
from landscape.models import conv
from landscape.models.conv import (
    BAND,
    Conv,
    matmul_convolution,
    max_pool_2x2,
    plain_convolution,
)

# Compiling is most of these tests' time: fewer optimisations, the same mathematics.
quick_jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)
PADDINGS = ("VALID", "SAME", ((1, 1), (1, 1)), ((0, 2), (3, 0)))


def slow_convolution(x, kernel, strides, pads):
    """One output pixel at a time."""
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    (kh, kw, _, features), (sh, sw) = kernel.shape, strides
    height = (x.shape[1] - kh) // sh + 1
    width = (x.shape[2] - kw) // sw + 1
    y = np.zeros((len(x), height, width, features))
    for i in range(height):
        for j in range(width):
            window = x[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
            y[:, i, j] = np.einsum("bijc,ijco->bo", window, kernel)
    return y


def derivatives(convolution, x, kernel, direction):
    """Value, gradient, and the derivative of the gradient along a direction."""

    def loss(x, kernel):
        return jnp.sum(jnp.sin(convolution(x, kernel)))

    gradient = jax.grad(loss, argnums=(0, 1))
    moved = jax.jvp(gradient, (x, kernel), direction)
    backwards = jax.grad(lambda *at: inner(gradient(*at), direction), (0, 1))
    return convolution(x, kernel), *moved, backwards(x, kernel)


def inner(a, b):
    return sum(jnp.vdot(p, q) for p, q in zip(a, b, strict=True))


# Each example compiles a program: shrinking a failure would take hundreds of them.
@settings(deadline=None, max_examples=4, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_both_forms_agree_in_value_gradient_and_second_derivatives(data):
    kh, kw = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)), "kernel")
    height = data.draw(st.integers(kh, kh + 4), "height")
    width = data.draw(st.integers(kw, kw + 3 * BAND), "width")
    strides = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)), "strides")
    padding = data.draw(st.sampled_from(PADDINGS), "padding")
    channels = data.draw(st.integers(1, 3), "channels")
    generator = np.random.default_rng(0)
    shapes = 2 * [(2, height, width, channels), (kh, kw, channels, 2)]
    with jax.enable_x64(True):
        x, kernel, *direction = (jnp.array(generator.normal(size=s)) for s in shapes)
        results = quick_jit(
            lambda *at: [
                derivatives(lambda *a, f=form: f(*a, strides, padding), *at)
                for form in (plain_convolution, matmul_convolution)
            ]
        )(x, kernel, tuple(direction))
    chex.assert_trees_all_close(*results, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("form", conv.FORMS)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 3)])
def test_convolution_equals_a_sum_over_windows(form, strides):
    pads = ((1, 0), (2, 1))
    generator = np.random.default_rng(1)
    x = generator.normal(size=(2, 6, 2 * BAND + 3, 3))
    kernel, bias = generator.normal(size=(3, 4, 3, 5)), generator.normal(size=5)
    layer = Conv(5, (3, 4), strides, pads, form=form)
    with jax.enable_x64(True):
        y = layer.apply({"params": {"kernel": kernel, "bias": bias}}, jnp.array(x))
    assert y.dtype == np.float64
    expected = slow_convolution(x, kernel, strides, pads) + bias
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def test_parameters_do_not_depend_on_the_form():
    x, key = jnp.ones((1, 9, 9, 2)), jax.random.key(3)
    plain, matmul, auto = (
        quick_jit(Conv(4, (3, 3), form=form).init)(key, x)
        for form in ("plain", "matmul", "auto")
    )
    # Three programs draw the weights. Each takes some 16 operations for an entry, and
    # one before them, a uniform number, is rounded too: at the ends the entry changes 9
    # times as fast. Together 32 eps of the largest entry.
    bound = 32 * np.finfo(np.float32).eps * abs(plain["params"]["kernel"]).max()
    chex.assert_trees_all_close(plain, matmul, auto, rtol=0, atol=bound)
    chex.assert_shape(plain["params"]["kernel"], (3, 3, 2, 4))
    assert plain["params"].keys() == {"kernel", "bias"}
    assert Conv(4, (3, 3), use_bias=False).init(key, x)["params"].keys() == {"kernel"}


@pytest.mark.parametrize("backend", ["cpu", "gpu", "tpu"])
def test_auto_is_matmul_on_a_cpu_and_plain_elsewhere(backend, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x = jnp.ones((1, 9, 9, 2))
    layer = Conv(4, (3, 3))
    variables = layer.init(jax.random.key(0), x)
    text = str(jax.make_jaxpr(layer.apply)(variables, x))
    assert ("conv_general_dilated" in text) == (backend != "cpu")
    assert ("dot_general" in text) == (backend == "cpu")


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(InputError, match="5x5 does not fit into an image of 4x9"):
        Conv(1, (5, 5)).init(jax.random.key(0), jnp.ones((1, 4, 9, 1)))


def test_an_unknown_form_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="perhaps you meant 'matmul'"):
        Conv(1, (1, 1), form="matmull").init(jax.random.key(0), jnp.ones((1, 4, 9, 1)))


@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (2, 7, 5, 1)])
def test_pooling_takes_maxima_and_drops_odd_ends(shape):
    x = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    y = max_pool_2x2(jnp.array(x))
    chex.assert_shape(y, (2, shape[1] // 2, shape[2] // 2, shape[3]))
    for i, j in np.ndindex(*y.shape[1:3]):
        window = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        np.testing.assert_array_equal(y[:, i, j], window.max((1, 2)))


def test_the_first_of_tied_entries_takes_the_whole_gradient():
    x = jnp.array(np.random.default_rng(3).integers(0, 3, (4, 7, 8, 2)), jnp.float32)

    def weighted(pool):
        return lambda x: jnp.sum(pool(x) * (1.0 + jnp.arange(12.0).reshape(3, 4, 1)))

    ours = jax.grad(weighted(max_pool_2x2))(x)
    theirs = jax.grad(weighted(lambda x: nn.max_pool(x, (2, 2), (2, 2))))(x)
    np.testing.assert_array_equal(ours, theirs)
    tied = jax.grad(weighted(max_pool_2x2))(jnp.zeros_like(x))
    np.testing.assert_array_equal(tied[:, 1::2] == 0, True)
    np.testing.assert_array_equal(tied[:, 0:6:2, 0::2] > 0, True)


@pytest.mark.parametrize("pixel", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_pooling_lets_nan_through(pixel):
    x = np.zeros((1, 2, 2, 1), np.float32)
    x[0, pixel[0], pixel[1], 0] = np.nan
    assert np.isnan(max_pool_2x2(jnp.array(x)))


@pytest.mark.parametrize("shape", [(2, 1, 8, 3), (2, 8, 1, 3)])
def test_pooling_without_any_window_is_refused(shape):
    with pytest.raises(InputError, match=f"not {shape[1]}x{shape[2]}: they are too"):
        max_pool_2x2(jnp.zeros(shape))


AXES = {"images": (0, None), "kernels": (None, 0), "both": (0, 0)}


@pytest.mark.parametrize("which", AXES)
def test_vmapped_gradients_equal_those_one_at_a_time(which):
    draw, axes = np.random.default_rng(4).normal, AXES[which]
    shapes = (2, 5, 6, 3), (3, 3, 3, 2)

    def loss(x, kernel):
        return jnp.sum(jnp.sin(plain_convolution(x, kernel, (2, 1), "SAME")))

    gradient = jax.grad(loss, argnums=(0, 1))
    with jax.enable_x64(True):
        stacked = [
            jnp.array(draw(size=shape if axis is None else (3, *shape)))
            for shape, axis in zip(shapes, axes, strict=True)
        ]
        vmapped = quick_jit(jax.vmap(gradient, axes))(*stacked)
        for i in range(3):
            one = [
                a if axis is None else a[i]
                for a, axis in zip(stacked, axes, strict=True)
            ]
            alone = gradient(*one)
            chosen = [g[i] for g in vmapped]
            chex.assert_trees_all_close(list(alone), chosen, rtol=1e-12, atol=1e-12)


def test_the_kernel_s_gradient_is_a_call_of_its_own_in_the_compiled_program():
    # Else XLA merges relu into the loops that transpose, which are slow then.
    def loss(x, kernel):
        return jnp.sum(plain_convolution(nn.relu(x), kernel, (1, 1), "SAME") ** 2)

    x, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 4))
    program = jax.jit(jax.grad(loss, argnums=1)).lower(x, kernel).compile().as_text()
    assert " call(" in program


def test_without_differentiation_the_plain_form_is_one_convolution_of_xla():
    x, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 4))
    program = jax.make_jaxpr(lambda *a: plain_convolution(*a, (1, 1), "SAME"))(
        x, kernel
    )
    names = [eqn.primitive.name for eqn in operations(program.jaxpr)]
    assert names == ["custom_jvp_call", "conv_general_dilated"]


def test_products_of_a_convolution_contract_one_axis_of_matrices():
    def loss(x, kernel):
        return matmul_convolution(x, kernel, (1, 1), "VALID").sum()

    arrays = jnp.ones((2, 7, 9, 3)), jnp.ones((3, 3, 3, 2))
    inside = operations(jax.make_jaxpr(jax.grad(loss, (0, 1)))(*arrays).jaxpr)
    products = [each for each in inside if each.primitive is jax.lax.dot_general_p]
    assert len(products) == 3
    for each in products:
        (left, right), batched = each.params["dimension_numbers"]
        assert [len(left), len(right), batched] == [1, 1, ((), ())]
        assert [factor.aval.ndim for factor in each.invars] == [2, 2]


def test_outside_of_jit_nothing_is_compiled_again():
    x, kernel = jnp.ones((2, 6, 6, 1)), jnp.ones((3, 3, 1, 2))
    sizes = []
    for _ in range(2):
        max_pool_2x2(matmul_convolution(x, kernel, (1, 1), "SAME"))
        sizes.append(backend._compiled.cache_info().misses)
    assert sizes[0] == sizes[1]
