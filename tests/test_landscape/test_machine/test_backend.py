"""Which functions may run inside a compiled loop, and in which precision."""

import jax
import jax.numpy as jnp
import pytest

from landscape.machine import backend


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


def test_products_and_slices_may_run_in_a_loop_everywhere(monkeypatch):
    for name in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda name=name: name)
        assert backend.scannable(lambda x: (x[1:] @ x[1:].T).sum(), jnp.ones((3, 4)))


def test_products_are_in_full_precision_and_so_are_their_derivatives():
    def loss(w, x):
        return jnp.sum(jnp.tanh(x @ w) ** 2)

    def precisions(function):
        text = str(jax.make_jaxpr(function)(jnp.ones((3, 2)), jnp.ones((4, 3))))
        return text.count("dot_general["), text.count("HIGHEST, Precision.HIGHEST")

    precise = backend.in_full_precision(loss)
    assert backend.in_full_precision(precise) is precise
    for function in (precise, jax.grad(precise), jax.jit(jax.hessian(precise))):
        count, full = precisions(function)
        assert count == full > 0
    with jax.default_matmul_precision("tensorfloat32"):
        assert precisions(precise)[1] == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_with_several_processes_all_is_inlined_so_that_their_sums_have_one_order(
    processes, monkeypatch
):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    traced = jax.make_jaxpr(lambda x: backend.not_inlined(jax.lax.neg, x))(1.0)
    (equation,) = traced.eqns
    assert (equation.primitive is jax.lax.neg_p) == (processes == 2)
