"""Scores of weights against slow twins: removal by hand, a dense Hessian, a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from landscape.errors import InputError
from landscape.registries.methods import resolve
from landscape.registries.scores import SCORES
from landscape.sparsity import saliency
from landscape.weighting import weighted_mean

SIZES = (2, 5, 3)
WEIGHTS = (1.0, 0.0, 2.0, 1.0, 0.5, 1.0, 1.0, 3.0, 1.0, 0.0)
"""Of the ten examples, in batches of `SIZES`; of weight 0: padding."""


def one_loss(params, x):
    hidden = jnp.tanh(x @ params["first"]["kernel"] + params["first"]["bias"])
    return jnp.sum(jnp.cos(hidden @ params["second"] + x[0]))


def loss(params, batch):
    losses = jax.vmap(one_loss, in_axes=(None, 0))(params, batch["image"])
    return weighted_mean(losses, batch["weight"])


def drawn():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((10, 3))
    x[[1, 9]] = 77.0
    starts = np.cumsum((0, *SIZES))
    batches = [
        {"image": jnp.asarray(x[i : i + n]), "weight": jnp.asarray(WEIGHTS[i : i + n])}
        for i, n in zip(starts, SIZES, strict=False)
    ]
    params = {
        "first": {"kernel": rng.standard_normal((3, 4)), "bias": rng.normal(size=4)},
        "second": rng.standard_normal((4, 2)),
    }
    masks = {
        "first": {"kernel": rng.random((3, 4)) < 0.6, "bias": np.bool_(True)},
        "second": rng.random((4, 2)) < 0.5,
    }
    return x, batches, jax.tree.map(jnp.asarray, params), masks


class Twin:
    """The loss of a flat vector, example by example, and what follows from it."""

    def __init__(self, params, x):
        self.flat, self.unravel = ravel_pytree(params)
        kept = np.flatnonzero(WEIGHTS)
        self.x, self.shares = x[kept], np.array(WEIGHTS)[kept] / np.sum(WEIGHTS)
        self.value = jax.jit(self.mean)

    def mean(self, flat):
        losses = [one_loss(self.unravel(flat), x) for x in self.x]
        return sum(s * each for s, each in zip(self.shares, losses, strict=True))

    def removal_slopes(self):
        """How the loss starts to change as each weight shrinks towards 0."""
        step, slopes = 1e-5, []
        for i in range(len(self.flat)):
            down, up = (self.flat.at[i].multiply(1 + t) for t in (-step, step))
            slopes.append((self.value(down) - self.value(up)) / (2 * step))
        return np.array(slopes)

    def hessian(self):
        return np.asarray(jax.jit(jax.hessian(self.mean))(self.flat))

    def mean_squares(self):
        total = 0
        for share, x in zip(self.shares, self.x, strict=True):
            grad = jax.grad(lambda flat, x=x: one_loss(self.unravel(flat), x))
            total = total + share * np.asarray(grad(self.flat)) ** 2
        return total


@pytest.fixture(scope="module", params=["dense", "masked"])
def case(request):
    """The batches, parameters, masks, kept entries, and all scores by hand."""
    with jax.enable_x64(True):
        x, batches, params, masks = drawn()
        if request.param == "dense":
            masks, kept = None, np.ones(24, bool)
        else:
            whole = jax.tree.map(
                lambda m, w: np.broadcast_to(m, w.shape), masks, params
            )
            kept = np.asarray(ravel_pytree(whole)[0])
        # What is outside the masks is not seen, whatever it is.
        inside = jax.tree.map(
            lambda m, w: jnp.where(m, w, 0), masks or everything(params), params
        )
        twin = Twin(inside, x)
        w, slopes, hessian = (
            np.asarray(twin.flat),
            twin.removal_slopes(),
            twin.hessian(),
        )
        curvature = w * (hessian @ w)
        # Of a weight of 0 the slope says nothing of its gradient.
        grads = np.where(kept, jax.grad(twin.mean)(twin.flat), 0)
        by_hand = {
            "magnitude": np.abs(w),
            "taylor1": slopes,
            "taylor1_abs": np.abs(slopes),
            "taylor2": slopes + curvature,
            "taylor2_abs": np.abs(slopes + curvature),
            "hessian_product": curvature,
            "hessian_product_abs": np.abs(curvature),
            "grasp": w * (hessian @ grads),
            "obd": np.diag(hessian) * w**2 / 2,
            "empirical_fisher": twin.mean_squares() * w**2 / 2,
            "half of taylor2": slopes + curvature / 2,
        }
        return batches, params, masks, kept, by_hand


def everything(params):
    return jax.tree.map(lambda w: np.bool_(True), params)


def flat_scores(name, case, **settings):
    batches, params, masks, kept, _ = case
    score = resolve(SCORES[name].score)
    with jax.enable_x64(True):
        scores = score(loss, params, batches, masks, jax.random.key(0), **settings)
        assert jax.tree.map(jnp.shape, scores) == jax.tree.map(jnp.shape, params)
        flat = np.asarray(ravel_pytree(scores)[0])
    assert (flat[~kept] == -np.inf).all() and np.isfinite(flat[kept]).all()
    return flat[kept]


# A file of its own is about synflow, which knows no loss.
EXACT = sorted(
    SCORES.keys() - {"at_random", "obd_hutchinson", "loss_change", "synflow"}
)


@pytest.mark.parametrize("name", EXACT)
def test_a_score_is_what_it_is_by_hand(name, case):
    want = case[4][name][case[3]]
    np.testing.assert_allclose(flat_scores(name, case), want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "name", ["taylor1", "taylor2_abs", "grasp", "obd", "empirical_fisher"]
)
def test_chunks_change_nothing(name, case):
    want = case[4][name][case[3]]
    got = flat_scores(name, case, chunk_size=2)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)


def test_the_scale_of_taylor2_is_that_of_its_curvature(case):
    want = case[4]["half of taylor2"][case[3]]
    got = flat_scores("taylor2", case, scale=0.5)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)


def test_obd_with_random_signs_is_right_on_the_mean(case):
    want = case[4]["obd"][case[3]]
    got = flat_scores("obd_hutchinson", case, num_probes=200, block_size=50)
    _, params, masks, kept, _ = case
    with jax.enable_x64(True):
        w = np.asarray(ravel_pytree(params)[0])[kept]
        inside = jax.tree.map(
            lambda m, x: jnp.where(m, x, 0), masks or everything(params), params
        )
        hessian = Twin(inside, drawn()[0]).hessian()[np.ix_(kept, kept)]
    variance = (hessian**2).sum(1) - np.diag(hessian) ** 2
    std = w**2 / 2 * np.sqrt(variance / 200)
    assert (np.abs(got - want) <= 4 * std + 1e-12).all()
    # A weight into a unit without output has no curvature at all.
    z = (got - want)[std > 0] / std[std > 0]
    assert 0.4 < z.std() < 1.6


def test_random_scores_follow_the_key_and_differ_between_leaves():
    params = {"a": jnp.ones((40, 50)), "b": jnp.ones((40, 50))}
    score = saliency.at_random.score
    one, again = (score(None, params, key=jax.random.key(0)) for _ in range(2))
    other = score(None, params, key=jax.random.key(1))
    np.testing.assert_array_equal(one["a"], again["a"])
    for x, y in ((one["a"], one["b"]), (one["a"], other["a"])):
        assert abs(np.corrcoef(x.ravel(), y.ravel())[0, 1]) < 0.1
    assert one["a"].min() >= 0 and one["a"].max() < 1
    assert abs(one["a"].mean() - 0.5) < 4 * (1 / 12 / 2000) ** 0.5
    with pytest.raises(InputError, match="key must be a key"):
        score(None, params)


def test_an_example_counts_by_all_its_weights_in_the_empirical_fisher():
    """Losses of tokens [B, T]: weight of an example is the sum of its tokens'."""

    def tokens(w, batch):
        return weighted_mean(batch["x"] * w[0], batch["weight"])

    x = jnp.array([[1.0, 5.0], [2.0, 4.0], [7.0, 7.0]])
    weight = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    got = saliency.empirical_fisher.score(
        tokens, jnp.array([2.0]), {"x": x, "weight": weight}
    )
    # The two gradients are 1 and the mean of 2 and 4.
    np.testing.assert_allclose(got, [2.0**2 / 2 * (1 * 1 + 2 * 9) / 3], rtol=1e-6)


def test_a_live_weight_is_never_on_a_par_with_a_pruned_one():
    params = {"w": jnp.array([3e38, 1.0, 0.0])}
    masks = {"w": jnp.array([True, True, False])}
    loss = lambda params, x: jnp.mean(x @ params["w"]) * 3e38  # noqa: E731
    scores = saliency.taylor1.score(loss, params, jnp.ones((1, 3)), masks)["w"]
    assert scores[0] == jnp.finfo(jnp.float32).min and scores[2] == -jnp.inf


@pytest.mark.parametrize("name", ["taylor1_abs", "obd", "empirical_fisher"])
def test_scores_that_are_no_numbers_name_the_layer(name):
    def bad(params, x):
        return jnp.mean(x @ params["a"]) + jnp.mean(x) * jnp.sqrt(params["b"][0] - 1)

    params = {"a": jnp.ones(2), "b": jnp.zeros(1)}
    score = resolve(SCORES[name].score)
    with pytest.raises(InputError, match="1 of 1 scores of b is not a number"):
        score(bad, params, jnp.ones((2, 2)))
    # Not if the weight is pruned: then it has no score.
    masks = {"a": np.array([True, True]), "b": np.array([False])}
    assert score(bad, params, jnp.ones((2, 2)), masks)["b"][0] == -np.inf


def test_masks_and_parameters_that_do_not_fit_are_refused():
    params = {"a": jnp.ones(2)}
    with pytest.raises(InputError, match="mask of a must have shape"):
        saliency.magnitude.score(None, params, None, {"a": np.ones(3, bool)})
    with pytest.raises(InputError, match="a must be of floating point, not int32"):
        saliency.magnitude.score(None, {"a": jnp.ones(2, jnp.int32)})


def test_a_scalar_loss_is_asked_for():
    with pytest.raises(InputError, match="must return a scalar"):
        saliency.empirical_fisher.score(lambda w, x: x @ w, jnp.ones(2), jnp.eye(2))
