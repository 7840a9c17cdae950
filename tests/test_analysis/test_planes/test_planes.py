"""Planes and their surfaces, against slow twins and the known faults of such tools."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.evaluation import combinations
from analysis.planes import planes
from analysis.planes.directions import (
    filter_normalised,
    inner,
    orthogonalised,
    principal_axes,
)
from analysis.planes.grids import around, blocks, grid
from landscape.errors import InputError
from landscape.models import MLP
from landscape.objective import Objective

KEY = jax.random.key(0)
# Leaves of two shapes alone: every other would be compiled for.
MODEL = MLP((4, 4), 4, "tanh")
OBJECTIVE = Objective(MODEL)


def solution(seed):
    shapes = jax.eval_shape(MODEL.init, KEY, np.zeros((1, 4), np.float32))["params"]
    generator = np.random.default_rng(seed)
    return jax.tree.map(lambda x: 0.5 * generator.standard_normal(x.shape), shapes)


def examples(size=23):
    generator = np.random.default_rng(0)
    return {
        "image": generator.standard_normal((size, 4)),
        "label": generator.integers(0, 4, size),
        "weight": generator.integers(0, 3, size).astype(float),
    }


def random_masks(params, density=0.4):
    generator = np.random.default_rng(5)

    def draw(leaf):
        return generator.random(leaf.shape) < density if leaf.ndim > 1 else np.True_

    return jax.tree.map(draw, params)


def masked(masks, params):
    return jax.tree.map(lambda m, x: np.where(m, x, 0), masks, params)


def on_device(tree):
    return jax.tree.map(jnp.array, tree)


def flat(tree):
    return np.concatenate([np.ravel(np.asarray(x)) for x in jax.tree.leaves(tree)])


def slow_loss(params, batch):
    """The weighted mean over examples, one after the other, in NumPy."""
    total = 0.0
    for x, label, weight in zip(*batch.values(), strict=True):
        for layer in ("Dense_0", "Dense_1", "Dense_2"):
            x = x @ params[layer]["kernel"] + params[layer]["bias"]
            x = np.tanh(x) if layer != "Dense_2" else x
        total += weight * (np.log(np.exp(x).sum()) - x[label])
    return total / batch["weight"].sum()


def loss_and_accuracy(params, batch):
    sums = OBJECTIVE.evaluate(params, batch)
    return {name: sums[name] / sums["count"] for name in ("loss", "correct")}


def zero_outside(masks, *trees):
    for tree in trees:
        for mask, leaf in zip(*map(jax.tree.leaves, (masks, tree)), strict=True):
            assert (np.where(mask, 0, np.asarray(leaf)) == 0).all()


# -- surfaces


def test_a_surface_equals_a_loop_over_points_and_examples():
    a, b, c = map(solution, range(3))
    batch = examples()
    with jax.enable_x64(True):
        plane = planes.through(*map(on_device, (a, b, c)))
        alphas, betas = grid((3, 5), around(plane.coordinates))
        got = planes.evaluate(
            plane, loss_and_accuracy, [on_device(batch)], alphas, betas, chunk_size=7
        )
        assert got["loss"].shape == got["correct"].shape == (3, 5)
        got = np.asarray(got["loss"])
        u, v = (jax.tree.map(np.asarray, x) for x in (plane.u, plane.v))
    for i, j in np.ndindex(3, 5):
        point = jax.tree.map(
            lambda o, x, y, i=i, j=j: o + alphas[j] * x + betas[i] * y, a, u, v
        )
        assert got[i, j] == pytest.approx(slow_loss(point, batch), rel=1e-12)


def own_coordinates(w, batch):
    return {"x": w[0], "y": w[1]}


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (1, 4), (4, 1)])
def test_rows_are_betas_columns_are_alphas_and_none_is_shifted(shape):
    # The value of each point is its own coordinates.
    plane = planes.along(jnp.zeros(2), tuple(jnp.eye(2)))
    alphas, betas = grid(shape, (-1.0, 2.0, 10.0, 30.0))
    got = planes.evaluate(plane, own_coordinates, jnp.ones((1, 1)), alphas, betas)
    chex.assert_shape(list(got.values()), shape)
    for i, j in np.ndindex(shape):
        assert got["x"][i, j] == pytest.approx(alphas[j])
        assert got["y"][i, j] == pytest.approx(betas[i])


def test_a_known_quadratic_is_reproduced():
    generator = np.random.default_rng(0)
    root, w, u, v = (generator.standard_normal(s) for s in ((7, 7), 7, 7, 7))
    h = root @ root.T
    alphas, betas = grid((7, 9), (-2.0, 3.0, -1.0, 1.0))
    with jax.enable_x64(True):
        plane = planes.along(*map(on_device, (w, (u, v))))
        loss_fn = jax.tree_util.Partial(
            lambda h, w, batch: 0.5 * w @ h @ w + batch.mean(0) @ w, jnp.array(h)
        )
        data = generator.standard_normal((5, 7))
        got = np.asarray(
            planes.evaluate(plane, loss_fn, jnp.array(data), alphas, betas)["loss"]
        )
    x, y = np.meshgrid(alphas, betas)
    linear = h @ w + data.mean(0)
    expected = (
        0.5 * w @ h @ w + data.mean(0) @ w + x * (linear @ u) + y * (linear @ v)
        + 0.5 * x**2 * (u @ h @ u) + x * y * (u @ h @ v) + 0.5 * y**2 * (v @ h @ v)
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_the_middle_of_a_surface_is_the_origin_to_the_bit():
    params, batch = solution(0), examples()
    alphas, betas = grid((3, 5), 0.7)
    assert alphas[2] == betas[1] == 0.0

    def loss_fn(origin, w, batch):
        apart = jax.tree.map(lambda x, y: jnp.abs(x - y).max(), w, origin)
        data = OBJECTIVE.data_loss(w, batch)
        return {"apart": jnp.stack(jax.tree.leaves(apart)).max(), "loss": data}

    with jax.enable_x64(True):
        origin = on_device(params)
        plane = planes.along(origin, tuple(on_device(solution(s)) for s in (1, 2)))
        loss_fn = jax.tree_util.Partial(loss_fn, origin)
        got = planes.evaluate(plane, loss_fn, on_device(batch), alphas, betas)
        got = jax.tree.map(np.asarray, got)
    assert got["apart"][1, 2] == 0.0
    assert np.count_nonzero(got["apart"]) == 14
    assert got["loss"][1, 2] == pytest.approx(slow_loss(params, batch), rel=1e-12)
    assert np.unique(got["loss"]).size == 15


def test_three_solutions_have_their_own_losses_on_their_plane():
    points = [solution(seed) for seed in range(3)]
    batch = examples()
    with jax.enable_x64(True):
        for normalise in (True, False):
            plane = planes.through(*map(on_device, points), normalise)
            for point, (alpha, beta) in zip(points, plane.coordinates, strict=True):
                got = planes.evaluate(
                    plane, OBJECTIVE.data_loss, on_device(batch), [alpha], [beta]
                )
                expected = slow_loss(point, batch)
                assert got["loss"][0, 0] == pytest.approx(expected, rel=1e-12)


def test_values_that_are_not_finite_are_shown():
    plane = planes.along(jnp.zeros(2), tuple(jnp.eye(2)))

    def loss_fn(w, batch):
        return jnp.log(w[0]) + jnp.where(w[1] > 1, jnp.inf, 0.0) + 0 * batch.mean()

    got = planes.evaluate(
        plane, loss_fn, jnp.ones((4, 1)), [-1.0, 0.0, 1.0], [0.0, 2.0]
    )["loss"]
    # The logarithm of 1 may be off by a rounding.
    expected = [[np.nan, -np.inf, 0.0], [np.nan, np.nan, np.inf]]
    np.testing.assert_allclose(got, expected, atol=np.finfo(np.float32).eps)


def test_nothing_that_came_in_is_changed():
    points = [on_device(solution(seed)) for seed in range(3)]
    batch = examples()
    before = jax.tree.map(np.array, (points, batch))
    plane = planes.through(*points)
    held = jax.tree.map(np.array, plane)
    planes.evaluate(plane, OBJECTIVE.data_loss, batch, [0.0, 1.0], [0.0, 1.0])
    planes.random(points[0], KEY, random_masks(points[0]))
    planes.trajectory(points)
    chex.assert_trees_all_equal((points, batch), before)
    chex.assert_trees_all_equal(plane, held)


# -- resuming


@functools.cache
def surface():
    plane = planes.random(on_device(solution(0)), KEY)
    alphas, betas = grid((7, 3), 1.0)
    rows = functools.partial(
        planes.evaluate_rows, plane, loss_and_accuracy, on_device(examples())
    )
    whole = planes.evaluate(
        plane,
        loss_and_accuracy,
        on_device(examples()),
        alphas,
        betas,
        rows_per_block=2,
    )
    return functools.partial(rows, alphas, betas, rows_per_block=2), whole


@pytest.mark.parametrize("start", [0, 1, 2, 5, 6, 7])
def test_a_resumed_surface_has_the_bits_of_an_unbroken_one(start):
    rows, whole = surface()
    expected = start
    for row, values in rows(start_row=start):
        assert row == expected
        height = len(values["loss"])
        for name, value in values.items():
            np.testing.assert_array_equal(value, whole[name][row : row + height])
        expected = row + height
    assert expected == 7


@settings(deadline=None, max_examples=50)
@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 4),
    size=st.none() | st.integers(1, 14),
    data=st.data(),
)
def test_blocks_hold_every_row_once_beside_the_same_rows(rows, columns, size, data):
    start = data.draw(st.integers(0, rows))
    alphas, betas = np.arange(columns) + 0.5, np.arange(rows) + 100.0
    every = list(blocks(alphas, betas, 0, size))
    together = {}
    for block in every:
        table = block.coefficients.reshape(-1, columns, 3)
        for row, line in enumerate(table[block.keep], block.row):
            together[row] = block.coefficients
            expected = [(1.0, alpha, betas[row]) for alpha in alphas]
            np.testing.assert_array_equal(line, expected)
    assert sorted(together) == list(range(rows))
    assert len({block.coefficients.shape for block in every}) == 1
    got = []
    for block in blocks(alphas, betas, start, size):
        kept = range(*block.keep.indices(rows + 1))
        got += [block.row + i for i in range(len(kept))]
        np.testing.assert_array_equal(block.coefficients, together[block.row])
    assert got == list(range(start, rows))


def test_by_default_blocks_have_about_512_points():
    for size, points in ((21, 21 * 21), (51, 9 * 51), (101, 6 * 101), (1000, 1000)):
        first = next(blocks(np.ones(size), np.ones(size)))
        assert len(first.coefficients) == points


# -- grids


@settings(deadline=None, max_examples=50)
@given(
    half=st.integers(0, 60),
    radius=st.floats(1e-3, 1e3),
    columns=st.integers(1, 9),
)
def test_grids_of_odd_size_hold_zero_exactly_and_are_symmetric(half, radius, columns):
    alphas, betas = grid((2 * half + 1, columns), radius)
    assert len(betas) == 2 * half + 1
    assert len(alphas) == columns
    assert betas[half] == 0.0
    np.testing.assert_array_equal(betas, -betas[::-1])
    if half:
        assert (betas[0], betas[-1]) == (-radius, radius)
        np.testing.assert_allclose(
            betas, np.linspace(-radius, radius, len(betas)), atol=1e-12 * radius
        )


def test_a_number_means_as_many_rows_as_columns():
    assert [len(x) for x in grid(4, (0.0, 1.0, 2.0, 3.0))] == [4, 4]
    np.testing.assert_allclose(
        grid(4, (0.0, 1.0, 2.0, 3.0)).betas, [2, 7 / 3, 8 / 3, 3]
    )


# -- through three solutions


def test_axes_through_three_solutions_are_orthonormal_and_reach_them():
    points = [solution(seed) for seed in range(3)]
    with jax.enable_x64(True):
        plane = planes.through(*map(on_device, points))
        u, v = flat(plane.u), flat(plane.v)
    np.testing.assert_allclose([u @ u, v @ v, u @ v], [1, 1, 0], atol=1e-14)
    for point, (alpha, beta) in zip(points, plane.coordinates, strict=True):
        np.testing.assert_allclose(
            flat(points[0]) + alpha * u + beta * v, flat(point), atol=1e-13
        )
    distances = [
        (np.linalg.norm(flat(p) - flat(q)), np.linalg.norm(x - y))
        for (p, x), (q, y) in itertools.combinations(
            zip(points, plane.coordinates, strict=True), 2
        )
    ]
    np.testing.assert_allclose(*zip(*distances, strict=True), rtol=1e-13)


def test_in_float32_the_third_solution_is_reached_though_it_is_close_to_the_line():
    a, b = on_device(solution(0)), on_device(solution(1))
    c = jax.tree.map(lambda x, y: 0.5 * x + 0.5 * y + 1e-3 * x**2, a, b)
    plane = planes.through(a, b, c)
    assert abs(inner(plane.u, plane.v)) < 1e-6
    alpha, beta = plane.coordinates[2]
    reached = jax.jit(combinations.combine)(
        [plane.origin, plane.u, plane.v], jnp.array([1, alpha, beta])
    )
    np.testing.assert_allclose(flat(reached), flat(c), atol=2e-6)


def test_planes_through_sparse_solutions_stay_in_their_subspace():
    masks = random_masks(solution(0))
    points = [on_device(masked(masks, solution(seed))) for seed in range(4)]
    for plane in (planes.through(*points[:3]), planes.trajectory(points)):
        zero_outside(masks, plane.u, plane.v)


# -- random directions


def test_filters_of_a_random_direction_have_the_norms_of_the_parameters():
    generator = np.random.default_rng(0)
    params = {
        "conv": generator.standard_normal((3, 3, 2, 4)),
        "dense": generator.standard_normal((5, 6)),
        "bias": generator.standard_normal(6),
    }
    params["dense"][:, 2] = 0.0
    with jax.enable_x64(True):
        rules = {"conv": "kkio", "dense": "io"}
        direction = jax.tree.map(
            np.asarray, filter_normalised(KEY, on_device(params), rules=rules)
        )
    for name in ("conv", "dense"):
        for unit in range(params[name].shape[-1]):
            got, want = (
                np.linalg.norm(x[name][..., unit]) for x in (direction, params)
            )
            assert got == pytest.approx(want, rel=1e-13, abs=0)
    assert not direction["dense"][:, 2].any()
    assert not direction["bias"].any()
    # Within a filter it is the normal draw, not a rescaled copy of the parameters.
    ratio = direction["dense"][:, 0] / params["dense"][:, 0]
    assert np.ptp(ratio) > 0.1


def test_random_directions_differ_are_orthogonal_and_follow_the_key():
    params = on_device(solution(0))
    plane = planes.random(params, KEY)
    assert abs(inner(plane.u, plane.v)) < 1e-6 * inner(plane.u, plane.u)
    assert inner(plane.v, plane.v) > 0.5 * inner(plane.u, plane.u)
    other = planes.random(params, jax.random.key(1))
    chex.assert_trees_all_equal(plane, planes.random(params, KEY))
    assert not np.allclose(flat(plane.u), flat(other.u))
    np.testing.assert_array_equal(plane.coordinates, [[0, 0]])


def test_orthogonalising_takes_out_the_part_along_the_other_and_no_more():
    u, v = np.random.default_rng(0).standard_normal((2, 9))
    with jax.enable_x64(True):
        rest = np.asarray(orthogonalised(jnp.array(v), jnp.array(u)))
    np.testing.assert_allclose(rest, v - u * (u @ v) / (u @ u), atol=1e-15)


def test_random_directions_are_exactly_zero_where_the_mask_is_false():
    params = solution(0)
    masks = random_masks(params)
    sparse = on_device(masked(masks, params))
    plane = planes.random(sparse, KEY, masks)
    zero_outside(masks, plane.u, plane.v)
    kernel = np.asarray(plane.u["Dense_0"]["kernel"])
    np.testing.assert_array_equal(kernel != 0, masks["Dense_0"]["kernel"])
    np.testing.assert_allclose(
        np.linalg.norm(kernel, axis=0),
        np.linalg.norm(sparse["Dense_0"]["kernel"], axis=0),
        rtol=1e-6,
    )
    # Without the mask, pruned weights move as well.
    dense = np.asarray(planes.random(sparse, KEY).u["Dense_0"]["kernel"])
    assert (dense[~masks["Dense_0"]["kernel"]] != 0).any()


# -- trajectories


def test_principal_axes_equal_those_of_a_singular_value_decomposition():
    generator = np.random.default_rng(0)
    states = [
        {"a": x[:5].reshape(1, 5), "b": x[5:]}
        for x in generator.standard_normal((6, 8)) * 0.5 ** np.arange(8)
    ]
    matrix = np.stack([flat(state) for state in states])
    _, values, rows = np.linalg.svd(matrix - matrix.mean(0))
    with jax.enable_x64(True):
        for origin in (-1, 2):
            found = principal_axes([on_device(s) for s in states], origin)
            difference = matrix - matrix[origin]
            for k in range(2):
                axis = flat(found.axes[k])
                assert abs(axis @ rows[k]) == pytest.approx(1, rel=1e-12)
                assert axis @ axis == pytest.approx(1, rel=1e-12)
                got = found.coordinates[:, k]
                np.testing.assert_allclose(got, difference @ axis, atol=1e-13)
                assert got[abs(got).argmax()] > 0
            fraction = values**2 / (values**2).sum()
            np.testing.assert_allclose(found.explained, fraction[:2], rtol=1e-12)


def test_a_trajectory_in_a_plane_is_reached_by_its_coordinates():
    generator = np.random.default_rng(1)
    base, u, v = (on_device(solution(seed)) for seed in range(3))
    steps = generator.standard_normal((5, 2))
    with jax.enable_x64(True):
        base, u, v = (on_device(solution(seed)) for seed in range(3))
        states = [
            jax.tree.map(lambda o, x, y, a=a, b=b: o + a * x + b * y, base, u, v)
            for a, b in steps
        ]
        plane = planes.trajectory(states)
        assert plane.origin is states[-1]
        assert plane.explained.sum() == pytest.approx(1)
        for state, (alpha, beta) in zip(states, plane.coordinates, strict=True):
            reached = flat(plane.origin) + alpha * flat(plane.u) + beta * flat(plane.v)
            np.testing.assert_allclose(reached, flat(state), atol=1e-12)
        np.testing.assert_array_equal(plane.coordinates[-1], [0, 0])


# -- mistakes


def test_bad_input_is_refused_in_words():
    a, b = on_device(solution(0)), on_device(solution(1))
    middle = jax.tree.map(lambda x, y: x / 2 + y / 2, a, b)
    with pytest.raises(InputError, match="these are multiples"):
        planes.through(a, b, middle)
    with pytest.raises(InputError, match="zero or not finite"):
        planes.through(a, a, b)
    with pytest.raises(InputError, match="zero or not finite"):
        planes.through(a, b, jax.tree.map(lambda x: x * jnp.nan, b))
    with pytest.raises(InputError, match="must have the same leaves"):
        planes.along(a, (b, b["Dense_0"]))
    for leaf, message in (
        (jax.random.key(0), "key must be of floating point, not key"),
        (jnp.tanh, "key in a point of a plane must be an array of numbers"),
    ):
        with pytest.raises(InputError, match=message):
            planes.along(a | {"key": leaf}, (a, b))
    with pytest.raises(InputError, match="these are multiples"):
        planes.along(a, (b, jax.tree.map(jnp.negative, b)))
    with pytest.raises(InputError, match="zero or not finite"):
        planes.random({"bias": jnp.ones(3)}, KEY)
    with pytest.raises(InputError, match="the mask of"):
        planes.random(a, KEY, jax.tree.map(lambda x: x[:1] > 0, a))
    with pytest.raises(InputError, match="at least 3 states, not 2"):
        planes.trajectory([a, b])
    with pytest.raises(InputError, match="lie on a line"):
        planes.trajectory([a, b, middle])
    with pytest.raises(InputError, match="must be finite"):
        planes.trajectory([a, b, jax.tree.map(lambda x: x * jnp.inf, a)])
    with pytest.raises(InputError, match="at least 1 row"):
        grid((0, 3))
    for extent in (0.0, -1.0, jnp.nan, (0.0, 1.0), (0.0, 1.0, 2.0, 2.0)):
        with pytest.raises(InputError, match="an extent is"):
            grid(3, extent)
    plane = planes.random(a, KEY)
    rows = functools.partial(
        planes.evaluate_rows, plane, OBJECTIVE.data_loss, examples()
    )
    for message, arguments in (
        ("start_row must be from 0 to 2", {"start_row": 3}),
        ("rows_per_block must be at least 1", {"rows_per_block": 0}),
        ("alphas must be a list of finite", {"alphas": [jnp.nan]}),
        ("betas must be a list of finite", {"betas": []}),
    ):
        settings = {"alphas": [0.0], "betas": [0.0, 1.0]} | arguments
        with pytest.raises(InputError, match=message):
            list(rows(**settings))
