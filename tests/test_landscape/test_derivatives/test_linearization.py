"""Functions that have a backward rule alone: `jax.custom_vjp`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.derivatives.linearization import value_and_map
from landscape.derivatives.products import gauss_newton_map, gradient, hessian_map
from landscape.errors import InputError
from landscape.machine import backend

X = np.random.default_rng(0).standard_normal((5, 3))
W = np.random.default_rng(1).standard_normal((3, 2))
V = np.random.default_rng(2).standard_normal((3, 2))


def with_rule(backward):
    @jax.custom_vjp
    def tanh(x):
        return jnp.tanh(x)

    tanh.defvjp(lambda x: (jnp.tanh(x), x), backward)
    return tanh


def slope(x, g):
    return ((1 - jnp.tanh(x) ** 2) * g,)


own = with_rule(slope)


@jax.custom_vjp
def twice(x):
    return own(own(x))


# Its forward rule calls a function that has no forward rule either.
twice.defvjp(
    lambda x: (own(own(x)), (x, own(x))),
    lambda kept, g: slope(kept[0], slope(kept[1], g)[0]),
)


def in_a_loop(activation):
    return lambda x: jax.lax.scan(lambda c, _: (activation(c), None), x, None, 2)[0]


@pytest.mark.parametrize("activation", [jax.jit(in_a_loop(own)), twice])
def test_products_without_a_forward_rule_are_those_with_one(activation):
    def model(activation):
        return lambda w, x: activation(x @ w)

    def loss(outputs, x):
        return jnp.mean(jnp.cos(outputs + x[:, :2]))

    @jax.jit
    def products(linear_maps, v):
        return [product(v) for product in linear_maps]

    with jax.enable_x64(True):
        found = [
            products(
                [
                    value_and_map(lambda w, f=f: model(f)(w, X), W)[1],
                    gauss_newton_map(model(f), loss, W, X),
                    hessian_map(lambda w, x, f=f: loss(model(f)(w, x), x), W, X),
                ],
                V,
            )
            for f in (activation, lambda x: jnp.tanh(jnp.tanh(x)))
        ]
        for got, want in zip(*found, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def half_or_all(x, g):
    return (jnp.where(abs(g) > 1, 0.5, 1.0) * g,)


@pytest.mark.parametrize("backward", [half_or_all, lambda x, g: (g * g,)])
def test_a_backward_rule_that_is_not_linear_is_refused_by_the_functions_name(backward):
    with pytest.raises(
        InputError, match=r"Jacobian of tanh at .*test_linearization.py"
    ):
        value_and_map(jax.jit(with_rule(backward)), W)


@jax.custom_vjp
def times(x, w):
    return x @ w


times.defvjp(
    lambda x, w: (x @ w, (x, w)), lambda kept, g: (g @ kept[1].T, kept[0].T @ g)
)


@pytest.mark.parametrize("kind", ["gradient", "hessian", "gauss-newton"])
def test_backward_rules_are_in_full_precision(kind):
    model = backend.in_full_precision(lambda w, x: jnp.tanh(times(x, w)))

    def loss(w, x):
        return jnp.mean(model(w, x) ** 2)

    made = {
        "gradient": lambda w: gradient(loss, w, [X]),
        "hessian": lambda w: hessian_map(loss, w, X)(w),
        "gauss-newton": lambda w: gauss_newton_map(
            model, lambda outputs, x: jnp.mean(outputs**2), w, X
        )(w),
    }
    program = jax.make_jaxpr(made[kind])(W)
    found = [
        eqn.params["precision"]
        for eqn in backend.operations(program.jaxpr)
        if eqn.primitive.name == "dot_general"
    ]
    highest = (jax.lax.Precision.HIGHEST,) * 2
    assert len(found) > 1 and set(found) == {highest}
