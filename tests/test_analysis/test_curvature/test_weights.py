"""Weights with further axes against sums over tokens, in float64, B = T among them."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import curvature, evaluation
from landscape.derivatives import gradient
from landscape.errors import InputError
from landscape.objective import Objective, cross_entropy
from landscape.weighting import weighted_mean

NUM = 4
TOKENS = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0.5, 0, 0, 2]])
WEIGHTS = {"[B, 1]": TOKENS.sum(1)[:, None], "[B, T]": TOKENS}
BATCHINGS = {"[B, 1]": [3, 1], "[B, T]": [NUM]}
W = np.random.default_rng(1).standard_normal((2, 2))


def data():
    rng = np.random.default_rng(0)
    return {
        "x": rng.standard_normal((NUM, NUM, 2)),
        "label": rng.integers(0, 2, NUM).astype(np.int32),
        "next": rng.integers(0, 2, (NUM, NUM)).astype(np.int32),
    }


def batches(name):
    batch = data() | {"weight": WEIGHTS[name]}
    ends = np.cumsum(BATCHINGS[name])
    starts = ends - BATCHINGS[name]
    return [
        {key: x[slice(*pair)] for key, x in batch.items()}
        for pair in zip(starts, ends, strict=True)
    ]


def logits(w, batch):
    return batch["x"] @ w


def pooled(w, batch):
    return batch["x"].mean(1) @ w


def token_losses(outputs, batch):
    return jax.vmap(cross_entropy)(outputs, batch["next"])


def of_tokens(outputs, batch):
    return weighted_mean(token_losses(outputs, batch), batch["weight"])


def loss_fn(w, batch):
    return of_tokens(logits(w, batch), batch)


def per_example(w, batch):
    return token_losses(logits(w, batch), batch).mean(1)


@cache
def twins():
    """Of each token: x, the slope and the curvature of its loss in the logits."""
    batch = data()
    p = np.exp(batch["x"] @ W)
    p /= p.sum(-1, keepdims=True)
    slopes = p - np.eye(2)[batch["next"]]
    inner = np.einsum("ntk,kl->ntkl", p, np.eye(2)) - np.einsum("ntk,ntl->ntkl", p, p)
    x = batch["x"]
    hessians = np.einsum("nta,ntb,ntkl->ntakbl", x, x, inner)
    gradients = np.einsum("nta,ntk->ntak", x, slopes).mean(1).reshape(NUM, 4)
    jacobians = np.einsum("nta,ntb,kl->nakbl", x, x, np.eye(2))
    q = np.exp(x.mean(1) @ W)
    q = q / q.sum(-1, keepdims=True) - np.eye(2)[batch["label"]]
    scores = np.einsum("na,nk->nak", x.mean(1), q).reshape(NUM, 4)
    return hessians.reshape(NUM, NUM, 4, 4), gradients, jacobians, scores


def token_weights(name):
    """What each token counts; a mean over tokens where the example has the weight."""
    return TOKENS if name == "[B, T]" else np.tile(TOKENS.sum(1)[:, None] / NUM, NUM)


def example_mean(values):
    return np.tensordot(TOKENS.sum(1), values, 1) / TOKENS.sum()


@pytest.mark.parametrize("name", WEIGHTS)
def test_matrices_of_token_losses_weigh_tokens(name):
    with jax.enable_x64(True):
        weight = token_weights(name)
        want = np.einsum("nt,ntab->ab", weight, twins()[0]) / weight.sum()
        for op in (
            curvature.hessian(loss_fn, W, batches(name)),
            curvature.gauss_newton(logits, of_tokens, W, batches(name), chunk_size=3),
        ):
            np.testing.assert_allclose(op.to_dense(), want, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", WEIGHTS)
def test_second_moments_weigh_examples_by_the_sum_of_their_tokens(name):
    _, gradients, jacobians, scores = twins()
    covariance = example_mean(np.einsum("na,nb->nab", gradients, gradients))
    mean = example_mean(gradients)
    with jax.enable_x64(True):
        for op, want in (
            (
                curvature.gradient_covariance(
                    per_example, W, batches(name), centred=True
                ),
                covariance - np.outer(mean, mean),
            ),
            (
                curvature.output_gradient_covariance(logits, W, batches(name)),
                example_mean(jacobians.reshape(NUM, 4, 4)),
            ),
            (
                curvature.fisher(pooled, W, batches(name)),
                example_mean(np.einsum("na,nb->nab", scores, scores)),
            ),
        ):
            np.testing.assert_allclose(op.to_dense(), want, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", WEIGHTS)
def test_losses_and_gradients_on_a_path_weigh_tokens(name):
    with jax.enable_x64(True):
        weight, whole = token_weights(name), data()
        losses = token_losses(whole["x"] @ W, whole)
        rows = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        got = evaluation.evaluate([W, 2 * W], rows, loss_fn, batches(name))["loss"]
        want = (weight * losses).sum() / weight.sum()
        np.testing.assert_allclose(got[0], want, rtol=1e-12)

        def twin(w):
            losses = token_losses(whole["x"] @ w, whole)
            return (weight * losses).sum() / weight.sum()

        got = gradient(loss_fn, W, batches(name), chunk_size=1)
        np.testing.assert_allclose(got, jax.grad(twin)(W), rtol=1e-12, atol=1e-14)


class Pooled:
    """A classifier as `Objective` takes it."""

    def apply(self, variables, image, train, mutable=None):
        logits = image.mean(1) @ variables["params"]
        return (logits, {}) if mutable else logits


@pytest.mark.parametrize("name", WEIGHTS)
def test_an_objective_weighs_examples_by_the_sum_of_their_tokens(name):
    with jax.enable_x64(True):
        objective = Objective(Pooled())
        batch = data() | {"weight": WEIGHTS[name]}
        batch["image"] = batch["x"]
        losses = cross_entropy(pooled(W, batch), batch["label"])
        want = example_mean(losses)
        sums = objective.evaluate(W, batch)
        _, aux = objective.training(W, batch)
        terms = evaluation.of_objective(objective)[0](W, batch)
        for got in (sums["loss"] / sums["count"], aux.data, terms["loss"]):
            np.testing.assert_allclose(got, want, rtol=1e-14)
        np.testing.assert_allclose(sums["count"], TOKENS.sum(), rtol=1e-15)
        hits = (pooled(W, batch).argmax(1) == batch["label"]).astype(float)
        for got in (aux.accuracy, terms["accuracy"]):
            np.testing.assert_allclose(got, example_mean(hits), rtol=1e-6)


def test_results_that_are_not_one_row_an_example_are_refused_unchecked():
    def of_each_token(w, batch):
        return token_losses(logits(w, batch), batch)

    with pytest.raises(InputError, match=r"shape \(4,\) is needed, not \(4, 4\)"):
        curvature.gradient_covariance(of_each_token, W, data(), check=False)
    with pytest.raises(InputError, match=r"shape \(4, ...\) is needed, not \(2, 2\)"):
        curvature.output_gradient_covariance(lambda w, _: w, W, data(), check=False)
    tokens = data() | {"label": data()["next"]}
    with pytest.raises(InputError, match=r"one integer an example, not of shape \(4, "):
        curvature.fisher(pooled, W, tokens)
