"""The oracle of weights against removal by hand, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.errors import InputError
from landscape.sparsity.saliency import loss_change
from landscape.weighting import weighted_mean

WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 1.0])


def losses(params, batch):
    hidden = jnp.tanh(batch["image"] @ params["first"]["kernel"])
    return jnp.cos(hidden @ params["last"] + params["first"]["bias"]).sum(axis=1)


def mean_loss(params, batch):
    return weighted_mean(losses(params, batch), batch["weight"])


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    params = {
        "first": {"kernel": rng.normal(size=(3, 4)), "bias": rng.normal(size=2)},
        "last": rng.normal(size=(4, 2)),
    }
    masks = {
        "first": {"kernel": rng.random((3, 4)) < 0.6, "bias": np.bool_(True)},
        "last": np.zeros((4, 2), bool),
    }
    image = rng.normal(size=(5, 3))
    image[1] = 77.0
    batches = [
        {"image": image[part], "weight": WEIGHTS[part]}
        for part in (slice(2), slice(2, 5))
    ]
    return params, masks, batches, image


def by_hand(params, masks, image):
    """L(w_i := 0) - L inside the masks, by NumPy, one weight after the other."""
    live = jax.tree.map(lambda m, w: np.where(m, w, 0.0), masks, params)
    rows, weights = image[WEIGHTS > 0], WEIGHTS[WEIGHTS > 0]

    def loss():
        hidden = np.tanh(rows @ live["first"]["kernel"])
        each = np.cos(hidden @ live["last"] + live["first"]["bias"]).sum(axis=1)
        return each @ weights / weights.sum()

    base = loss()
    found = jax.tree.map(np.zeros_like, params)
    pairs = zip(*map(jax.tree.leaves, (live, found, masks)), strict=True)
    for leaf, scores, mask in pairs:
        for at in np.ndindex(leaf.shape):
            kept, leaf[at] = leaf[at], 0.0
            scores[at] = loss() - base
            leaf[at] = kept
        scores[~np.broadcast_to(mask, leaf.shape)] = -np.inf
    return found


@pytest.mark.parametrize("function", [losses, mean_loss])
def test_every_kept_weight_has_the_change_of_the_loss_without_it(drawn, function):
    params, masks, batches, image = drawn
    seen = []
    with jax.enable_x64(True):
        found = loss_change.score(
            function, params, batches, masks, at_once=4, chunk_size=2,
            report=lambda done, total: seen.append((done, total)),
        )  # fmt: skip
    expected = by_hand(params, masks, image)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), found, expected
    )
    count = int(masks["first"]["kernel"].sum()) + 2
    assert seen == sorted(seen) and seen[-1] == (count, count)


def test_layers_that_are_not_named_score_infinity(drawn):
    params, _, batches, image = drawn
    with jax.enable_x64(True):
        found = loss_change.score(losses, params, batches, None, layers="last")
    expected = by_hand(params, jax.tree.map(lambda _: np.bool_(True), params), image)
    np.testing.assert_allclose(found["last"], expected["last"], atol=1e-12)
    assert np.isposinf(found["first"]["kernel"]).all()
    assert np.isposinf(found["first"]["bias"]).all()


def test_mistakes_are_named(drawn):
    params, _, batches, _ = drawn
    with pytest.raises(
        InputError, match="unknown layer 'lats': perhaps you meant 'last'"
    ):
        loss_change.score(losses, params, batches, layers="lats")
    broken = [{"image": np.full((2, 3), np.nan), "weight": np.ones(2)}]
    with pytest.raises(InputError, match="12 of 12 scores of first/kernel are not a"):
        loss_change.score(losses, params, broken, layers="first/kernel")


def test_differences_of_examples_lose_less_to_rounding():
    """Losses of 1,000 and changes of 1e-4: means in float32 differ by steps of 6e-5."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(512, 4)).astype(np.float32)
    w = np.array([0.01, 0.02, 0.03, 0.04], np.float32)

    def each(w, x):
        return jnp.square(x @ w) + 1000.0 * jnp.square(x[:, 0])

    exact = np.array(
        [
            np.mean(np.square(x @ (w * (np.arange(4) != i)), dtype=float))
            - np.mean(np.square(x @ w, dtype=float))
            for i in range(4)
        ]
    )
    errors = [
        np.abs(np.asarray(loss_change.score(f, w, x)) - exact).max()
        for f in (each, lambda w, x: each(w, x).mean())
    ]
    assert errors[0] < 0.5 * errors[1]
