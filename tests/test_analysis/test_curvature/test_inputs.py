"""Data and parameters of other kinds: keys, lists, loaders, leaves that are held."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import curvature, paths
from landscape.derivatives import diagonal, gradient, hessian_product
from landscape.errors import InputError

X = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
KEYS = jax.random.split(jax.random.key(0), 5)
W = {"w": jnp.array([0.3, -0.7])}


def outputs(params, batch):
    """With noise for each example, its own key's: deterministic."""
    noise = jax.random.key_data(batch["key"]) % 7
    return jnp.tanh((batch["x"] + noise) @ params["w"])


def square(outputs, batch):
    return jnp.mean(outputs**2)


def loss_fn(params, batch):
    return square(outputs(params, batch), batch)


class Loader:
    def __init__(self, *batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def test_typed_keys_in_a_batch_give_what_raw_ones_do():
    raw = {"x": X, "key": jax.random.key_data(KEYS)}
    typed = {"x": X, "key": KEYS}
    parts = [jax.tree.map(lambda x, p=p: x[p], typed) for p in (slice(3), slice(3, 5))]
    twin = jax.hessian(lambda w: loss_fn({"w": w}, raw))(W["w"])
    op = curvature.hessian(loss_fn, W, Loader(*parts), chunk_size=2)
    np.testing.assert_allclose(op.to_dense(), twin, rtol=1e-5, atol=1e-6)
    op = curvature.gradient_covariance(lambda w, b: outputs(w, b) ** 2, W, parts)
    assert np.isfinite(op.to_dense()).all()


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_loader_may_give_lists(kind):
    def model(params, batch):
        x, _ = batch
        return jnp.tanh(x @ params["w"])

    def half_square(outputs, batch):
        return jnp.mean((outputs - batch[1]) ** 2) / 2

    targets = X[:, 0]
    batches = [kind([X[:3], targets[:3]]), kind([X[3:], targets[3:]])]
    got = curvature.gauss_newton(model, half_square, W, Loader(*batches)).to_dense()
    jacobian = jax.jacobian(lambda w: model({"w": w}, (X, targets)))(W["w"])
    want = np.einsum("na,nb->ab", jacobian, jacobian) / 5
    np.testing.assert_allclose(got, want, rtol=1e-5)


OTHERS = {"int": 3, "key": jax.random.key(1), "bool": np.array(True), "none": None}


def test_leaves_that_the_layers_leave_out_are_held_fixed_whatever_they_are():
    def loss(params, batch):
        noise = jax.random.normal(params["key"], batch.shape)
        layer = (batch + noise) @ params["w"] * params["int"]
        return jnp.mean(jnp.where(params["bool"], jnp.cos(layer), 0))

    params = W | OTHERS
    op = curvature.hessian(loss, params, X, layers="w", check=False)
    twin = jax.hessian(lambda w: loss(OTHERS | {"w": w}, X))(W["w"])
    np.testing.assert_allclose(op.to_dense(), twin, rtol=1e-5, atol=1e-6)
    product = op(params)
    np.testing.assert_allclose(product["w"], twin @ W["w"], rtol=1e-5, atol=1e-6)
    assert jax.tree.structure(product) == jax.tree.structure(params)
    assert int(product["int"]) == 0 and product["key"].dtype == params["key"].dtype


@pytest.mark.parametrize("name", ["int", "key", "bool"])
def test_leaves_that_cannot_vary_are_refused_by_name(name):
    params = W | {name: OTHERS[name]}
    with pytest.raises(InputError, match=f"{name} must be of floating point, .* held"):
        curvature.hessian(lambda w, x: jnp.mean(x @ w["w"]), params, X)
    for attempt in (
        lambda: gradient(lambda w, x: jnp.mean(x @ w["w"]), params, X),
        lambda: hessian_product(lambda w, x: jnp.mean(x @ w["w"]), params, X),
        lambda: paths.line(params, params),
    ):
        with pytest.raises(InputError, match=f"{name} must be of floating point"):
            attempt()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda w, x: x @ w["w"], r"a scalar, not shape \(5,\)"),
        (lambda w, x: {"loss": jnp.mean(x @ w["w"])}, "a scalar, not a dict"),
        (lambda w, x: None, "a scalar, not a NoneType"),
        (lambda w, x: jnp.sum(x @ w["w"] > 0), "the loss must be of floating point"),
        (lambda w, x: jnp.mean(x @ w["w"]) * 1j, "the loss must be of floating point"),
    ],
)
def test_a_loss_that_has_no_gradient_is_refused_unchecked(loss, message):
    with pytest.raises(InputError, match=message):
        curvature.hessian(loss, W, X, check=False)
    with pytest.raises(InputError, match=message):
        gradient(loss, W, X)
    outer = jnp.outer(W["w"], W["w"])
    with pytest.raises(InputError, match="outputs of the model must be of floating"):
        curvature.gauss_newton(
            lambda w, x: x @ outer > w["w"], lambda z, x: jnp.mean(z), W, X, check=False
        )


def test_layers_sizes_and_keys_of_the_wrong_kind_are_refused():
    for options, message in (
        ({"layers": []}, "layers must be one pattern"),
        ({"layers": 3}, "layers must be one pattern"),
        ({"chunk_size": 2.5}, "chunk_size must be an integer, not 2.5"),
        ({"mask": {"w": jnp.tanh}}, "mask of w must hold booleans, not PjitFunction"),
    ):
        with pytest.raises(InputError, match=message):
            curvature.hessian(loss_fn, W, {"x": X, "key": KEYS}, **options)
    for attempt, message in (
        (lambda: curvature.hessian(None, W, X), "a function is needed, not None"),
        (lambda: curvature.fisher(outputs, W, X, key=3), "a key, as of .*, not 3"),
        (
            lambda: paths.fit(
                paths.straight(W, W, 2), loss_fn, X, KEYS, num_steps=1, batch_size=2
            ),
            r"not key<fry>\[5\]",
        ),
        (
            lambda: diagonal(abs, W, method="hutchinson", key=3),
            "a key, as of .*, not 3",
        ),
        (lambda: diagonal(abs, {"w": "text"}), "must be an array of numbers"),
    ):
        with pytest.raises(InputError, match=message):
            attempt()
