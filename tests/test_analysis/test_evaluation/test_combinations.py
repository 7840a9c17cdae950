import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from analysis.evaluation import batch_statistics, combinations, layout, placement
from landscape.errors import InputError
from landscape.machine import devices

ROOT = Path(__file__).parents[3]


def net(params, image):
    hidden = jnp.tanh(image @ params["a"] + params["b"])
    return hidden @ params["c"]


def loss_fn(params, batch):
    error = ((net(params, batch["image"]) - batch["label"][:, None]) ** 2).sum(1)
    weight = batch.get("weight", jnp.ones(len(error)))
    return {
        "loss": (weight * error).sum() / weight.sum(),
        "l2": 0.1 * (params["a"] ** 2).sum(),
        "hits": (weight * (error < 1)).sum() / weight.sum(),
    }


def normalised(params, batch, statistics):
    """With batch norm of its hidden units, by statistics of the batch."""
    hidden = batch["image"] @ params["a"] + params["b"]
    hidden = (hidden - hidden.mean(0)) / hidden.std(0)
    return ((hidden @ params["c"] - batch["label"][:, None]) ** 2).mean()


def make_points(count, seed=0, dtype=None):
    draw = np.random.default_rng(seed)
    shapes = {"a": (5, 4), "b": (4,), "c": (4, 2)}
    return [
        {name: jnp.asarray(draw.normal(size=s), dtype) for name, s in shapes.items()}
        for _ in range(count)
    ]


def make_batch(size, seed=0, weight=False):
    draw = np.random.default_rng(seed)
    batch = {
        "image": jnp.asarray(draw.normal(size=(size, 5))),
        "label": jnp.asarray(draw.integers(0, 3, size)),
    }
    if weight:
        batch["weight"] = jnp.asarray(draw.integers(0, 3, size), float)
    return batch


def slow(points, rows, batches):
    """An example at a time, in NumPy."""
    results = []
    for row in rows:
        params = {
            name: sum(c * np.asarray(p[name]) for c, p in zip(row, points, strict=True))
            for name in points[0]
        }
        sums = np.zeros(3)
        for batch in batches:
            for i in range(len(batch["label"])):
                hidden = np.tanh(batch["image"][i] @ params["a"] + params["b"])
                error = ((hidden @ params["c"] - batch["label"][i]) ** 2).sum()
                w = float(batch["weight"][i]) if "weight" in batch else 1.0
                sums += w * np.array([1, error, error < 1])
        l2 = 0.1 * (params["a"] ** 2).sum()
        results.append([sums[1] / sums[0], l2, sums[2] / sums[0]])
    return dict(zip(("loss", "l2", "hits"), np.transpose(results), strict=True))


def random_rows(count, num_points, seed=0):
    return np.random.default_rng(seed).normal(size=(count, num_points))


def assert_close(got, want, rtol=1e-12):
    assert set(got) == set(want)
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=rtol, atol=1e-14)


@pytest.mark.parametrize(
    ("num_points", "size", "chunk_size", "weight", "order", "shortcut"),
    [
        (1, 1, 7, False, "sequential", None),
        (2, 6, 6, True, "vmap", False),
        (3, 8, 7, True, "auto", True),
        (3, 13, 4, True, "sequential", False),
        (4, 13, 1, False, "vmap", True),
    ],
)
def test_the_means_are_those_of_a_loop_over_examples(
    num_points, size, chunk_size, weight, order, shortcut
):
    with jax.enable_x64(True):
        points, rows = make_points(num_points), random_rows(3, num_points)
        batch = make_batch(size, weight=weight)
        if weight:
            batch["weight"] = batch["weight"].at[0].set(2.0)
        got = combinations.evaluate(
            points,
            rows,
            loss_fn,
            batch,
            order=order,
            chunk_size=chunk_size,
            shortcut=shortcut,
        )
        assert all(values.dtype == jnp.float64 for values in got.values())
        assert_close(got, slow(points, rows, [batch]))


def test_uneven_batches_count_by_their_examples():
    with jax.enable_x64(True):
        points, rows = make_points(2), random_rows(4, 2)
        batches = [make_batch(n, seed=n) for n in (8, 8, 3)]
        got = combinations.evaluate(points, rows, loss_fn, batches, chunk_size=4)
        assert_close(got, slow(points, rows, batches))


def test_chunks_without_weight_are_left_out():
    with jax.enable_x64(True):
        points, rows = make_points(2), random_rows(2, 2)
        batch = make_batch(9) | {"weight": jnp.array([1.0] * 4 + [0.0] * 5)}
        short = {name: values[:4] for name, values in batch.items()}
        got = combinations.evaluate(points, rows, loss_fn, batch, chunk_size=3)
        assert_close(got, slow(points, rows, [short]))


def make_whole_points(count):
    """Points of small integers: sums and products of them are not rounded."""
    draw = np.random.default_rng(0)
    shapes = {"a": (5, 4), "b": (4,), "c": (4, 2)}
    return [
        {name: draw.integers(-3, 4, s).astype("float32") for name, s in shapes.items()}
        for _ in range(count)
    ]


def whole_loss(params, batch):
    return jnp.mean(((batch @ params["a"] + params["b"]) @ params["c"]) ** 2)


def test_a_row_of_one_coefficient_is_that_point_to_the_bit_whatever_the_others_hold():
    points = make_points(2)
    broken = jax.tree.map(lambda x: jnp.full_like(x, jnp.inf), points[0])
    combine = jax.jit(combinations.combine)
    for i in range(2):
        alone = combine([*points, broken], np.eye(3)[i])
        for name, leaf in alone.items():
            np.testing.assert_array_equal(leaf, points[i][name])


@functools.cache
def whole_values(shortcut):
    """The points, the data, and what `evaluate` gives at each of them alone."""
    points = make_whole_points(2)
    broken = jax.tree.map(lambda x: np.full_like(x, np.inf), points[0])
    data = np.random.default_rng(1).integers(0, 10, (16, 5)).astype("float32")
    rows, options = np.eye(3)[:2], {"chunk_size": 8, "shortcut": shortcut}
    every = [*points, broken]
    return points, data, combinations.evaluate(every, rows, whole_loss, data, **options)


@pytest.mark.parametrize("shortcut", [True, False])
def test_the_loss_at_a_row_of_one_coefficient_is_that_points_alone(shortcut):
    # 16 examples of integers below 10, and all results below 2^24: whatever the order
    # in which a program adds, nothing is rounded.
    points, data, got = whole_values(shortcut)
    for value, p in zip(got["loss"], points, strict=True):
        errors = ((data @ p["a"] + p["b"]) @ p["c"]) ** 2
        assert errors.sum() < 2**24 and value == errors.sum() / 32


def test_a_scalar_is_called_loss():
    *_, got = whole_values(True)
    assert list(got) == ["loss"] and got["loss"].shape == (2,)


def test_what_is_not_finite_is_shown_where_it_is_and_nowhere_else():
    points = make_points(2)
    points[1]["c"] = points[1]["c"].at[0, 0].set(jnp.nan)
    rows = [[1.0, 0.0], [0.5, 0.5], [2.0, 0.0], [0.0, 1.0]]
    for shortcut in (True, False):
        got = combinations.evaluate(
            points, rows, loss_fn, make_batch(6), shortcut=shortcut
        )
        assert np.isnan(got["loss"]).tolist() == [False, True, False, True]
        assert not np.isnan(got["l2"]).any()


def test_the_points_and_the_data_stay_as_they_were_and_no_noise_is_added():
    draw = np.random.default_rng(0)
    points = [{"w": draw.normal(size=(3,)).astype("float32")} for _ in range(2)]
    data = draw.normal(size=(7, 3)).astype("float32")
    before = [points[0]["w"].copy(), points[1]["w"].copy(), data.copy()]

    def loss(w, batch):
        return jnp.mean((batch @ w["w"]) ** 2)

    rows = random_rows(9, 2)
    first = combinations.evaluate(points, rows, loss, data)["loss"]
    again = combinations.evaluate(points, rows, loss, data)["loss"]
    np.testing.assert_array_equal(first, again)
    for old, new in zip(before, [points[0]["w"], points[1]["w"], data], strict=True):
        np.testing.assert_array_equal(old, new)
    # Where the largest value is, too, the value is that of the function.
    worst = int(np.argmax(first))
    w = rows[worst] @ np.stack([p["w"] for p in points]).astype(float)
    np.testing.assert_allclose(first[worst], np.mean((data @ w) ** 2), rtol=1e-5)


def test_rows_that_are_vmapped_in_groups_agree(monkeypatch):
    with jax.enable_x64(True):
        points, rows, batch = make_points(3), random_rows(11, 3), make_batch(20)
        widest = 20 * 4 * 8
        monkeypatch.setattr(layout, "GROUP", 4 * widest)
        options = layout.Options("vmap", None, None, None, True)
        chosen = layout.choose(Partial(loss_fn), points, 11, (), batch, options)
        assert chosen.group == 4 and chosen.chunk_size == 20
        in_halves = options._replace(chunk_size=10)
        chosen = layout.choose(Partial(loss_fn), points, 11, (), batch, in_halves)
        assert chosen.group == 8 and chosen.chunk_size == 10
        combinations.weighted_sums.clear_cache()
        got = combinations.evaluate(points, rows, loss_fn, batch, order="vmap")
        combinations.weighted_sums.clear_cache()
        assert_close(got, slow(points, rows, [batch]))


def compiled_bytes(num_rows, size, chunk_size, shortcut):
    points, rows = make_wide_points(3), jnp.ones((num_rows, 3))
    batch = {"image": jnp.ones((size, 50)), "label": jnp.zeros(size, int)}
    options = layout.Options("sequential", chunk_size, None, shortcut, True)
    lowered = combinations.weighted_sums.lower(
        Partial(loss_fn), points, rows, (), batch, options
    )
    return lowered.compile().memory_analysis().temp_size_in_bytes


def make_wide_points(count):
    shapes = {"a": (50, 200), "b": (200,), "c": (200, 2)}
    return [{n: jnp.ones(s) for n, s in shapes.items()} for _ in range(count)]


@pytest.mark.parametrize("shortcut", [True, False])
def test_compiled_memory_is_that_of_a_chunk_whatever_the_data_and_the_rows(shortcut):
    chunk = 4 * 64 * 200
    small = compiled_bytes(3, 128, 64, shortcut)
    big = compiled_bytes(300, 8192, 64, shortcut)
    assert big - small < chunk
    # The activations, k times them if cached, and the combined parameters.
    assert big < 6 * chunk + 4 * 4 * (50 + 3) * 200
    if not shortcut:
        assert compiled_bytes(3, 8192, 8192, shortcut) > 100 * chunk


@pytest.mark.parametrize("size, passes", [(4, 1), (7, 2), (8, 2)])
def test_what_is_not_of_the_data_is_traced_with_a_chunk_or_is_one(size, passes):
    """One trace sees the whole batch, to lay the work out; the others see chunks."""
    points, rows, batch = make_points(2), random_rows(3, 2), make_batch(size)
    seen = []

    def recorded(params, batch):
        seen.append(len(batch["label"]))
        return loss_fn(params, batch)

    got = combinations.evaluate(
        points, rows, recorded, batch, chunk_size=4, shortcut=False
    )
    # A mean of at most 8 errors, each out of sums of 4 or 5 terms.
    eps = float(jnp.finfo(jnp.float32).eps)
    assert_close(got, slow(points, rows, [batch]), rtol=50 * eps)
    whole, *chunks = seen
    assert whole == size and len(chunks) == passes and max(chunks) <= 4


def test_examples_are_spread_over_devices_without_changing_the_result(start_program):
    code = """
import re, sys
sys.path.insert(0, "tests/test_analysis/test_evaluation")
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import test_combinations as t
from jax.tree_util import Partial
from analysis.evaluation import batch_statistics, combinations, layout, placement
from landscape.machine import devices
mesh = devices.make_mesh(4)
points, rows = t.make_points(3), t.random_rows(5, 3)
for size, chunk_size, shortcut in ((27, 8, True), (22, None, False), (3, None, None)):
    batch = t.make_batch(size, weight=True)
    batch["weight"] = batch["weight"].at[0].set(2.0)
    options = dict(chunk_size=chunk_size, shortcut=shortcut)
    four = combinations.evaluate(points, rows, t.loss_fn, batch, mesh=mesh, **options)
    t.assert_close(four, t.slow(points, rows, [batch]))
    assert len(four["loss"].sharding.device_set) == 4
given = {"statistics": batch_statistics.BatchStatistics(8)}
batch = t.make_batch(24)
want = combinations.evaluate(points, rows, t.normalised, batch, **given)
for data in (batch, placement.placed(mesh, batch, given["statistics"])):
    got = combinations.evaluate(points, rows, t.normalised, data, mesh=mesh, **given)
    t.assert_close(got, want)
there = placement.placed(mesh, t.make_batch(16))
with t.pytest.raises(t.InputError, match="devices of another mesh"):
    placement.placed(devices.make_mesh(2), there)
(batch,) = there.parts
# A fourth of the examples is on each device.
assert batch["image"].addressable_shards[0].data.shape == (4, 5)
options = layout.Options("sequential", 8, mesh, False, True)
lowered = combinations.weighted_sums.lower(
    Partial(t.loss_fn), tuple(points), jnp.asarray(rows), (), batch, options)
text = lowered.compile().as_text()
assert "all-reduce" in text and "f64[2,4]" in text and "f64[8,4]" not in text
assert not set(re.findall("all-gather|all-to-all|collective|f64.4,4,5", text))
print("agreed")
"""
    settings = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "4"}
    # With the optimisations that users have.
    process = start_program(["-c", code], ROOT, settings | {"XLA_FLAGS": ""})
    said, errors = process.communicate(timeout=240)
    assert said == "agreed\n", errors


def test_placed_examples_are_refused_without_their_mesh():
    there = placement.placed(devices.make_mesh(1), make_batch(4))
    with pytest.raises(InputError, match="give `mesh`, too"):
        combinations.evaluate(make_points(1), [[1.0]], loss_fn, there)


def test_batches_with_statistics_are_placed_only_if_the_devices_divide_them():
    mesh = jax.sharding.AbstractMesh((4,), ("data",))
    statistics = batch_statistics.BatchStatistics(6)
    # In parts of 4 devices they would be batches of other examples.
    with pytest.raises(InputError, match=r"batches of 6 examples .* 4 devices"):
        placement.placed(mesh, make_batch(24), statistics)


def test_half_precision_points_are_combined_in_single_precision():
    points = [jax.tree.map(lambda x: x.astype(jnp.bfloat16), p) for p in make_points(2)]
    got = jax.jit(combinations.combine)(points, jnp.array([0.25, 0.75]))
    for name in got:
        # Of 8 bits each, times 3/4: exact in single precision, and rounded once.
        a, b = (np.asarray(p[name], float) for p in points)
        wide = 0.25 * a + 0.75 * b
        np.testing.assert_array_equal(wide, wide.astype("float32"))
        assert got[name].dtype == jnp.bfloat16
        np.testing.assert_array_equal(got[name], wide.astype(jnp.bfloat16))


def test_masked_weights_of_all_points_stay_exactly_zero():
    points = make_points(3)
    for point in points:
        point["a"] = point["a"].at[::2].set(0.0)
    mixed = jax.jit(combinations.combine)(points, jnp.array([0.3, -1.7, 2.4]))
    assert not np.asarray(mixed["a"][::2]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": []}, "at least one point"),
        ({"points": [{"a": jnp.ones(1)}, {"b": jnp.ones(1)}]}, "another structure"),
        ({"points": [{"a": jnp.ones(1)}, {"a": jnp.ones(2)}]}, r"a is float32\[2\]"),
        ({"points": [{"a": 1}, {"a": 2}]}, "a must be of floating point"),
        ({"points": {"a": jnp.ones(1)}}, "points are a list of pytrees, not a dict"),
        ({"coefficients": [["a", "b"]]}, "the coefficients must be real numbers"),
        ({"coefficients": [[1.0]]}, r"shape \(rows, 2\), not \(1, 1\)"),
        ({"coefficients": np.zeros((0, 2))}, r"not \(0, 2\)"),
        ({"order": "sequentially"}, "perhaps you meant 'sequential'"),
        ({"chunk_size": 0}, "chunk_size must be at least 1"),
        ({"batches": []}, "at least one batch"),
        ({"loss_fn": lambda w, b: b["image"].sum(0)}, "must return a scalar"),
        ({"loss_fn": lambda w, b: (b["image"].sum(), 1.0)}, "must return a scalar"),
        ({"loss_fn": lambda w, b: None}, "must return a scalar"),
        ({"points": [{"a": jnp.tanh}] * 2}, "a in point 0 must be an array of numbers"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change, message):
    given = {
        "points": make_points(2),
        "coefficients": [[0.5, 0.5]],
        "loss_fn": loss_fn,
        "batches": make_batch(4),
    } | change
    with pytest.raises(InputError, match=message):
        combinations.evaluate(**given)
