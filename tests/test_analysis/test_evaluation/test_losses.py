from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.evaluation import combinations
from analysis.evaluation.losses import of_objective
from landscape.derivatives.checks import check_mean
from landscape.errors import InputError
from landscape.objective import Objective


class Normed(nn.Module):
    """Two layers with batch norm, of an unusual momentum."""

    @nn.compact
    def __call__(self, image, train: bool = False):
        x = nn.Dense(4, use_bias=False, param_dtype=float)(image)
        x = nn.BatchNorm(not train, momentum=0.7, param_dtype=float)(x)
        x = nn.Dense(3, param_dtype=float)(nn.tanh(x))
        x = nn.BatchNorm(not train, momentum=0.7, param_dtype=float)(x)
        return nn.Dense(3, param_dtype=float)(nn.tanh(x))


class Plain(nn.Module):
    @nn.compact
    def __call__(self, image, train: bool = False):
        return nn.Dense(3, param_dtype=float)(nn.tanh(nn.Dense(4)(image)))


def make(model=None):
    model = model or Normed()
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 5)))
    draw = np.random.default_rng(0)
    variables = [
        jax.tree.map(lambda s: draw.uniform(0.2, 1.5, s.shape), shapes)
        for _ in range(2)
    ]
    for v in variables:
        v["params"] = jax.tree.map(lambda x: x - 0.8, v["params"])
    variables = jax.tree.map(jnp.asarray, variables)
    objective = Objective(model, label_smoothing=0.1, weight_decay=0.02)
    data = {
        "image": jnp.asarray(draw.normal(size=(12, 5))),
        "label": jnp.asarray(draw.integers(0, 3, 12)),
    }
    return objective, variables, data


def evaluate(points, rows, made, data, **options):
    loss_fn, statistics = made
    return combinations.evaluate(
        points, rows, loss_fn, data, statistics=statistics, **options
    )


ROWS = np.array([[1.0, 0.0], [0.6, 0.4], [-0.1, 1.1]])


def params_at(row, variables):
    return mixed(row, [v["params"] for v in variables])


def mixed(row, trees):
    """In NumPy, which compiles nothing."""
    return jax.tree.map(
        lambda a, b: row[0] * np.asarray(a) + row[1] * np.asarray(b), *trees
    )


@partial(jax.jit, static_argnums=(0, 4))
def loss_and_accuracy(objective, params, batch, stats, mode):
    logits, _ = objective.logits(params, batch["image"], stats, mode)
    hits = logits.argmax(1) == batch["label"]
    accuracy = jnp.average(hits, weights=batch.get("weight"))
    return objective.data_loss(params, batch, stats, mode), accuracy


def mean(objective, params, batches, stats, mode):
    """Smoothed loss and accuracy, an average over batches of one size."""
    each = [loss_and_accuracy(objective, params, b, stats, mode) for b in batches]
    return np.mean(each, axis=0)


def assert_terms(got, objective, variables, expected):
    for i, row in enumerate(ROWS):
        params = params_at(row, variables)
        loss, accuracy = expected(row, params)
        np.testing.assert_allclose(got["loss"][i], loss, rtol=1e-11)
        np.testing.assert_allclose(got["accuracy"][i], accuracy, rtol=1e-6)
        np.testing.assert_allclose(got["l2"][i], objective.l2(params), rtol=1e-12)


def cut(data, size):
    return [
        {name: x[i : i + size] for name, x in data.items()}
        for i in range(0, len(data["label"]), size)
    ]


def test_the_terms_are_kept_apart_for_a_model_without_batch_norm():
    with jax.enable_x64(True):
        objective, variables, data = make(Plain())
        points = [v["params"] for v in variables]
        got = evaluate(points, ROWS, of_objective(objective), data)
        assert set(got) == {"loss", "l2", "accuracy"}
        assert_terms(
            got,
            objective,
            variables,
            lambda row, p: mean(objective, p, [data], {}, "stored"),
        )
        again = of_objective(objective, batch_norm="re-estimated", batch_size=4)
        again = evaluate(points, ROWS, again, data)
        np.testing.assert_allclose(again["loss"], got["loss"], rtol=1e-12)


def test_stored_statistics_are_combined_as_the_parameters_are_or_given():
    with jax.enable_x64(True):
        objective, variables, data = make()
        made = of_objective(objective)
        got = evaluate(variables, ROWS, made, data)

        def combined(row, params):
            stats = mixed(row, [v["batch_stats"] for v in variables])
            return mean(objective, params, [data], stats, "stored")

        assert_terms(got, objective, variables, combined)
        stats = variables[1]["batch_stats"]
        points = [v["params"] for v in variables]
        given = of_objective(objective, stats)
        got = evaluate(points, ROWS, given, data)
        assert_terms(
            got,
            objective,
            variables,
            lambda row, p: mean(objective, p, [data], stats, "stored"),
        )


def test_a_negative_variance_beyond_the_ends_is_shown_as_nan():
    with jax.enable_x64(True):
        objective, variables, data = make()
        rows = np.array([[1.0, 0.0], [-30.0, 31.0], [0.5, 0.5]])
        got = evaluate(variables, rows, of_objective(objective), data)
        assert np.isnan(got["loss"]).tolist() == [False, True, False]


@pytest.mark.parametrize("stats", [True, False])
def test_batch_statistics_are_those_of_batches_of_the_stated_size(stats):
    with jax.enable_x64(True):
        objective, variables, data = make()
        points = [v["params"] for v in variables]
        stats = variables[0]["batch_stats"] if stats else None
        made = of_objective(objective, stats, batch_norm="batch", batch_size=4)
        got = evaluate(points, ROWS, made, data)
        assert_terms(
            got,
            objective,
            variables,
            lambda row, p: mean(
                objective, p, cut(data, 4), variables[0]["batch_stats"], "batch"
            ),
        )


def slow_statistics(params, batches):
    """Moments of the inputs of both norms, over all examples, layer by layer."""
    hidden = [np.asarray(b["image"] @ params["Dense_0"]["kernel"]) for b in batches]
    result = {}
    for i in range(2):
        everything = np.concatenate(hidden)
        result[f"BatchNorm_{i}"] = {
            "mean": everything.mean(0),
            "var": everything.var(0),
        }
        if i == 1:
            return result
        norm, dense = params["BatchNorm_0"], params["Dense_1"]
        hidden = [
            np.tanh(
                (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) * norm["scale"]
                + norm["bias"]
            )
            @ dense["kernel"]
            + dense["bias"]
            for x in hidden
        ]


@pytest.mark.parametrize(("batch_size", "with_stats"), [(12, True), (4, False)])
def test_re_estimated_statistics_are_the_moments_over_all_of_the_data(
    batch_size, with_stats
):
    with jax.enable_x64(True):
        objective, variables, data = make()
        points = [v["params"] for v in variables]
        stats = variables[0]["batch_stats"] if with_stats else None
        if batch_size == 4:  # Weights are the loss's alone.
            data["weight"] = jnp.arange(1.0, 13.0)
        made = of_objective(
            objective, stats, batch_norm="re-estimated", batch_size=batch_size
        )
        got = evaluate(points, ROWS, made, data)
        assert_terms(
            got,
            objective,
            variables,
            lambda row, p: mean(
                objective,
                p,
                [data],
                slow_statistics(p, cut(data, batch_size)),
                "stored",
            ),
        )
        # Of other data, those of training say.
        other = jax.tree.map(lambda x: x[:8], data)
        if batch_size == 4:
            got = evaluate(points, ROWS, made, data, statistics_batches=other)
            statistics = cut(other, batch_size)
            assert_terms(
                got,
                objective,
                variables,
                lambda row, p: mean(
                    objective, p, [data], slow_statistics(p, statistics), "stored"
                ),
            )
        # In one batch they are what that batch has in training mode.
        if batch_size == 12:
            whole = of_objective(objective, batch_norm="batch", batch_size=12)
            whole = evaluate(points, ROWS, whole, data)
            np.testing.assert_allclose(got["loss"], whole["loss"], rtol=1e-9)


def test_data_that_the_statistics_cannot_use_as_stated_are_refused():
    objective, variables, data = make()
    points = [v["params"] for v in variables]

    def run(batch, chunk_size=None, **settings):
        made = of_objective(objective, **settings)
        evaluate(points, ROWS, made, batch, chunk_size=chunk_size)

    five = {"batch_norm": "batch", "batch_size": 5}
    with pytest.raises(InputError, match=r"5 do not divide 12 examples.* use 10 ex"):
        run(data, **five)
    with pytest.raises(InputError, match="chunk_size 6 is not the 5"):
        run(data, chunk_size=6, **five)
    padded = data | {"weight": jnp.arange(12.0)}
    for mode in ("batch", "re-estimated"):
        with pytest.raises(InputError, match="weight 0 would enter"):
            run(padded, batch_norm=mode, batch_size=4)


def test_a_loss_with_statistics_of_the_data_is_not_evaluated_without_them():
    objective, variables, data = make()
    for batch_norm in ("batch", "re-estimated"):
        loss_fn, statistics = of_objective(
            objective, batch_norm=batch_norm, batch_size=4
        )
        assert statistics.batch_size == 4
        assert (statistics.moments is None) == (batch_norm == "batch")
        with pytest.raises(InputError, match="needs `statistics=` too"):
            combinations.evaluate([variables[0]], [[1.0]], loss_fn, data)
    assert of_objective(objective)[1] is None


def test_settings_without_meaning_are_refused():
    objective = Objective(Normed())
    with pytest.raises(InputError, match="perhaps you meant 're-estimated'"):
        of_objective(objective, batch_norm="reestimated", batch_size=4)
    with pytest.raises(InputError, match="no use for a batch size"):
        of_objective(objective, batch_size=4)
    for size in (None, 0):
        with pytest.raises(InputError, match=f"at least 1, not {size}"):
            of_objective(objective, batch_norm="batch", batch_size=size)


@pytest.mark.parametrize("weight", [[0] * 6 + [1] * 6, [1, 2, 3, 0] * 3])
def test_the_terms_are_means_over_the_examples_also_with_weights(weight):
    objective, variables, data = make()
    params, stats = variables[0]["params"], variables[0]["batch_stats"]
    data = data | {"weight": jnp.array(weight, float)}
    check_mean(of_objective(objective, stats)[0], params, data)
