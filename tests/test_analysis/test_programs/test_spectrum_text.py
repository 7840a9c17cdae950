"""What the spectrum program says and draws of operators with planted spectra."""

import json

import jax
import numpy as np
import pytest

from analysis import spectra
from analysis.programs.spectrum import resumable as resumable_spectra
from analysis.programs.spectrum import stability
from analysis.programs.spectrum import text as spectrum_text
from landscape import figures
from landscape.config import DenseRun
from landscape.recipes import optimizers


def test_counts_find_planted_outliers():
    noise = np.linspace(-1, 1, 200)
    values = np.sort(np.append(noise, [30.0, 28.0, 26.0]))[::-1]
    found = spectra.count_outliers(values[:10], values)
    assert (found["gap"], found["ratio"], found["elbow"]) == (3, 3, 3)
    assert found["beyond_bulk"] == 3 and found["bulk_fits"]
    share = np.full((1, 203), 1 / 203)
    as_density = spectra.Density(
        values[None, ::-1], share, share, np.zeros((1, 203), bool), 203, 203
    )
    assert spectra.count_outliers(values[:10], as_density)["beyond_bulk"] == 3


def test_rounding_is_no_outlier():
    values = np.concatenate([np.arange(1.0, 11.0), np.zeros(390)])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(400, 400)))[0]
    dense = (turn * values) @ turn.T
    op = spectra.from_matrix(jax.numpy.asarray(dense, "float32"))
    for found in (
        resumable_spectra.estimated(op, 20, 80, 4, jax.random.key(0)).result[
            "outliers"
        ],
        spectra.summarise_exact(op, 20).result["outliers"],
    ):
        assert (found["beyond_bulk"], found["below_bulk"]) == (10, 0)


@pytest.mark.parametrize("exact", [False, True])
def test_a_tail_has_no_count_in_result_text_or_table(exact):
    op = spectra.from_matrix(jax.numpy.diag(jax.numpy.arange(1.0, 201) ** -1.5))
    if exact:
        found = spectra.summarise_exact(op, 5)
    else:
        found = resumable_spectra.estimated(op, 5, 40, 4, jax.random.key(0))
    counts = found.result["outliers"]
    names = ("beyond_bulk", "beyond_bulk_fewest", "beyond_bulk_most", "below_bulk")
    assert [counts[name] for name in (*names, "bulk_edges")] == [None] * 5
    assert not counts["bulk_fits"] and '"beyond_bulk": null' in json.dumps(counts)
    words = {"layers": [], "include_l2": False, "operator": "hessian", "size": 200}
    words |= {"subspace": "sparse", "num_examples": 9, "num_steps": 40, "skipped": []}
    result = found.result | words
    assert "no bulk edge" in spectrum_text.describe(result)
    table = spectrum_text.describe_layers(result | {"by_layer": {"a": result}})
    (row,) = (line for line in table.splitlines() if line.startswith("a "))
    assert row.endswith("  -")


def test_an_edge_of_rounding_is_zero_within_it_and_no_isolated_eigenvalue():
    """A matrix of rank 5: its smallest eigenvalues are zero, of no sign."""
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(200, 5)))[0]
    matrix = (vectors * np.arange(1.0, 6)) @ vectors.T
    op = spectra.from_matrix(jax.numpy.asarray(matrix, "float32"))
    found = resumable_spectra.estimated(op, 8, 20, 2, jax.random.key(0))
    curve = found.figure["curve"]
    np.testing.assert_allclose(curve["point_masses"], np.arange(1.0, 6), rtol=1e-5)
    words = {"layers": [], "include_l2": False, "operator": "hessian", "size": 200}
    words |= {"subspace": "sparse", "num_examples": 9, "num_steps": 20}
    assert "smallest 0 +- " in spectrum_text.describe(found.result | words)
    small = figures.spectrum(found.figure, "").axes[1]
    drawn = np.concatenate([each[0].get_ydata() for each in small.containers])
    assert len(drawn) and not drawn.any()


@pytest.mark.draws
def test_a_spectrum_of_isolated_eigenvalues_has_a_figure(tmp_path):
    op = spectra.from_matrix(jax.numpy.diag(jax.numpy.arange(1.0, 9.0)))
    found = resumable_spectra.estimated(op, 4, 8, 2, jax.random.key(0))
    figure = figures.spectrum(found.figure, "all eight")
    figures.save(figure, tmp_path / "figure.png")
    (lines,) = figure.axes[-2].collections[-1:]
    assert len(lines.get_segments()) == 8


def test_edges_far_above_zero_are_drawn_without_it():
    found = {
        "largest": np.array([1.0, 0.1, 0.01]),
        "smallest": -np.arange(3.0),
        "size": 9,
    }
    curve = {"grid": np.linspace(-2, 1, 9), "value": np.ones(9), "linear": 0.1}
    curve |= {"spread": np.zeros(9), "point_masses": np.zeros(0)}
    curve |= {"min_fraction": np.zeros(9), "max_fraction": np.ones(9)}
    right, left, *_ = figures.spectrum(found | {"curve": curve}, "").axes
    assert right.get_ylim()[0] > 1e-3 and left.get_ylim()[1] >= 0
    # One kind of axis, so that figures can be compared.
    assert right.get_yscale() == left.get_yscale() == "asinh"


@pytest.mark.parametrize(
    "settings", [{"momentum": 0.0}, {"momentum": 0.9}, {"nesterov": True}], ids=str
)
def test_above_its_threshold_an_optimizer_diverges_on_a_quadratic(settings):
    config = DenseRun(learning_rate=0.1, **settings)
    factor, _ = stability.stability(config)
    optimizer = optimizers.create(
        "sgd", 0.1, momentum=config.momentum, nesterov=config.nesterov
    )
    for share, stays in ((0.97, True), (1.03, False)):
        curvature = share * factor / config.learning_rate
        x, state = np.float64(1.0), optimizer.init(np.float64(1.0))
        for _ in range(100):
            update, state = optimizer.update(curvature * x, state)
            x = x + np.float64(update)
        assert (abs(x) < 1) == stays
