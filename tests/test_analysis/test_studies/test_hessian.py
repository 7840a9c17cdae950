"""The study of paper 3: what its claims say, and that it runs from end to end."""

import json
from copy import deepcopy
from pathlib import Path

import jax
import numpy as np
import pytest

from analysis import curvature, spectra
from analysis.studies.claims import verdict_table
from analysis.studies.hessian import (
    claims,
    figures,
    many_initialisations,
    marchenko_pastur,
    measurements,
    two_clusters,
)
from analysis.studies.hessian.__main__ import Config, run
from analysis.studies.hessian.runs import Measured
from analysis.studies.hessian.scales import (
    GROUPS,
    JUDGED,
    Blobs,
    Parts,
    Phases,
    Plane,
    Scale,
)
from analysis.studies.hessian.table import table_one
from landscape import rng, runs, trees
from train.jobs import job

IMAGES = {"dataset": "digits", "num_train": 40}
TINY = Scale(
    IMAGES, {"digits": Phases(IMAGES, ("mlp", (2,)), 0.1, 20, (5, 20))},
    num_seeds=1,
    blobs=Blobs(
        classes=(2,), many=5, samples=20, dim=10, widths=(8, 8), steps=4,
        exact_up_to=1000,
    ),
    # The shapes of the networks on blobs: each is compiled once. (The products are
    # those of 10-8-8-5.)
    parts=Parts(
        classes=(2,), samples=20, dim=10, widths=(8, 8), steps=4, products_steps=4
    ),
    plane=Plane(stds=(0.2, 1.0), per_cluster=10, steps=4, initialisations=3,
                per_save=3),
    widths=(2, 3), width_steps=4, batches=(5, 20), batch_steps=8, batch_rates=(0.1,),
    batch_model=("mlp", (2,)), exact_up_to=220, noise_width=2, logistic_examples=150,
)  # fmt: skip
CLASSES = (2, 5, 10, 20)
TS = np.linspace(-1, 2, 7)


def network(k, scale=1.0):
    large = [scale * 1e-2] * k + [scale * 1e-3 * 0.99**i for i in range(3 * k)]
    return {
        "train_loss": 1e-4, "largest": large, "smallest": [-1e-5, -1e-6],
        "mean": 1e-5, "size": 4000,
        "initial_largest": [0.15, 0.1], "initial_smallest": [-0.08, -0.07],
    }  # fmt: skip


def images(top, low, negative=0.1):
    large = [top * 0.9**i for i in range(12)] + [top * 0.01] * 48
    return {
        "train_loss": 1e-4, "largest": large, "smallest": [low, low / 2],
        "size": 1000, "near_zero": 0.9, "negative": negative,
    }  # fmt: skip


def measured():
    """Two seeds for which every claim holds."""
    curve = {"step": [1, 2], "train_loss": [1.0, 0.1], "train_accuracy": [0.5, 1.0]}
    curve |= {"test_step": [1], "test_loss": [1.0], "test_accuracy": [0.9]}
    phase = {
        "before": 0.01, "peak": 1.0, "after": 0.001, "curves": [curve, curve],
        "ts": TS.tolist(), "train_loss": [5, 0.2, 0.01, 0.005, 0.001, 0.001, 0.002],
    }  # fmt: skip
    phase |= {
        name: phase["train_loss"]
        for name in ("test_loss", "test_accuracy", "train_accuracy")
    }
    small = {
        "residual_start": 0.8, "residual_end": 0.05, "overlap_start": 0.3,
        "overlap_end": 0.99, "rank": 200, "bound": 200, "train_loss": 1e-4,
    }  # fmt: skip
    world = Measured(
        blobs={
            group: {
                str(k): [network(k, 10.0 if group == JUDGED[1] else 1.0)] * 2
                for k in CLASSES
            }
            for group in GROUPS
        },
        near_zero={str(k): 0.9 for k in CLASSES},
        whole={"initial": [0.1, 0.0, -0.1], "final": [0.1, 0.0, 0.0]},
        small={str(k): [small] * 2 for k in (2, 5, 10)},
        products=[1e-15, 1e-15],
        planar={
            std: [{"values": [top, top, 1e-4]}] * 2
            for std, top in (("0.2", 0.02), ("1", 1.7))
        },
        starts={"largest": [0.02] * 9 + [1e-4], "unfinished": 0},
        pastur={
            "one": [{"alpha": 0.2, "values": [1.0], "distance": 0.01}],
            "two": [{"alpha": 1.0, "values": [250.0, 1.0], "expected": 251.0}],
        },
        widths={h: [images(0.2, -1e-4)] * 2 for h in ("10", "20", "30", "50")},
        batches={
            "0.1": {"10": [images(0.1, -0.03)] * 2, "512": [images(0.4, -0.01)] * 2}
        },
        phases={"digits": [phase] * 2},
        noise={
            kind: {"final": [1.0] * 9 + [edge] * 40, "train_loss": 1e-3}
            for kind, edge in (("images", 0.1), ("patterns", 0.9))
        },
        descents={
            pair: {
                "distance": [0.0, 2.0],
                "travelled": [0.0, 4.0],
                "train_loss": [[3.0] * 3, [0.1, middle, 0.2]],
            }
            for pair, middle in (("one start", 0.15), ("two starts", 0.7))
        },
        example="run",
    )
    return deepcopy(world)


def verdicts(world):
    return {c.name: c.holds for c in claims.claims(world)}


def test_a_world_like_the_papers_confirms_every_claim():
    found = verdicts(measured())
    reported = {name for name, holds in found.items() if holds is None}
    assert reported == {"-", "C3.3", "S2", "S4", "S4z", "S6", "S6d", "F9", "F9o"}
    for name in reported:
        del found[name]
    assert found == dict.fromkeys(
        "C3.1 C3.2 C3.2l C3.4 C3.10 C3.10i C3.5 C3.5i C3.6 C3.6i C3.7 C3.8 C3.8n C3.9"
        " C3.11 C3.12 C3.13 C3.13b C3.13s C3.14 C3.14s C3.15".split(),
        True,
    )


def put(value, *path):
    """A change of one number of the first seed; the shared dicts are copied first."""

    def change(world):
        at = world._asdict()
        at = json.loads(json.dumps(at))
        part = at
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
        return Measured(**at)

    return change


NO_EDGE = [1e-2 * 0.9**i for i in range(60)]
NO_EDGE[15] = 1e-4  # The largest quotient is far from 5, within its ranks.
LATE = [1e-2 * 0.99**i for i in range(13)] + [1e-5] * 5
WIDE = [0.2 * 0.9**i for i in range(10)] + [0.05] * 6 + [0.01] * 9


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("C3.2l", put([0.02, 0.019] + [1e-3] * 6, "blobs", JUDGED[1], "2", 0,
                      "largest")),
        ("C3.4", put(0.74, "near_zero", "20")),
        ("C3.10", put([-1e-3], "blobs", JUDGED[0], "2", 0, "smallest")),
        ("C3.10i", put([-0.02], "blobs", JUDGED[0], "2", 0, "initial_smallest")),
        ("C3.5", put(0.11, "small", "2", 0, "residual_end")),
        ("C3.5i", put(0.29, "small", "2", 0, "residual_start")),
        ("C3.6", put(0.94, "small", "5", 0, "overlap_end")),
        ("C3.6i", put(0.71, "small", "5", 0, "overlap_start")),
        ("C3.7", put(201, "small", "2", 0, "rank")),
        ("C3.8", put(images(0.5, -1e-4)["largest"], "widths", "50", 0, "largest")),
        ("C3.8n", put(WIDE, "widths", "50", 0, "largest")),
        ("C3.9", put(0.13, "widths", "50", 0, "negative")),
        ("C3.11", put([images(0.05, -0.01)] * 2, "batches", "0.1", "512")),
        ("C3.12", put([-0.014], "batches", "0.1", "10", 0, "smallest")),
        ("C3.13", put(0.09, "phases", "digits", 0, "peak")),
        ("C3.13b", put([5, 0.2, 0.01, 0.02, 0.001, 0.001, 0.002], "phases", "digits",
                       0, "train_loss")),
        ("C3.13s", put([1, 0.2, 0.01, 0.005, 0.001, 0.001, 2], "phases", "digits",
                       0, "train_loss")),
        ("C3.14", put([0.02, 0.002, 0.001], "planar", "0.2", 0, "values")),
        ("C3.14s", put([0.1, 0.1, 0.1], "planar", "1", 0, "values")),
        ("C3.15", put(1e-7, "products", 0)),
    ],
)  # fmt: skip
def test_each_claim_can_fail(claim, change):
    before, after = verdicts(measured()), verdicts(change(measured()))
    assert before[claim] is True and after[claim] is False


def test_one_number_of_classes_may_be_miscounted_but_not_two():
    world = put(LATE, "blobs", JUDGED[0], "5", 0, "largest")(measured())
    assert verdicts(world)["C3.1"] is True
    world = put(NO_EDGE, "blobs", JUDGED[0], "10", 0, "largest")(world)
    (counts,) = (c for c in claims.claims(world) if c.name == "C3.1")
    assert counts.held == [False, True] and counts.ours == [2, 4]


NOT_YET = [True] * 4 + [False] * 40


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("C3.1", put(NOT_YET, "blobs", JUDGED[0], "5", 0, "largest_converged")),
        ("C3.8", put(NOT_YET, "widths", "50", 0, "largest_converged")),
        ("C3.12", put([False], "batches", "0.1", "10", 0, "smallest_converged")),
        ("C3.12", put([0.02], "batches", "0.1", "512", 0, "smallest_errors")),
    ],
)
def test_a_claim_about_what_is_not_known_is_not_decided(claim, change):
    (found,) = (c for c in claims.claims(change(measured())) if c.name == claim)
    assert found.holds is None and found.held == [None, True] and found.ours[0] is None
    assert "converged" in found.reason
    table = verdict_table(claims.claims(change(measured())))
    assert f"{claim} is not decided: {found.reason}." in table


def test_figures_and_table_leave_out_what_is_not_known():
    found = network(2) | {"largest_converged": [True, False] + [True] * 6}
    found["smallest_errors"] = [1e-7, 1e-5]
    assert np.isnan(figures._tops([found])[0]).tolist() == [False, True] + [False] * 6
    ((_, values),) = figures._left([found], 0.02)
    assert values.tolist() == [-1e-5, 0.0]
    # On a linear axis, what has an error that cannot be seen is known, too.
    edge = {"size": 4, "largest": [2.0], "smallest": [-1.0, -0.8, -0.6, 0.0]}
    edge |= {"smallest_errors": [0.0, 0.021, 0.019, 0.019]}
    edge |= {"smallest_converged": [True, False, False, False]}
    ((ranks, values),) = figures._left([edge], None)
    np.testing.assert_array_equal(values, [-0.5, np.nan, -0.3])
    assert ranks.tolist() == [0, 0.25, 0.5]
    (row,) = table_one(measured()._replace(blobs={"a": {"2": [found]}})).splitlines()[
        2:
    ]
    assert row.split()[4:7] == ["-", "-", "-"]
    worlds = (
        measured(),
        put([False] * 2, "widths", "10", 0, "smallest_converged")(measured()),
    )
    left_out = [
        [c.ours for c in claims.claims(world) if "left out" in c.words]
        for world in worlds
    ]
    assert left_out == [[], [[2]]]


def test_the_papers_own_points_give_the_papers_numbers():
    paper = json.loads(figures.PAPER.read_text())
    counts = {
        k: sum(v > figures.THRESHOLD for _, v in paper[f"fig2_{k}"])
        for k in (2, 5, 10, 20, 50)
    }
    assert list(counts.values()) == [2, 5, 10, 19, 49]
    top = {size: paper[f"fig4_{size}"][0][1] for size in ("SB10", "LB512")}
    assert top["LB512"] / top["SB10"] == pytest.approx(4.0, abs=0.05)
    least = [paper[f"fig6_{size}"][0][1] for size in ("SB", "LB")]
    assert least[0] / least[1] == pytest.approx(4.9, abs=0.05)
    largest = np.array(
        [[v for _, v in paper[f"fig3_{m}"][:10]] for m in figures.SIZES[1:]]
    )
    off = np.abs(largest / largest.mean(0) - 1).max()
    assert off == pytest.approx(0.13, abs=0.01)


def test_clusters_lie_where_they_are_said_to():
    data = two_clusters.clusters(100, 0.2, seed=0)
    for label, centre in ((0, 1), (1, -1)):
        points = data["image"][data["label"] == label]
        assert np.allclose(points.mean(0), centre, atol=0.08)
        assert np.allclose(points.std(0), 0.2, atol=0.05)


def test_the_reported_numbers_are_what_their_words_say():
    ours = [
        (c.name, [round(x, 6) for x in c.ours])
        for c in claims.claims(measured())
        if c.name[0] in "SF"
    ]
    assert ours == [
        ("S4", [round((0.02 - (0.55 * 1e-4 + 0.45 * 0.02)) / 0.02, 6)]),
        ("S4z", [0.1]),
        ("S2", [10.0]), ("S2", [round(1 / 0.9, 6)]),
        ("S6", [0.0]), ("S6", [0.5]), ("S6d", [0.5]),
        ("F9", [0.01]), ("F9o", [round(250 / 251, 6)]),
    ]  # fmt: skip


def test_clusters_of_logistic_regression_have_the_spectra_that_theory_expects():
    found = marchenko_pastur.measure(400)
    for each in found["one"]:
        assert each["distance"] < 0.03
        # Of a law twice as wide the distance is another.
        assert (
            marchenko_pastur.distance(2 * np.array(each["values"]), each["alpha"]) > 0.2
        )
    for each in found["two"]:
        values = np.array(each["values"])
        assert values[0] == pytest.approx(each["expected"], rel=0.1)
        edge = (1 + np.sqrt(each["alpha"])) ** 2 / 4
        assert values[1] < 1.1 * edge < values[0]
    draw = np.random.default_rng(0).normal(size=(400, 80))
    twin = np.linalg.eigvalsh(draw.T @ draw / 400 / 4)[::-1]
    assert np.allclose(found["one"][0]["values"], twin, rtol=1e-10)


def test_an_initialisation_ends_where_plain_gradient_descent_does(tmp_path):
    scale = Plane(hidden=4, steps=30, initialisations=3, per_save=2)
    found = many_initialisations.measure(scale, str(tmp_path))
    assert len(found["largest"]) == 3 and found["unfinished"] == 3
    data, objective = two_clusters.clusters(100, 0.2, 0), two_clusters.network(4)
    loss_fn = objective.bind()
    key = rng.stream(0, "start", 2)
    params = objective.model.init(key, data["image"][:1])["params"]
    gradient = jax.jit(jax.grad(loss_fn))
    for _ in range(30):
        params = jax.tree.map(lambda p, g: p - g, params, gradient(params, data))
    top = spectra.eigenvalues(curvature.hessian(loss_fn, params, data))[-1]
    assert found["largest"][2] == pytest.approx(float(top), rel=1e-4)
    # A longer list continues a shorter one.
    less = many_initialisations.measure(
        scale._replace(initialisations=2), str(tmp_path)
    )
    assert less["largest"] == found["largest"][:2]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The settings and the result of a study of a few steps."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Other tests look at the figure of a training.
        monkeypatch.setattr(job.figures, "save", lambda figure, path: None)
        config = Config(workdir=str(tmp_path_factory.mktemp("studies")))
        yield config, run(config, TINY)


def test_the_study_runs_and_is_read_back(study, steps_said):
    config, result = study
    assert {p.name for p in config.folder.iterdir()} == {
        *(f"figure{i}.png" for i in (1, 2, 3, 4, 5, 6, "7-digits", "8-digits", 9)),
        *(f"2016-{what}.png" for what in ("patterns", "starts", "descents")),
        "claims.txt", "table1.txt", "result.json",
    }  # fmt: skip
    stored = json.loads((config.folder / "result.json").read_text())
    assert set(stored["blobs"]) == set(GROUPS)
    narrow, wide = stored["widths"]["2"][0], stored["widths"]["3"][0]
    assert "all" in narrow and "all" not in wide and wide["negative"] >= 0
    assert stored["products"][0] < 1e-8
    root = Path(config.workdir)
    files = [*root.rglob("partial.npz"), *root.rglob("checkpoints/*/*")]
    times = {p: p.stat().st_mtime_ns for p in files}
    assert run(config, TINY)["table"] == result["table"]
    assert steps_said()
    assert times == {p: p.stat().st_mtime_ns for p in times}


def test_what_is_read_off_all_eigenvalues_is_what_products_find(study):
    _, result = study
    name = result["example"]
    ends, exact = (measurements.edges(name, 3, exact=e) for e in (False, True))
    assert np.allclose(ends["largest"], exact["largest"], rtol=1e-4)
    assert np.allclose(ends["smallest"], exact["smallest"], rtol=1e-2)
    mean = measurements.mean(name)
    assert mean == pytest.approx(measurements.mean(name, exact=True), rel=1e-3)
    size = result["widths"]["2"][0]["size"]
    near = measurements.near_zero(name)
    # One eigenvalue may lie at the limit itself.
    assert abs(near - measurements.near_zero(name, exact=True)) < 1.5 / size


def test_the_line_between_two_descents_has_the_loss_of_its_points(study):
    config, result = study
    root = f"{config.workdir}/hessian-runs/digits/descents"
    first, second = (runs.load(f"{root}/{kind}@4") for kind in ("gd", "sgd-elsewhere"))
    ends = [run.state.params for run in (first, second)]
    gap = jax.tree.map(np.subtract, *ends)
    pair = result["descents"]["two starts"]
    at = pair["step"].index(4)
    assert pair["distance"][at] == pytest.approx(float(trees.norm(gap)), rel=1e-5)
    middle = jax.tree.map(lambda a, b: (a + b) / 2, *ends)
    loss = float(first.objective.bind()(middle, first.data.train))
    assert pair["train_loss"][at][10] == pytest.approx(loss, rel=1e-5)
    same = result["descents"]["one start"]["distance"]
    assert same[0] == 0 < same[-1] < pair["distance"][0]


def test_random_patterns_have_labels_that_nothing_tells(study):
    config, _ = study
    name = f"{config.workdir}/hessian-runs/digits/noise/patterns/seed-0"
    train = runs.load(name).data.train
    images = np.asarray(train["image"]).reshape(40, -1)
    means = [images[np.asarray(train["label"]) == k].mean(0) for k in range(10)]
    # Means of 4 standard normal vectors of 64: no class is anywhere else.
    assert images.shape[1] == 64
    assert np.std(means) == pytest.approx(0.5, rel=0.1)
