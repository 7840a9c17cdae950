"""Networks of NNX and Equinox: any pytree is as good as another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.flatten_util import ravel_pytree

from analysis import curvature

IMAGES = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)


def nnx_network():
    class Network(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(3, 2, rngs=rngs)
            self.last = nnx.Linear(2, 2, rngs=rngs)

        def __call__(self, x):
            return self.last(jnp.tanh(self.first(x)))

    static, params = nnx.split(Network(nnx.Rngs(0)))
    return params, lambda params, x: nnx.merge(static, params)(x), "last"


def equinox_network():
    import equinox

    keys = jax.random.split(jax.random.key(0))
    layers = [equinox.nn.Linear(3, 2, key=keys[0]), equinox.nn.Lambda(jnp.tanh)]
    network = equinox.nn.Sequential([*layers, equinox.nn.Linear(2, 2, key=keys[1])])
    params, static = equinox.partition(network, equinox.is_inexact_array)

    def model(params, x):
        return jax.vmap(equinox.combine(params, static))(x)

    return params, model, "layers/2"


@pytest.mark.parametrize("make", [nnx_network, equinox_network])
def test_the_network_of_another_library_is_as_good_as_any(make):
    params, model, last_layer = make()

    def loss(params, x):
        return jnp.mean(model(params, x) ** 4)

    flat, unravel = ravel_pytree(params)
    want = np.asarray(jax.jit(jax.hessian(lambda w: loss(unravel(w), IMAGES)))(flat))
    op = curvature.hessian(loss, params, IMAGES, check=False)
    assert op.size == 14
    np.testing.assert_allclose(op.to_dense(), want, rtol=1e-4, atol=1e-6)
    last = curvature.hessian(loss, params, IMAGES, layers=last_layer, check=False)
    assert last.size == 6
    out = last(params)
    assert jax.tree.structure(out) == jax.tree.structure(params)
    want = np.append(np.zeros(8), want[8:, 8:] @ flat[8:])
    np.testing.assert_allclose(ravel_pytree(out)[0], want, rtol=1e-4, atol=1e-6)
