"""The study of paper 3: what its claims say, and that it runs from end to end."""

import json
from copy import deepcopy

import numpy as np
import pytest

from analysis.studies import (
    hessian,
    hessian_claims,
    hessian_figures,
    hessian_phases,
    hessian_planar,
    hessian_runs,
    hessian_small,
    hessian_spectra,
)
from analysis.studies.hessian_runs import GROUPS, JUDGED, Measured

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
        widths={h: [images(0.2, -1e-4)] * 2 for h in ("10", "20", "30", "50")},
        batches={
            "0.1": {"10": [images(0.1, -0.03)] * 2, "512": [images(0.4, -0.01)] * 2}
        },
        phases=[phase] * 2,
        example="run",
    )
    return deepcopy(world)


def verdicts(world):
    return {c.name: c.holds for c in hessian_claims.claims(world)}


def test_a_world_like_the_papers_confirms_every_claim():
    found = {name: holds for name, holds in verdicts(measured()).items() if name != "-"}
    assert found.pop("C3.3") is None
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
        ("C3.13", put(0.09, "phases", 0, "peak")),
        ("C3.13b", put([5, 0.2, 0.01, 0.02, 0.001, 0.001, 0.002], "phases", 0,
                       "train_loss")),
        ("C3.13s", put([1, 0.2, 0.01, 0.005, 0.001, 0.001, 2], "phases", 0,
                       "train_loss")),
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
    claims = {c.name: c for c in hessian_claims.claims(world)}
    assert claims["C3.1"].held == [False, True] and claims["C3.1"].ours == [2, 4]


def test_the_papers_own_points_give_the_papers_numbers():
    paper = json.loads(hessian_figures.PAPER.read_text())
    counts = {
        k: sum(v > hessian_figures.THRESHOLD for _, v in paper[f"fig2_{k}"])
        for k in (2, 5, 10, 20, 50)
    }
    assert list(counts.values()) == [2, 5, 10, 19, 49]
    top = {size: paper[f"fig4_{size}"][0][1] for size in ("SB10", "LB512")}
    assert top["LB512"] / top["SB10"] == pytest.approx(4.0, abs=0.05)
    least = [paper[f"fig6_{size}"][0][1] for size in ("SB", "LB")]
    assert least[0] / least[1] == pytest.approx(4.9, abs=0.05)
    largest = np.array(
        [[v for _, v in paper[f"fig3_{m}"][:10]] for m in hessian_figures.SIZES[1:]]
    )
    off = np.abs(largest / largest.mean(0) - 1).max()
    assert off == pytest.approx(0.13, abs=0.01)


def test_clusters_lie_where_they_are_said_to():
    data = hessian_planar.clusters(0.2, seed=0)
    for label, centre in ((0, 1), (1, -1)):
        points = data["image"][data["label"] == label]
        assert np.allclose(points.mean(0), centre, atol=0.08)
        assert np.allclose(points.std(0), 0.2, atol=0.05)


def test_the_study_runs_and_is_read_back(tmp_path, monkeypatch):
    tiny = hessian_runs.Scale(
        {"dataset": "digits", "num_train": 40}, num_seeds=1, classes=(2,), many=3,
        blob_samples=20, blob_steps=4, widths=(2, 3), width_steps=4,
        batches=(5, 20), batch_steps=4, batch_rates=(0.1,), batch_model=("mlp", (2,)),
        exact_up_to=220, small_steps=4, planar_steps=4,
        phases=hessian_phases.Setting((2,), 0.1, (20, 20)),
    )  # fmt: skip
    monkeypatch.setitem(hessian_runs.SCALES, "digits", tiny)
    monkeypatch.setitem(hessian_runs.BLOBS, "blob_dim", 8)
    monkeypatch.setitem(hessian_runs.BLOBS, "widths", (4, 4))
    monkeypatch.setattr(hessian_small, "CLASSES", (2,))
    monkeypatch.setattr(
        hessian_small, "SETTINGS",
        hessian_small.SETTINGS | {"blob_dim": 6, "widths": (4, 4)},
    )  # fmt: skip
    monkeypatch.setattr(hessian_planar, "DEVIATIONS", (0.2, 1.0))

    # Compiling Lanczos for every network takes longest.
    def edges(name, top, bottom=2):
        values = hessian_spectra.everything(name).tolist()
        return {"largest": values[:top], "smallest": values[::-1][:bottom]}

    monkeypatch.setattr(hessian_runs, "edges", edges)
    config = hessian.Config(workdir=str(tmp_path))
    result = hessian.run(config)
    assert {p.name for p in config.folder.iterdir()} == {
        *(f"figure{i}.png" for i in range(1, 9)),
        "claims.txt", "table1.txt", "result.json",
    }  # fmt: skip
    stored = json.loads((config.folder / "result.json").read_text())
    assert set(stored["blobs"]) == set(GROUPS)
    narrow, wide = stored["widths"]["2"][0], stored["widths"]["3"][0]
    assert "all" in narrow and "all" not in wide and wide["negative"] >= 0
    assert stored["products"][0] < 1e-8
    ends = hessian_spectra.edges(result["example"], 3)
    assert np.allclose(ends["largest"], narrow["largest"][:3], rtol=1e-4)
    assert np.allclose(ends["smallest"], narrow["smallest"][:2], rtol=1e-2)
    files = [*tmp_path.rglob("partial.npz"), *tmp_path.rglob("checkpoints/*/*")]
    times = {p: p.stat().st_mtime_ns for p in files}
    assert hessian.run(config)["table"] == result["table"]
    assert times == {p: p.stat().st_mtime_ns for p in times}
