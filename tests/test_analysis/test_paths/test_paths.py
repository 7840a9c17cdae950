import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.paths import (
    bezier,
    evaluate,
    fit,
    fitting,
    grid,
    line,
    polychain,
    straight,
)
from landscape.errors import InputError
from landscape.machine import devices
from landscape.recipes import order
from landscape.weighting import weighted_mean

numbers = st.floats(-3, 3, allow_subnormal=False)


def casteljau(points, t):
    while len(points) > 1:
        points = [(1 - t) * a + t * b for a, b in itertools.pairwise(points)]
    return points[0]


def walk(points, t):
    """Along the chain, one segment after the other."""
    at, segments = t * (len(points) - 1), len(points) - 1
    segment = 0
    while segment < segments - 1 and at >= segment + 1:
        segment += 1
    along = at - segment
    return points[segment] + along * (points[segment + 1] - points[segment])


@settings(deadline=None, max_examples=50)
@given(
    points=st.lists(numbers, min_size=2, max_size=6),
    t=st.floats(-0.5, 1.5),
)
def test_curves_are_those_of_the_slow_constructions(points, t):
    with jax.enable_x64(True):
        for make, twin in ((bezier, casteljau), (polychain, walk)):
            path = make([jnp.asarray(p) for p in points])
            (row,) = path.coefficients([t])
            assert row.dtype == np.float64 and row.sum() == pytest.approx(1)
            want = twin(points, t)
            np.testing.assert_allclose(row @ points, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [bezier, polychain])
@pytest.mark.parametrize("count", [2, 7])
def test_the_ends_are_exact_also_in_the_coefficients(make, count):
    points = [{"w": jax.random.normal(jax.random.key(i), (5,))} for i in range(count)]
    path = make(points)
    rows = path.coefficients([0.0, 1.0])
    np.testing.assert_array_equal(rows, np.eye(count)[[0, -1]])
    traced = jax.jit(lambda points, t: path._replace(points=points).at(t))
    for t, point in ((0, points[0]), (1, points[-1])):
        np.testing.assert_array_equal(path.at(t)["w"], point["w"])
        np.testing.assert_array_equal(traced(path.points, float(t))["w"], point["w"])


@pytest.mark.parametrize("make", [bezier, polychain])
def test_a_traced_t_gives_the_same_point(make):
    with jax.enable_x64(True):
        path = make([jnp.array([x]) for x in (0.0, 1.0, -2.0, 5.0)])
        traced = jax.jit(path.at)
        for t in (-0.3, 0.0, 0.2, 1 / 3, 0.5, 0.9, 1.0, 1.4):
            np.testing.assert_allclose(traced(t), path.at(t), rtol=1e-13, atol=1e-13)


@settings(deadline=None, max_examples=100)
@given(half=st.integers(1, 200), extend=st.floats(0, 2))
def test_the_grid_holds_the_ends_and_the_middle_exactly(half, extend):
    points = 2 * half + 1
    ts = grid(points, extend)
    assert len(ts) == points and {0.0, 0.5, 1.0} <= set(ts)
    np.testing.assert_allclose(ts + ts[::-1], 1, atol=1e-12)
    np.testing.assert_allclose(np.diff(ts), ts[half] - ts[half - 1], rtol=1e-9)
    # With a step more or one less between the ends, it would reach less or more far.
    inside = round(0.5 / (ts[half] - ts[half - 1]))
    assert (half / (inside + 1) - 1) / 2 <= extend
    assert inside == 1 or extend <= (half / (inside - 1) - 1) / 2


def test_the_papers_grid_has_71_points_two_hundredths_apart():
    np.testing.assert_allclose(grid(), np.arange(-10, 61) / 50, atol=1e-15)
    np.testing.assert_array_equal(grid(3, 0), [0, 0.5, 1])


def test_a_straight_curve_runs_along_the_line_and_keeps_common_zeros():
    a = {"w": jnp.array([1.0, 0.0, 0.3])}
    b = {"w": jnp.array([0.2, 0.0, -4.0])}
    for basis in ("bezier", "polychain"):
        curve = straight(a, b, order=3, basis=basis)
        for t in (-0.2, 0.1, 0.5, 1.1):
            np.testing.assert_allclose(
                curve.at(t)["w"], line(a, b).at(t)["w"], rtol=1e-5, atol=1e-6
            )
        assert all(point["w"][1] == 0 for point in curve.points)
    assert len(straight(a, b, order=1).points) == 2


def quadratic(w, batch):
    return jnp.mean((batch["x"] @ w["w"] + w["b"] - batch["y"]) ** 2)


def problem(size=12, count=3):
    draw = np.random.default_rng(0)
    data = {
        "x": jnp.asarray(draw.normal(size=(size, 4)), float),
        "y": jnp.asarray(draw.normal(size=size), float),
    }
    points = [
        {"w": jnp.asarray(draw.normal(size=4), float), "b": jnp.zeros(())}
        for _ in range(count)
    ]
    return points, data


def test_a_line_is_evaluated_with_its_ends_exact_and_both_points_untouched():
    # Of integers, 8 examples: at the ends nothing is rounded, in whatever order a
    # program adds.
    draw = np.random.default_rng(0)
    x, y = (draw.integers(-9, 10, s).astype("float32") for s in ((8, 4), 8))
    points = [
        {"w": draw.integers(-9, 10, 4).astype("float32"), "b": np.float32(3)}
        for _ in range(2)
    ]
    before = [p["w"].copy() for p in points]
    ts = grid(7, 0.3)
    got = evaluate(line(*points), quadratic, {"x": x, "y": y}, ts)["loss"]
    assert got.shape == (7,)
    for t, value in zip(ts, got, strict=True):
        w, b = ((1 - t) * points[0][n] + t * points[1][n] for n in ("w", "b"))
        want = ((x.astype(float) @ w + b - y) ** 2).mean()
        if t in (0, 1):
            assert value == want
        np.testing.assert_allclose(value, want, rtol=1e-5)
    for point, old in zip(points, before, strict=True):
        np.testing.assert_array_equal(point["w"], old)


def seen_by(key, size, batch_size, num_steps):
    """The t and the examples of each step, worked out alone."""
    order_key, t_key = jax.random.split(key)
    seed = int(jax.random.bits(order_key, dtype=jnp.uint32) >> 1)
    ts = [
        float(jax.random.uniform(jax.random.fold_in(t_key, i), dtype=jnp.float32))
        for i in range(num_steps)
    ]
    return ts, np.asarray(order.batches(seed, size, batch_size, 0, num_steps))


@pytest.mark.parametrize("basis", ["bezier", "polychain"])
def test_fitting_is_sgd_with_momentum_on_one_t_and_one_batch_a_step(basis):
    with jax.enable_x64(True):
        points, data = problem(count=4)
        path = {"bezier": bezier, "polychain": polychain}[basis](points)
        key, steps = jax.random.key(3), 9
        got = fit(path, quadratic, data, key, num_steps=steps, batch_size=5)
        ts, indices = seen_by(key, 12, 5, steps)
        flat = np.array([np.r_[p["w"], p["b"]] for p in points])
        momentum, losses = np.zeros_like(flat), []
        for t, index in zip(ts, indices, strict=True):
            (row,) = path.coefficients([t])
            w = row @ flat
            x = np.c_[data["x"][index], np.ones(5)]
            error = x @ w - np.asarray(data["y"])[index]
            losses.append((error**2).mean())
            gradient = 2 * x.T @ error / 5
            momentum = 0.95 * momentum + np.outer(row, gradient)
            flat[1:-1] -= 0.01 * momentum[1:-1]
        np.testing.assert_allclose(got.ts, ts, rtol=1e-6)
        np.testing.assert_allclose(got.losses, losses, rtol=1e-6)
        for point, want in zip(got.path.points, flat, strict=True):
            np.testing.assert_allclose(np.r_[point["w"], point["b"]], want, rtol=1e-9)
        assert got.state.step == steps and got.path.basis == basis


def same_bits(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_padding_takes_no_part_in_a_fit():
    def loss(w, batch):
        return weighted_mean((batch["x"] - w) ** 2, batch["weight"])

    data = {"x": jnp.arange(6.0), "weight": jnp.array([1, 0, 0, 0, 0, 2])}
    path = straight(jnp.zeros(1), jnp.ones(1), 2)
    padded, plain = (
        fit(path, loss, batch, jax.random.key(0), num_steps=5, batch_size=1)
        for batch in (data, jax.tree.map(lambda x: x[jnp.array([0, 5])], data))
    )
    assert np.isfinite(padded.losses).all()
    np.testing.assert_array_equal(padded.losses, plain.losses)
    with pytest.raises(InputError, match="from 1 to the 2 examples, not 3"):
        fit(path, loss, data, jax.random.key(0), num_steps=1, batch_size=3)


def test_a_resumed_fit_has_the_same_bits_and_leaves_what_it_was_given(monkeypatch):
    monkeypatch.setattr(fitting, "STEPS_PER_CALL", 4)
    points, data = problem()
    before = [np.array(p["w"]) for p in points]
    path, key = bezier(points), jax.random.key(0)
    options = {"batch_size": 5, "optimizer": optax.adam(0.05)}
    whole = fit(path, quadratic, data, key, num_steps=11, **options)
    first = fit(path, quadratic, data, key, num_steps=5, **options)
    kept = jax.tree.map(np.array, (first.path.points, first.state))
    second = fit(
        first.path, quadratic, data, key, num_steps=6, state=first.state, **options
    )
    same_bits((second.path.points, second.state), (whole.path.points, whole.state))
    same_bits((first.path.points, first.state), kept)
    np.testing.assert_array_equal(np.r_[first.losses, second.losses], whole.losses)
    same_bits([p["w"] for p in path.points], before)
    same_bits(whole.path.points[::2], path.points[::2])
    nothing = fit(path, quadratic, data, key, num_steps=0, **options)
    same_bits(nothing.path.points, path.points)
    assert nothing.losses.shape == (0,)


def test_steps_in_calls_of_their_own_are_those_of_the_loop(monkeypatch):
    with jax.enable_x64(True):
        points, data = problem(count=4)
        run = partial(
            fit, bezier(points), quadratic, data, jax.random.key(1), num_steps=7,
            batch_size=5,
        )  # fmt: skip
        loop = run()
        monkeypatch.setattr(fitting.backend, "scannable", lambda *_: False)
        calls = run()
        # Losses are of single precision: rounded up in one and down in the other.
        np.testing.assert_allclose(calls.losses, loop.losses, rtol=2.4e-7)
        np.testing.assert_array_equal(calls.ts, loop.ts)
        for one, other in zip(calls.path.points, loop.path.points, strict=True):
            np.testing.assert_allclose(one["w"], other["w"], rtol=1e-12)


def test_plain_convolutions_alone_are_kept_out_of_loops_on_a_cpu():
    def convolves(w, batch):
        y = jax.lax.conv(
            batch["x"][:, None, None], w["w"][None, None, None], (1, 1), "SAME"
        )
        return jnp.mean(y**2)

    points, data = problem()
    on_cpu = jax.default_backend() == "cpu"
    assert fitting._scannable(quadratic, points[0], data, 5)
    assert fitting._scannable(convolves, points[0], data, 5) != on_cpu
    result = fit(
        bezier(points), convolves, data, jax.random.key(0), num_steps=2, batch_size=5
    )
    assert np.isfinite(result.losses).all()


OPTIMIZERS = {
    "default": None,
    "adamw": optax.adamw(0.01, weight_decay=0.1),
    "noisy": optax.noisy_sgd(0.01, key=0),
}


def test_a_fit_traces_its_loss_once_before_the_steps_and_once_in_them(monkeypatch):
    """And spreads the batch of a step over the devices."""
    spread, plain = [], devices.spread
    monkeypatch.setattr(
        devices, "spread", lambda *args: spread.append(args) or plain(*args)
    )
    points, data = problem()
    traces = []

    def counted(w, batch):
        traces.append(1)
        return quadratic(w, batch)

    mesh = devices.make_mesh(1)
    fit(
        bezier(points), counted, data, jax.random.key(0), num_steps=2, batch_size=5,
        mesh=mesh,
    )  # fmt: skip
    assert len(traces) == 2
    (arguments,) = spread
    assert arguments[0] == mesh and len(jax.tree.leaves(arguments[1])[0]) == 5


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_masked_curve_stays_exactly_in_the_sparse_subspace(name):
    points, data = problem()
    mask = {"w": jnp.array([True, False, True, False]), "b": jnp.array(True)}
    points = [p | {"w": jnp.where(mask["w"], p["w"], 0.0)} for p in points]
    path = bezier(points)
    options = {"num_steps": 20, "batch_size": 5, "optimizer": OPTIMIZERS[name]}
    sparse = fit(path, quadratic, data, jax.random.key(0), mask=mask, **options)
    inner = np.asarray(sparse.path.points[1]["w"])
    assert not inner[1::2].any() and inner[::2].all()
    if name == "default":
        dense = fit(path, quadratic, data, jax.random.key(0), **options)
        assert np.asarray(dense.path.points[1]["w"])[1::2].all()
    # Removed weights gather no momentum either.
    for leaf in jax.tree.leaves(sparse.state.opt_state):
        assert leaf.shape != (4,) or not np.asarray(leaf)[1::2].any()
    same_bits(sparse.path.points[::2], path.points[::2])


def test_fitting_lowers_the_way_around_a_hill():
    def hill(w, batch):
        return jnp.exp(-4 * (w**2).sum()) + 0 * batch.mean()

    ends = jnp.array([-1.5, 0.02]), jnp.array([1.5, 0.02])
    ts = grid(41, 0)
    trained = fit(
        straight(*ends, order=2),
        hill,
        jnp.zeros(4),
        jax.random.key(0),
        num_steps=600,
        batch_size=2,
        optimizer=optax.sgd(0.1, momentum=0.9),
    )
    highest = []
    for path in (line(*ends), trained.path):
        w = path.coefficients(ts) @ np.array(path.points)
        highest.append(np.exp(-4 * (w**2).sum(1)).max())
    assert highest[0] > 0.95 and highest[1] < 0.3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, b, data: bezier([a]), "at least 2 points, not 1"),
        (lambda a, b, data: line(a, {"w": b["w"]}), "another structure"),
        (lambda a, b, data: straight(a, b, order=0), "must be at least 1, not 0"),
        (lambda a, b, data: straight(a, b, 2, "bezire"), "perhaps you meant 'bezier'"),
        (lambda a, b, data: grid(70), "must be odd and at least 3, not 70"),
        (lambda a, b, data: grid(1), "must be odd and at least 3, not 1"),
        (lambda a, b, data: grid(5, -0.1), "extended by 0 or more, not -0.1"),
        (lambda a, b, data: line(a, b).coefficients([np.nan]), "finite numbers"),
        (lambda a, b, data: line(a, b).coefficients(0.5), "finite numbers"),
        (lambda a, b, data: fit_to(line(a, b), data), "none to train"),
        (lambda a, b, data: fit_to(curve(a, b), data, batch_size=13), "to the 12"),
        (lambda a, b, data: fit_to(curve(a, b), data, num_steps=-1), "at least 0"),
        (
            lambda a, b, data: fit_to(curve(a, b), data, mask={"w": True}),
            "must have the structure",
        ),
        (
            lambda a, b, data: fit_to(
                curve(a, b), data, mask={"w": jnp.arange(4) > 1, "b": jnp.array(True)}
            ),
            "point 0 of the path is not in the sparse subspace: 2 entries of w",
        ),
        (
            lambda a, b, data: fit(
                curve(a, b),
                lambda w, d: {"loss": quadratic(w, d)},
                data,
                jax.random.key(0),
                num_steps=1,
                batch_size=2,
            ),
            r"a scalar, the sum of all terms, as Objective\.bind\(.*l2=True\) is\.",
        ),
    ],
)
def test_mistakes_are_refused_in_a_sentence(call, message):
    (a, b), data = problem(count=2)
    with pytest.raises(InputError, match=message):
        call(a, b, data)


def curve(a, b):
    return straight(a, b, order=2)


def fit_to(path, data, **options):
    options = {"num_steps": 1, "batch_size": 2} | options
    return fit(path, quadratic, data, jax.random.key(0), **options)
