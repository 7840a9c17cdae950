"""The protocol of an operator: what a class of a stranger needs for every solver."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import curvature, spectra
from landscape.errors import InputError

VALUES = np.array([-2.0, 0.5, 1.0, 3.0, 4.0, 7.0])
KEY = jax.random.key(0)
MEMBERS = ("matvec", "size", "dtype", "scannable")


class Plain:
    """No pytree: its products are called one by one."""

    size, dtype, scannable = 6, np.dtype(np.float32), False

    def matvec(self, x):
        assert not isinstance(x, jax.core.Tracer)
        return jnp.asarray(VALUES, jnp.float32) * x


@partial(jax.tree_util.register_dataclass, data_fields=["values"], meta_fields=[])
@dataclass(frozen=True)
class Pytree:
    """A pytree, whose products run inside compiled loops."""

    values: jax.Array

    size, dtype, scannable = 6, np.dtype(np.float32), True

    def matvec(self, x):
        return self.values * x


@pytest.mark.parametrize("kind", ["plain", "pytree"])
def test_a_foreign_operator_goes_through_every_solver(kind):
    op = Plain() if kind == "plain" else Pytree(jnp.asarray(VALUES, jnp.float32))
    key = jax.random.key(0)
    pairs = spectra.top_eigenpairs(op, 2, key=key)
    np.testing.assert_allclose(pairs.values, [7, 4, 0.5, -2], atol=1e-5)
    np.testing.assert_allclose(spectra.residuals(op, pairs), 0, atol=1e-5)
    density = spectra.spectral_density(op, key=key, num_probes=1)
    np.testing.assert_allclose(density.nodes[0], VALUES, atol=1e-5)
    trace = spectra.xtrace(op, 12, key=key)
    np.testing.assert_allclose(trace.value, VALUES.sum(), rtol=1e-6)
    np.testing.assert_allclose(spectra.eigenvalues(op), VALUES, atol=1e-6)
    assert spectra.inertia(op) == (1, 0, 5)


class NotAPytree(Plain):
    scannable = True


class Unsaid:
    size, dtype, matvec = 6, np.dtype(np.float32), Plain.matvec


SOLVERS = {
    "top_eigenpairs": lambda op: spectra.top_eigenpairs(op, 2, key=jax.random.key(0)),
    "residuals": lambda op: spectra.residuals(op, None),
    "spectral_density": lambda op: spectra.spectral_density(op, key=jax.random.key(0)),
    "tridiagonalise": lambda op: spectra.tridiagonalise(op, jnp.ones(6), 2),
    "xtrace": lambda op: spectra.xtrace(op, 4, key=jax.random.key(0)),
    "materialise": spectra.materialise,
    "live_rows": spectra.live_rows,
    "eigenvalues": spectra.eigenvalues,
    "inertia": spectra.inertia,
}


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_refuses_what_is_no_operator_in_a_sentence(solver):
    for op, message in (
        (NotAPytree(), "this NotAPytree is scannable, but its class is no pytree"),
        (Unsaid(), "this Unsaid lacks scannable: `spectra.from_function` makes one"),
    ):
        with pytest.raises(InputError, match=message):
            SOLVERS[solver](op)


def test_operators_of_this_repository_have_what_the_protocol_names():
    named = {name for name in vars(spectra.LinearOperator) if name[0] != "_"}
    assert named == set(MEMBERS)
    hessian = curvature.hessian(
        lambda w, x: jnp.mean((x @ w) ** 2), jnp.zeros(2), jnp.ones((1, 2))
    )
    for op in (hessian, spectra.from_matrix(np.eye(2))):
        assert all(hasattr(op, name) for name in MEMBERS)
        assert isinstance(op.scannable, bool) and isinstance(op.dtype, np.dtype)


@jax.custom_vjp
def reversed_gradient(x):
    return x


def _reverse(_, cotangent):
    return (-cotangent,)


reversed_gradient.defvjp(lambda x: (x, None), _reverse)


def hessian_of(layer):
    """Of a network with `layer` between its two layers."""
    draw = np.random.default_rng(0)
    params = {
        name: draw.normal(size=shape).astype(np.float32)
        for name, shape in (("a", (4, 4)), ("b", (4, 2)))
    }
    x, y = (draw.normal(size=(20, n)).astype(np.float32) for n in (4, 2))

    def loss(params, batch):
        hidden = layer(jax.nn.relu(batch["x"] @ params["a"]))
        return jnp.mean((jnp.tanh(hidden @ params["b"]) - batch["y"]) ** 2)

    return curvature.hessian(loss, params, {"x": x, "y": y}, check=False)


SYMMETRIC_ONLY = {
    "top_eigenpairs": SOLVERS["top_eigenpairs"],
    "spectral_density": lambda op: spectra.spectral_density(
        op, key=jax.random.key(0), num_probes=1
    ),
    "vmapped density": lambda op: spectra.spectral_density(
        op, key=jax.random.key(0), num_probes=2, num_steps=8, vmap=True
    ),
    "xtrace": lambda op: spectra.xtrace(op, 8, key=jax.random.key(0)),
    "xtrace, exact": lambda op: spectra.xtrace(op, 60, key=jax.random.key(0)),
    "eigenvalues": spectra.eigenvalues,
    "inertia": spectra.inertia,
}


REFUSED = r"must be symmetric, but u \. A v and v \. A u differ by"


def test_an_operator_that_is_not_symmetric_is_refused_by_every_solver():
    draw = np.random.default_rng(0).normal(size=(2, 24, 24))
    symmetric, skew = draw[0] + draw[0].T, (draw[1] - draw[1].T) / 4
    for solve in SYMMETRIC_ONLY.values():
        solve(spectra.from_matrix(symmetric + 1e-5 * skew))
        with pytest.raises(InputError, match=REFUSED):
            solve(spectra.from_matrix(symmetric + skew))


def test_a_loss_with_a_backward_pass_of_its_own_is_refused_an_honest_one_is_not():
    op = hessian_of(reversed_gradient)
    start = jax.random.normal(jax.random.key(0), (op.size,))
    with pytest.raises(InputError, match=REFUSED):
        spectra.tridiagonalise(op, start, 24)
    # Statistics that divide by small numbers amplify rounding.
    op = hessian_of(lambda x: (x - x.mean(0)) / (x.std(0) + 1e-3))
    assert spectra.tridiagonalise(op, start, 24).asymmetry < 1e-5


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.int32, jnp.complex64])
def test_an_operator_of_another_precision_is_refused(dtype):
    op = spectra.from_function(lambda x: 2 * x, 6, dtype=dtype)
    message = f"has dtype float32 or float64, not {jnp.dtype(dtype)}"
    for solve in SOLVERS.values():
        with pytest.raises(InputError, match=message):
            solve(op)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda op: spectra.top_eigenpairs(op, 2, key=0), "key must be a key"),
        (lambda op: spectra.spectral_density(op, key=0), "key must be a key"),
        (lambda op: spectra.xtrace(op, 4, key=0), "key must be a key"),
        (lambda op: spectra.top_eigenpairs(op, 2.0, key=KEY), "k must be an integer"),
        (
            lambda op: spectra.spectral_density(op, key=KEY, num_steps=3.0),
            "num_steps must be an integer, not 3.0",
        ),
        (
            lambda op: spectra.spectral_density(op, key=KEY, num_probes=3.0),
            "num_probes must be an integer",
        ),
        (lambda op: spectra.xtrace(op, 4.0, key=KEY), "num_products must be an integ"),
        (lambda op: spectra.inertia(op, tolerance=-1.0), "must not be negative, not"),
    ],
)
def test_keys_and_counts_of_another_kind_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(spectra.from_matrix(np.eye(5)))
