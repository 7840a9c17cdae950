import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.derivatives import (
    added,
    average,
    total_weight,
    weighted,
)
from landscape.errors import InputError
from landscape.objective import weighted_mean

NUM = 7
BATCHINGS = {
    "one batch": ([NUM], {}),
    "uneven batches": ([4, 3], {}),
    "chunks": ([NUM], {"chunk_size": 4}),
    "single examples": ([NUM], {"chunk_size": 1}),
    "chunks of uneven batches": ([4, 3], {"chunk_size": 3}),
    "scanned chunks": ([NUM], {"chunk_size": 3, "scan": True}),
    "scanned chunks of uneven batches": ([4, 3], {"chunk_size": 3, "scan": True}),
    "a chunk larger than all": ([NUM], {"chunk_size": 100}),
}
WEIGHTS = {
    "unweighted": None,
    "weighted": np.array([1, 2, 0, 0.3, 1, 4, 0.1]),
    # A whole batch and whole chunks without weight, where a mean is 0 / 0.
    "padded": np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
}


def data(weighting="unweighted"):
    batch = {"x": np.random.default_rng(0).standard_normal((NUM, 2))}
    weight = WEIGHTS[weighting]
    return batch if weight is None else batch | {"weight": weight}


def split(batch, sizes):
    ends = np.cumsum(sizes)
    return [
        {name: x[end - size : end] for name, x in batch.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]


def moments(power, batch):
    weight = batch.get("weight")
    return {"x": weighted_mean(batch["x"][:, 0] ** power, weight)}


@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("batching", BATCHINGS)
def test_an_average_counts_every_example_by_its_weight(batching, weighting):
    sizes, options = BATCHINGS[batching]
    with jax.enable_x64(True):
        whole = data(weighting)
        weight = whole.get("weight", np.ones(NUM))
        want = weight @ whole["x"][:, 0] ** 3 / weight.sum()
        on_host = split(whole, sizes)
        for batches in (on_host, jax.tree.map(jnp.asarray, on_host)):
            got = average(moments, batches, 3, **options)
            assert got["x"].dtype == np.float64
            np.testing.assert_allclose(got["x"], want, rtol=1e-12)


def test_an_average_of_half_precision_is_summed_in_single():
    # Ones summed in bfloat16 stop at 256.
    ones = jnp.ones(300, jnp.bfloat16)
    got = average(jnp.mean, ones, chunk_size=1, scan=True)
    assert got.dtype == jnp.float32 and abs(float(got) - 1) < 300 * 2**-24


def test_a_weighted_sum_leaves_out_what_has_no_weight_and_no_other_nan():
    one = weighted({"a": jnp.array([3.0])}, jnp.array(2.0))
    empty = weighted(
        {"a": jnp.array([jnp.nan])}, total_weight({"weight": jnp.zeros(2)})
    )
    assert added(one, empty).mean()["a"].tolist() == [3.0]
    lost = weighted({"a": jnp.array([jnp.nan])}, jnp.array(1.0))
    assert np.isnan(added(one, lost).mean()["a"]).all()


@pytest.mark.parametrize(
    "batches, options, message",
    [
        ([], {}, "at least one batch"),
        ({"x": np.ones((3, 4)), "label": np.ones(2, int)}, {}, "leading axis"),
        ({"x": np.ones((0, 4)), "label": np.ones(0, int)}, {}, "leading axis"),
        ({"x": np.ones((3, 4)), "label": np.int32(1)}, {}, "leading axis"),
        (data(), {"chunk_size": 0}, "chunk_size must be at least 1, not 0"),
    ],
)
def test_a_mistake_of_the_caller_is_one_sentence(batches, options, message):
    with pytest.raises(InputError, match=message):
        average(moments, batches, 1, **options)
