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
