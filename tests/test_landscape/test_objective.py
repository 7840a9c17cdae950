from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.errors import InputError
from landscape.objective import Objective, cross_entropy, weighted_mean


class Plain(nn.Module):
    @nn.compact
    def __call__(self, image, train: bool = False):
        x = nn.tanh(nn.Dense(4, param_dtype=float)(image))
        return nn.Dense(3, param_dtype=float)(x)


class Normed(nn.Module):
    @nn.compact
    def __call__(self, image, train: bool = False):
        x = nn.Dense(4, param_dtype=float)(image)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        return nn.Dense(3, param_dtype=float)(nn.tanh(x))


def make_batch(size=7, weight=None, seed=0):
    rng = np.random.default_rng(seed)
    batch = {
        "image": jnp.asarray(rng.standard_normal((size, 5))),
        "label": jnp.asarray(rng.integers(0, 3, size)),
    }
    return batch if weight is None else batch | {"weight": jnp.asarray(weight)}


@cache
def initial(model, x64):
    init = jax.jit(partial(model.init, train=True))
    return init(jax.random.key(0), make_batch()["image"])


def make(model, **settings):
    variables = initial(model, jax.config.jax_enable_x64)
    params, stats = variables["params"], variables.get("batch_stats", {})
    # Statistics that no batch has, so that the modes differ.
    stats = jax.tree.map(lambda x: x + 0.5, stats)
    return Objective(model, **settings), params, stats


def slow_cross_entropy(logits, labels, smoothing):
    losses = []
    for row, label in zip(np.asarray(logits, np.longdouble), labels, strict=True):
        p = np.exp(row - row.max())
        p /= p.sum()
        target = np.full(len(row), smoothing / len(row))
        target[label] += 1 - smoothing
        losses.append(-(target * np.log(p)).sum())
    return np.array(losses, float)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    classes=st.integers(2, 6),
    smoothing=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_cross_entropy_equals_the_slow_sum(seed, classes, smoothing):
    rng = np.random.default_rng(seed)
    logits, labels = 3 * rng.standard_normal((4, classes)), rng.integers(0, classes, 4)
    with jax.enable_x64(True):
        got = cross_entropy(logits, labels, smoothing)
        assert got.dtype == jnp.float64
        np.testing.assert_allclose(
            got, slow_cross_entropy(logits, labels, smoothing), rtol=1e-12, atol=1e-14
        )


def test_cross_entropy_is_finite_and_right_for_huge_logits():
    logits = jnp.array([[1e4, 0.0], [1e4, 0.0], [-1e30, 0.0]])
    loss = cross_entropy(logits, jnp.array([0, 1, 1]))
    # Nothing is rounded: exp(-1e4) and smaller are 0, and log(1) is.
    np.testing.assert_array_equal(loss, [0.0, 1e4, 0.0])
    grads = jax.grad(lambda x: cross_entropy(x, jnp.array([0, 1, 1])).sum())(logits)
    assert bool(jnp.isfinite(grads).all())


def test_half_precision_logits_give_a_single_precision_loss():
    loss = cross_entropy(jnp.zeros((2, 3), jnp.bfloat16), jnp.array([0, 1]))
    assert loss.dtype == jnp.float32


def test_a_label_that_does_not_exist_gives_nan():
    assert bool(jnp.isnan(cross_entropy(jnp.zeros((1, 3)), jnp.array([3]))[0]))


def test_the_weighted_mean_counts_each_value_by_its_weight():
    values = jnp.array([1.0, 2.0, 4.0])
    assert float(weighted_mean(values)) == pytest.approx(7 / 3)
    assert float(weighted_mean(values, jnp.array([3, 1, 0]))) == 1.25


def test_padding_changes_nothing_but_batch_statistics():
    with jax.enable_x64(True):
        objective, params, stats = make(Normed(), label_smoothing=0.1)
        small, big = make_batch(7), make_batch(9)
        padded = {
            name: jnp.concatenate([small[name], 0 * big[name][:3]]) for name in small
        } | {"weight": jnp.array([1.0] * 7 + [0.0] * 3)}
        loss, evaluate = jax.jit(objective.data_loss), jax.jit(objective.evaluate)
        one, two = loss(params, small, stats), loss(params, padded, stats)
        np.testing.assert_allclose(two, one, rtol=1e-14)
        one, two = evaluate(params, small, stats), evaluate(params, padded, stats)
        for name in one:
            np.testing.assert_allclose(two[name], one[name], rtol=1e-14)
        assert float(two["count"]) == 7


def test_the_data_loss_is_the_mean_of_the_losses_of_single_examples():
    with jax.enable_x64(True):
        weight = np.array([1, 0, 2, 1, 0.5, 1, 3])
        batch = make_batch(7, weight)
        objective, params, stats = make(Normed(), label_smoothing=0.2)
        total = 0.0
        for i, w in enumerate(weight):
            logits = objective.model.apply(
                {"params": params, "batch_stats": stats}, batch["image"][i : i + 1]
            )
            total += w * slow_cross_entropy(logits, batch["label"][i : i + 1], 0.2)[0]
        loss = objective.data_loss(params, batch, stats)
        np.testing.assert_allclose(loss, total / weight.sum(), rtol=1e-12)
        per_example = objective.per_example(params, batch, stats)
        np.testing.assert_allclose(
            weight @ per_example / weight.sum(), loss, rtol=1e-12
        )


def test_evaluation_does_not_smooth_and_per_example_can_do_without():
    objective, params, _ = make(Plain(), label_smoothing=0.3, weight_decay=1.0)
    unsmoothed = Objective(Plain())
    batch = make_batch()
    sums = objective.evaluate(params, batch)
    plain = unsmoothed.per_example(params, batch)
    # Not jitted: the same compiled operations one by one, the same bits.
    np.testing.assert_array_equal(sums["loss"], plain.sum())
    np.testing.assert_array_equal(
        objective.per_example(params, batch, label_smoothing=0.0), plain
    )
    smooth = objective.per_example(params, batch)
    np.testing.assert_allclose(
        smooth,
        slow_cross_entropy(
            objective.logits(params, batch["image"])[0], batch["label"], 0.3
        ),
        rtol=1e-5,
    )
    assert not np.allclose(smooth, plain, rtol=1e-3)


def test_evaluation_added_up_over_batches_is_that_of_the_whole():
    with jax.enable_x64(True):
        objective, params, stats = make(Normed())
        whole = make_batch(11)
        slices = [slice(0, 4), slice(4, 8), slice(8, 11)]
        batches = [{k: x[part] for k, x in whole.items()} for part in slices]
        evaluate = jax.jit(objective.evaluate)
        parts = [evaluate(params, batch, stats) for batch in batches]
        sums = {name: sum(part[name] for part in parts) for name in parts[0]}
        loss = objective.data_loss(params, whole, stats)
        np.testing.assert_allclose(sums["loss"] / sums["count"], loss, rtol=1e-12)
        logits, _ = objective.logits(params, whole["image"], stats)
        hits = int((np.argmax(logits, 1) == np.asarray(whole["label"])).sum())
        assert int(sums["correct"]) == hits and int(sums["count"]) == 11


def test_l2_sums_the_kernels_alone_unless_decay_all():
    params = {
        "Dense_0": {"kernel": jnp.full((2, 2), 2.0), "bias": jnp.full(3, 5.0)},
        "Bn": {"scale": jnp.ones(4)},
        "kernel": jnp.array([3.0]),
    }
    assert float(Objective(None, weight_decay=0.1).l2(params)) == pytest.approx(1.25)
    everything = Objective(None, weight_decay=0.1, decay_all=True)
    assert float(everything.l2(params)) == pytest.approx(0.05 * (16 + 75 + 4 + 9))
    assert float(Objective(None).l2(params)) == 0


def test_the_gradient_of_training_is_that_of_both_terms():
    with jax.enable_x64(True):
        settings = {"label_smoothing": 0.1, "weight_decay": 0.05}
        objective, params, stats = make(Normed(), **settings)
        batch = make_batch(7, [1, 1, 1, 1, 1, 1, 0])

        def twin(params):
            logits, _ = objective.model.apply(
                {"params": params, "batch_stats": stats},
                batch["image"],
                train=True,
                mutable=["batch_stats"],
            )
            labels = optax.smooth_labels(jax.nn.one_hot(batch["label"], 3), 0.1)
            losses = optax.softmax_cross_entropy(logits, labels)
            kernels = [params[name]["kernel"] for name in ("Dense_0", "Dense_1")]
            l2 = 0.025 * sum((k**2).sum() for k in kernels)
            return losses[:6].mean() + l2

        training = jax.value_and_grad(objective.training, has_aux=True)
        (total, aux), grads = jax.jit(training)(params, batch, stats)
        want, want_grads = jax.jit(jax.value_and_grad(twin))(params)
        np.testing.assert_allclose(total, want, rtol=1e-12)
        np.testing.assert_allclose(aux.data + aux.l2, total, rtol=1e-14)
        for got, twin_leaf in zip(
            jax.tree.leaves(grads), jax.tree.leaves(want_grads), strict=True
        ):
            np.testing.assert_allclose(got, twin_leaf, rtol=1e-10, atol=1e-14)
        logits, _ = objective.logits(params, batch["image"], stats, "batch")
        hits = np.argmax(logits, 1) == np.asarray(batch["label"])
        assert float(aux.accuracy) == pytest.approx(hits[:6].mean())


def test_batch_norm_modes_use_and_return_the_right_statistics():
    with jax.enable_x64(True):
        objective, params, stats = make(Normed())
        image = make_batch()["image"]
        stored, same = objective.logits(params, image, stats)
        batch, kept = objective.logits(params, image, stats, "batch")
        train, moved = objective.logits(params, image, stats, "update")
        assert same is stats and kept is stats
        # Not jitted: the same compiled operations one by one, the same bits.
        np.testing.assert_array_equal(batch, train)
        assert not np.allclose(stored, batch, rtol=1e-2)
        hidden = image @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
        want = 0.9 * stats["BatchNorm_0"]["mean"] + 0.1 * hidden.mean(axis=0)
        np.testing.assert_allclose(moved["BatchNorm_0"]["mean"], want, rtol=1e-6)


def test_a_model_without_batch_norm_has_no_statistics_in_any_mode():
    objective, params, stats = make(Plain())
    image = make_batch()["image"]
    assert stats == {}
    for mode in ("stored", "batch", "update"):
        for given_stats in (None, {}):
            logits, after = objective.logits(params, image, given_stats, mode)
            assert logits.shape == (7, 3) and after == {}


def test_an_unknown_batch_norm_mode_is_refused_with_the_nearest():
    objective, params, _ = make(Plain())
    with pytest.raises(InputError, match="perhaps you meant 'stored'"):
        objective.logits(params, make_batch()["image"], {}, "store")


def test_the_objective_is_a_static_argument_of_jit():
    objective, params, _ = make(Plain(), weight_decay=0.1)
    l2 = jax.jit(lambda objective, params: objective.l2(params), static_argnums=0)
    l2(objective, params)
    l2(Objective(Plain(), weight_decay=0.1), params)
    assert l2._cache_size() == 1


def test_bound_losses_are_the_data_loss_and_compile_once_for_all_statistics():
    objective, params, stats = make(Normed(), weight_decay=0.1, label_smoothing=0.1)
    batch = make_batch()
    loss_fn = objective.bind(stats)
    data = objective.data_loss(params, batch, stats)
    # Not jitted: the same compiled operations one by one, the same bits.
    np.testing.assert_array_equal(loss_fn(params, batch), data)
    both = objective.bind(stats, l2=True)(params, batch)
    np.testing.assert_array_equal(both, data + objective.l2(params))
    in_batch = objective.bind(stats, batch_norm="batch")(params, batch)
    want = objective.data_loss(params, batch, stats, "batch")
    np.testing.assert_array_equal(in_batch, want)
    logits = objective.bind_logits(stats)(params, batch)
    np.testing.assert_array_equal(objective.output_loss(logits, batch), data)
    call = jax.jit(lambda loss_fn, params, batch: loss_fn(params, batch))
    # One fused program: on the way to the loss each number takes 6 operations in the
    # first layer, 5 in batch norm, 10 in tanh, 5 in the last layer, 12 in the loss and
    # 7 in the mean, and is rounded in either program.
    tolerance = (6 + 5 + 10 + 5 + 12 + 7) * np.finfo(np.float32).eps
    np.testing.assert_allclose(call(loss_fn, params, batch), data, rtol=tolerance)
    call(objective.bind(jax.tree.map(lambda x: 2 * x, stats)), params, batch)
    assert call._cache_size() == 1
