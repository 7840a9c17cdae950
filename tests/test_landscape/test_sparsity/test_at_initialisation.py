"""Masks found at initialisation: GraSP and SynFlow by hand, rounds, and what lives."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape import models
from landscape.errors import InputError
from landscape.objective import Objective
from landscape.sparsity import kept_counts, masks_at_initialisation, prunable, saliency
from landscape.sparsity.saliency import check_comparable
from landscape.sparsity.updaters import scored_at_initialisation
from landscape.trees import named_leaves

SYNFLOW = saliency.synflow.score


def two_weights(w, x):
    """c (a^2 / 2 - a b), c the mean of x.

    g = c (a - b, -a), H = c [[1, -1], [-1, 0]].
    """
    return jnp.mean(x) * (w[0] ** 2 / 2 - w[0] * w[1])


def test_grasp_of_two_weights_by_hand_and_what_it_removes():
    """At a = 1, b = 3, c = 2: g = (-4, -2), H g = (-4, 8)."""
    with jax.enable_x64(True):
        w = jnp.array([1.0, 3.0])
        batches = [jnp.array([1.0, 2.0]), jnp.array([3.0])]
        scores = saliency.grasp.score(two_weights, w, batches)
        np.testing.assert_allclose(scores, [-4.0, 24.0], rtol=1e-14)
        masks = masks_at_initialisation(
            saliency.grasp.score, two_weights, w, batches, {"": 1}
        )
        # The gradient is larger without a, (-6, 0), and smaller without b, (2, -2).
        assert masks.tolist() == [False, True]
        # A shorter weight changes |g|^2 at the rate of -2 times its score.
        squares = jax.value_and_grad(
            lambda w: jnp.sum(jax.grad(two_weights)(w, jnp.full(1, 2.0)) ** 2)
        )
        np.testing.assert_allclose(-w * squares(w)[1], -2 * scores, rtol=1e-14)


def test_grasp_inside_a_mask_knows_the_gradient_of_what_is_kept_alone():
    with jax.enable_x64(True):
        mask = np.array([True, False])
        scores = saliency.grasp.score(
            two_weights, jnp.array([1.0, 3.0]), jnp.array([2.0]), mask
        )
        # b = 0, and its gradient -2 is not counted: H g = (4, -4) for g = (2, 0).
        np.testing.assert_allclose(scores, [4.0, -np.inf])


def test_synflow_of_two_layers_by_hand():
    """R = |W2|^T |W1|^T 1; outputs that relu would cut do not matter, nor does data."""
    first = np.array([[1.0, -2.0], [0.0, 3.0], [-4.0, 5.0]])
    second = np.array([[-1.0, 2.0], [0.5, -0.25]])
    with jax.enable_x64(True):
        params = {"a": jnp.asarray(first), "b": jnp.asarray(second)}
        scores = SYNFLOW(
            lambda p, batch: nn.relu(batch["x"] @ p["a"]) @ p["b"],
            params, {"x": jnp.full((4, 3), -7.0), "y": jnp.zeros(4, int)},
        )  # fmt: skip
    want = np.abs(first) * np.abs(second).sum(1)
    np.testing.assert_allclose(scores["a"], want)
    want = np.abs(second) * np.abs(first).sum(0)[:, None]
    np.testing.assert_allclose(scores["b"], want)


class Residual(nn.Module):
    """A block whose shortcut is a 1x1 convolution, with batch norm or without."""

    norm: bool

    @nn.compact
    def __call__(self, x, train=False):
        def conv(x, channels, size, stride=1):
            strides, kind = (stride, stride), {"use_bias": False, "form": "plain"}
            padding = ((size // 2, size // 2),) * 2
            x = models.Conv(channels, (size, size), strides, padding, **kind)(x)
            return nn.BatchNorm(use_running_average=not train)(x) if self.norm else x

        x = nn.relu(conv(x, 6, 3))
        y = conv(nn.relu(conv(x, 12, 3, 2)), 12, 3)
        x = nn.relu(y + conv(x, 12, 1, 2))
        return nn.Dense(10)(x.mean((1, 2)))


IMAGES = {"image": np.zeros((2, 8, 8, 3), np.float32), "label": np.zeros(2, int)}
CUTS = [["Conv_0"], ["Conv_1", "Conv_3"], ["Conv_2", "Conv_3"], ["Dense_0"]]
"""Layers that all paths cross; Conv_3 is the shortcut."""


@pytest.fixture(scope="module")
def residuals():
    """Both networks, of the same kernels: parameters and the function of logits."""
    made = {}
    for norm in (False, True):
        model = Residual(norm)
        params, stats = models.init(model, jax.random.key(0), (8, 8, 3))
        made[norm] = params, Objective(model).bind_logits(stats)
    plain, normed = made[False][0], made[True][0]
    made[True] = {**normed, **plain}, made[True][1]
    return made


def by_layer(tree):
    leaves = named_leaves(tree)
    return {k.removesuffix("/kernel"): v for k, v in leaves.items() if "kernel" in k}


@pytest.mark.parametrize("norm", [False, True])
def test_the_scores_of_all_layers_that_cut_the_network_add_up_to_the_flow(
    norm, residuals
):
    """Batch norm at its first statistics is the identity, but for its epsilon.

    A path crosses at most three norms, each of which divides by sqrt(1 + 1e-5).
    """
    params, model_fn = residuals[norm]
    absolute = jax.tree.map(jnp.abs, params)
    flow = model_fn(absolute, {"image": jnp.ones((1, 8, 8, 3))}).sum()
    scores = by_layer(SYNFLOW(model_fn, params, IMAGES))
    for cut in CUTS:
        total = sum(float(scores[layer].sum()) for layer in cut)
        np.testing.assert_allclose(total, float(flow), rtol=2e-5)
    plain = by_layer(SYNFLOW(residuals[False][1], residuals[False][0], IMAGES))
    for layer, values in plain.items():
        np.testing.assert_allclose(scores[layer], values, rtol=2e-5)


@pytest.mark.parametrize("norm", [False, True])
def test_synflow_in_rounds_leaves_a_way_through_and_the_shortcut(norm, residuals):
    """And all at once it does not: the layers of most weights lose them all."""
    params, model_fn = residuals[norm]
    counts = kept_counts(prunable(params), 0.98)
    find = lambda rounds: by_layer(  # noqa: E731
        masks_at_initialisation(
            SYNFLOW, model_fn, params, IMAGES, counts, rounds=rounds
        )
    )
    kept, at_once = ({k: int(m.sum()) for k, m in find(r).items()} for r in (100, 1))
    assert sum(kept.values()) == sum(at_once.values()) == sum(counts.values())
    assert all(kept.values())
    assert min(sum(at_once[layer] for layer in cut) for cut in CUTS) == 0


def test_synflow_keeps_one_path_where_as_many_weights_as_layers_are_left():
    """Maximal critical compression (arXiv:2006.05467, axiom): no layer is emptied."""
    model = models.create("mlp", (6,), 6, (6, 6, 6))
    params, _ = models.init(model, jax.random.key(1), (6,))
    model_fn, counts = (
        Objective(model).bind_logits(),
        dict.fromkeys(prunable(params), 1),
    )
    masks = masks_at_initialisation(
        SYNFLOW, model_fn, params, {"image": np.ones((1, 6))}, counts, rounds=100
    )
    layers = [np.argwhere(mask) for mask in by_layer(masks).values()]
    assert [len(layer) for layer in layers] == [1, 1, 1, 1]
    for (before,), (after,) in itertools.pairwise(layers):
        assert before[1] == after[0]


def test_rounds_leave_what_the_exponential_schedule_says():
    """1000 of which 10 stay, in 3 rounds: 1000 / 100^(1/3) = 215.4, then 46.4."""
    params = {"a": jnp.zeros(600), "b": jnp.zeros(400), "c": jnp.zeros(5)}
    scores = jax.tree.map(lambda x: jnp.arange(x.size, dtype=float), params)
    counts = {"a": 4, "b": 6, "c": 5}
    for per_layer, want in (
        (False, [215, 46, 10]),
        (True, [(113, 99), (21, 24), (4, 6)]),
    ):
        updater = scored_at_initialisation(counts, 3, per_layer=per_layer)
        masks, state = updater.init(None, params)
        for kept in want:
            masks, state, info = updater.scored(0, scores, masks, state)
            a, b = (int(masks[name].sum()) for name in "ab")
            assert (a, b) == kept if per_layer else a + b == kept
            assert info["changed"] and masks["c"].shape == ()
        # The ten largest scores of all are in a.
        assert masks["a"][-10 if not per_layer else -4 :].all()
        assert updater.stops(params) == (0,)
    assert scored_at_initialisation({"a": 600}, 3).stops(params) == ()


def test_a_pruned_weight_does_not_come_back_in_a_later_round():
    params = {"w": jnp.array([4.0, 3.0, 2.0, 1.0])}
    updater = scored_at_initialisation({"w": 1}, 2)
    masks, state = updater.init(None, params)
    masks, state, _ = updater.scored(0, params, masks, state)
    assert masks["w"].tolist() == [True, True, False, False]
    backwards = {"w": jnp.array([-2.0, -1.0, 8.0, 9.0])}
    masks, _, _ = updater.scored(0, backwards, masks, state)
    assert masks["w"].tolist() == [False, True, False, False]


def test_what_no_mask_can_be_found_by_is_refused_with_the_layer():
    params = {"a": jnp.ones((2, 3)), "b": jnp.ones((3, 2))}
    counts = {"a": 2, "b": 2}
    batch = jnp.ones((4, 2))

    def find(score, function, batches=batch, params=params, **settings):
        return masks_at_initialisation(
            score, function, params, batches, counts, **settings
        )

    snip = saliency.taylor1.score_abs
    with pytest.raises(InputError, match="all 6 scores of b are zero"):
        find(snip, lambda p, x: jnp.mean(x @ p["a"]))
    for score in (snip, saliency.grasp.score, SYNFLOW):
        with pytest.raises(InputError, match="at least one batch, not none"):
            find(score, lambda p, x: jnp.mean(x @ p["a"] @ p["b"]), None)
    large = jax.tree.map(lambda x: 3e19 * x, params)
    with pytest.raises(InputError, match=r"6 of 6 scores of a are not .*float32"):
        find(SYNFLOW, lambda p, x: x @ p["a"] @ p["b"], params=large)
    # Scores without data need none.
    assert int(find(saliency.magnitude.score, None, None)["a"].sum()) == 4


def test_a_layer_may_score_zero_once_weights_are_gone_but_not_all_layers():
    masks = {"a": np.array([True, False]), "b": np.array([True, True])}
    alive = {"a": jnp.array([0.0, 5.0]), "b": jnp.array([0.0, 1.0])}
    check_comparable(alive, masks, ["a", "b"])
    dead = {"a": jnp.array([0.0, 5.0]), "b": jnp.zeros(2)}
    with pytest.raises(InputError, match="all 1 scores of a are zero"):
        check_comparable(dead, masks, ["a", "b"])
    bad = {"a": jnp.array([1.0, jnp.nan]), "b": jnp.array([jnp.nan, 1.0])}
    with pytest.raises(InputError, match="1 of 2 scores of b are not finite"):
        check_comparable(bad, masks, ["a", "b"])
