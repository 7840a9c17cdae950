import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import curvature
from analysis.evaluation import of_objective
from landscape import rng
from landscape.derivatives import (
    check_each,
    check_mean,
    check_scalar_mean,
    same_twice,
)
from landscape.errors import InputError
from landscape.objective import Objective, cross_entropy


def data(size=12, seed=0):
    draw = np.random.default_rng(seed)
    return {
        "image": draw.normal(size=(size, 3)).astype(np.float32),
        "label": draw.integers(0, 2, size).astype(np.int32),
    }


PARAMS = {"w": jnp.asarray([[1.0, -1.0], [0.5, 0.2], [-0.3, 0.7]])}


def logits(params, batch):
    return batch["image"] @ params["w"]


def per_example(params, batch):
    return cross_entropy(logits(params, batch), batch["label"])


def mean_loss(params, batch):
    return per_example(params, batch).mean()


def output_mean(outputs, batch):
    return cross_entropy(outputs, batch["label"]).mean()


def dropped(params, batch):
    """Dropout whose key never changes: each call gives the same, and yet."""
    x = batch["image"]
    kept = jax.random.bernoulli(rng.stream(0, "dropout"), 0.5, x.shape)
    return jnp.where(kept, 2 * x, 0) @ params["w"]


def normalised(params, batch):
    """Batch norm in train mode."""
    x = logits(params, batch)
    return (x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-5)


def noisy(params, batch):
    draws = np.random.default_rng()
    shape = jax.ShapeDtypeStruct((), jnp.float32)
    noise = jax.pure_callback(lambda: np.float32(draws.normal()), shape)
    return logits(params, batch) * noise


def summed(outputs, batch):
    return cross_entropy(outputs, batch["label"]).sum()


class Normed(nn.Module):
    @nn.compact
    def __call__(self, image, train: bool = False):
        x = nn.Dense(2)(image)
        return nn.BatchNorm(use_running_average=not train)(x)


MODELS = {"dropout": dropped, "batch norm": normalised, "noise": noisy}


def makers(model_fn, output_loss):
    """Every operator of the model, as a call that builds it."""

    def per_example(params, batch):
        return cross_entropy(model_fn(params, batch), batch["label"])

    def loss(params, batch):
        return output_loss(model_fn(params, batch), batch)

    key = jax.random.key(0)
    return {
        "hessian": lambda **o: curvature.hessian(loss, PARAMS, data(), **o),
        "gauss_newton": lambda **o: curvature.gauss_newton(
            model_fn, output_loss, PARAMS, data(), **o
        ),
        "residual": lambda **o: curvature.residual(
            model_fn, output_loss, PARAMS, data(), **o
        ),
        "covariance": lambda **o: curvature.gradient_covariance(
            per_example, PARAMS, data(), **o
        ),
        "output": lambda **o: curvature.output_gradient_covariance(
            model_fn, PARAMS, data(), **o
        ),
        "fisher": lambda **o: curvature.fisher(model_fn, PARAMS, data(), key=key, **o),
    }


@pytest.mark.parametrize("fault", MODELS)
@pytest.mark.parametrize("kind", makers(logits, output_mean))
def test_every_operator_refuses_an_objective_that_is_not_deterministic(kind, fault):
    message = "not deterministic" if fault == "noise" else "dropout, (or )?statistics"
    with pytest.raises(InputError, match=message):
        makers(MODELS[fault], output_mean)[kind]()


def test_sums_are_refused_and_proper_means_pass():
    for kind in ("hessian", "gauss_newton", "residual"):
        with pytest.raises(InputError, match="or a sum"):
            makers(logits, summed)[kind]()
        assert makers(logits, output_mean)[kind]().size == 6


def test_one_example_alone_does_not_tell_a_mean():
    with pytest.raises(InputError, match="two examples"):
        check_scalar_mean(mean_loss, PARAMS, data(1))


def test_a_small_loss_is_checked_as_closely():
    def small(outputs, batch):
        return 1e-5 * output_mean(outputs, batch)

    for model_fn in (dropped, normalised):
        with pytest.raises(InputError, match="mean of its halves"):
            makers(model_fn, small)["hessian"]()
    makers(logits, small)["hessian"]()

    def tiny(params, batch):
        return 1e-8 * dropped(params, batch)

    with pytest.raises(InputError, match="must not depend on the others"):
        curvature.output_gradient_covariance(tiny, PARAMS, data())
    assert not jax.config.jax_enable_x64


def test_a_small_sum_is_refused_as_a_large_one_is():
    def small(params, batch):
        return 1e-4 * len(batch["label"]) * mean_loss(params, batch)

    with pytest.raises(InputError, match="or a sum"):
        check_mean(small, PARAMS, data())


@pytest.mark.parametrize("weight", [None, [1, 2, 3, 0] * 3, [0] * 6 + [1, 2, 3] * 2])
def test_the_objective_is_a_mean_whatever_the_weights(weight):
    """Also where the examples of a whole half have none."""
    objective, batch = Objective(Normed(), weight_decay=0.1), data()
    variables = jax.jit(objective.model.init)(jax.random.key(0), batch["image"])
    batch |= {} if weight is None else {"weight": np.array(weight, np.float32)}
    loss_fn = objective.bind(variables["batch_stats"], l2=True)
    check_mean(loss_fn, variables["params"], batch)


def test_rounding_of_a_loss_near_zero_is_no_fault():
    def cancelled(outputs, batch):
        """A mean of 1 and of what is lost beside it in single precision."""
        return (1 + 1e-6 * outputs[:, 0] ** 2).mean() - 1

    for kind in ("hessian", "gauss_newton"):
        assert makers(logits, cancelled)[kind]().size == 6


def test_the_checks_can_be_skipped():
    assert makers(dropped, output_mean)["hessian"](check=False).size == 6
    assert curvature.hessian(mean_loss, PARAMS, Loader(True), check=False).size == 6


def test_a_flax_model_in_train_mode_is_refused_and_in_eval_mode_passes():
    objective, batch = Objective(Normed()), data()
    variables = jax.jit(objective.model.init)(jax.random.key(0), batch["image"])
    params, stats = variables["params"], variables["batch_stats"]
    check_scalar_mean(objective.bind(stats, l2=True), params, batch)
    with pytest.raises(InputError, match="statistics of the batch"):
        check_scalar_mean(objective.bind(stats, "batch"), params, batch)
    for mode in ("batch", "re-estimated"):
        loss_fn, _ = of_objective(objective, stats, batch_norm=mode, batch_size=4)
        for check in (True, False):
            with pytest.raises(InputError, match="needs a loss without statistics"):
                curvature.hessian(loss_fn, params, batch, check=check)


class Loader:
    """Batches that are made again in every pass."""

    def __init__(self, shuffles=False, augments=False):
        self.shuffles, self.augments, self.passes = shuffles, augments, 0

    def __iter__(self):
        self.passes += 1
        batch, seed = data(), self.passes
        order = np.arange(12)
        if self.shuffles:
            order = np.random.default_rng(seed).permutation(12)
        if self.augments:
            batch["image"] += seed
        for part in np.split(order, 3):
            yield {name: x[part] for name, x in batch.items()}


@pytest.mark.parametrize("fault", ["shuffles", "augments"])
def test_a_loader_whose_passes_differ_is_refused(fault):
    with pytest.raises(InputError, match="two passes over the batches differ"):
        curvature.hessian(mean_loss, PARAMS, Loader(**{fault: True}))


def test_a_loader_that_is_the_same_twice_an_iterator_and_a_list_pass():
    want = curvature.hessian(mean_loss, PARAMS, data()).to_dense()
    for batches in (Loader(), iter(Loader()), list(Loader()), next(iter(Loader()))):
        assert same_twice(batches) is batches
    for batches in (Loader(), iter(Loader()), list(Loader())):
        got = curvature.hessian(mean_loss, PARAMS, batches).to_dense()
        np.testing.assert_allclose(got, want, atol=1e-6)


def test_batches_of_single_examples_are_checked_joined():
    ones = [{n: x[i : i + 1] for n, x in data().items()} for i in range(12)]

    def loss(params, batch):
        return output_mean(normalised(params, batch), batch)

    assert curvature.hessian(mean_loss, PARAMS, ones).size == 6
    # Of one example there is nothing to compare.
    assert curvature.hessian(mean_loss, PARAMS, ones[:1]).size == 6
    with pytest.raises(InputError, match="mean of its halves"):
        curvature.hessian(loss, PARAMS, ones)


def test_weights_that_are_left_out_are_noticed():
    batch = data() | {"weight": np.arange(12.0, dtype=np.float32)}
    with pytest.raises(InputError, match="weights of its own"):
        curvature.hessian(mean_loss, PARAMS, batch)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: curvature.hessian(per_example, PARAMS, data()),
            r"must return a scalar, not shape \(12,\)",
        ),
        (
            lambda: curvature.hessian(lambda w, b: (0.0, 1.0), PARAMS, data()),
            "must return a scalar, not a tuple",
        ),
        (
            lambda: curvature.gradient_covariance(mean_loss, PARAMS, data()),
            r"of 12 examples a result of shape \(12,\) is needed, not \(\)",
        ),
        (
            lambda: curvature.gradient_covariance(logits, PARAMS, data()),
            r"\(12,\) is needed, not \(12, 2\)",
        ),
        (
            lambda: curvature.output_gradient_covariance(mean_loss, PARAMS, data()),
            r"\(12, ...\) is needed, not \(\)",
        ),
        (
            lambda: curvature.fisher(per_example, PARAMS, data()),
            r"logits of shape \(12, classes\), not \(12,\)",
        ),
    ],
)
def test_results_of_another_shape_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_outputs_may_be_trees_of_arrays():
    def two(params, batch):
        return {"a": logits(params, batch), "b": logits(params, batch)[:, 0]}

    check_each(two, PARAMS, data())
    got = curvature.output_gradient_covariance(two, PARAMS, data()).to_dense()
    moment = np.einsum("na,nb->ab", data()["image"], data()["image"]) / 12
    want = np.kron(moment, np.diag([2.0, 1.0]))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
