"""Which functions may run inside a compiled loop."""

import jax
import jax.numpy as jnp
import pytest

from landscape import backend, models

IMAGES = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)


def convolution(x):
    return jax.lax.conv(x, jnp.ones((1, 1, 3, 3)), (1, 1), "SAME")


def in_a_scan(x):
    return jax.lax.scan(lambda c, _: (convolution(c), None), x, None, 2)[0]


def in_a_branch(x):
    return jax.lax.cond(x.sum() > 0, convolution, lambda x: x, x)


@pytest.mark.parametrize(
    "function",
    [
        convolution,
        jax.jit(convolution),
        in_a_scan,
        in_a_branch,
        jax.checkpoint(convolution),
        jax.grad(lambda x: convolution(x).sum()),
    ],
)
def test_whatever_convolves_is_kept_out_of_loops_on_a_cpu(function, monkeypatch):
    x = jnp.ones((1, 1, 5, 5))
    for name in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda name=name: name)
        assert backend.scannable(function, x) == (name == "gpu")


def test_products_and_slices_loop_well_everywhere(monkeypatch):
    for name in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda name=name: name)
        assert backend.scannable(lambda x: (x[1:] @ x[1:].T).sum(), jnp.ones((3, 4)))


@pytest.mark.parametrize("name", ["mlp", "lenet5", "alexnet", "resnet20"])
def test_only_resnets_and_alexnet_on_a_cpu_stay_out_of_loops(name, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    model = models.create(name, IMAGES.shape[1:], 10)
    variables = jax.eval_shape(model.init, jax.random.key(0), IMAGES)
    assert backend.scannable(model.apply, variables, IMAGES) == (
        name in ("mlp", "lenet5")
    )
