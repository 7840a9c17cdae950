"""`spectra.plot`: a figure of what the functions return, whatever is given of it."""

import numpy as np
import pytest

from analysis import spectra
from landscape.errors import InputError

VALUES = np.array([5.0, 3.0, -1e-9, -1.0])
PAIRS = spectra.Eigenpairs(
    VALUES, np.zeros((4, 9), np.float32), np.full(4, 1e-6), np.full(4, 1e-4),
    np.array([True, True, True, False]), 30, 0.0,
)  # fmt: skip
NODES = np.linspace(-1, 5, 7)[None].repeat(2, 0)
PARTS = np.full((2, 7), 1 / 7), np.full((2, 7), 1 / 7), np.zeros((2, 7), bool)
DENSITY = spectra.Density(NODES, *PARTS, 9, 14)


def drawn(axes):
    return [xy.tolist() for line, *_ in axes.containers for xy in line.get_xydata()]


def test_pairs_have_both_ends_and_a_density_its_curve_and_its_bounds():
    titles = [axes.get_title() for axes in spectra.plot(DENSITY, PAIRS).axes]
    assert titles[0] == "largest eigenvalues" and titles[2:] == [
        "density",
        "cumulative",
    ]
    assert titles[1].startswith("smallest eigenvalues") and "1 not conv" in titles[1]
    large, small, *_ = spectra.plot(PAIRS, DENSITY).axes
    assert drawn(large) == [[1, 5], [2, 3]]
    # Of the other two one is zero within its error, and one has not converged.
    assert drawn(small) == [[8, 0]]
    assert len(spectra.plot(DENSITY).axes) == len(spectra.plot(PAIRS).axes) == 2


def test_eigenvalues_known_to_differ_from_zero_are_marked_one_by_one():
    density = spectra.plot(DENSITY, PAIRS).axes[2]
    label = "outermost eigenvalue, not in the curve"
    (marks,) = (c for c in density.collections if c.get_label() == label)
    assert [segment[0][0] for segment in marks.get_segments()] == [3, 5]


def test_the_ends_are_those_that_were_asked_for():
    (large,) = spectra.plot(PAIRS, which="largest", num_classes=2).axes
    assert [x for x, _ in drawn(large)] == [1, 2, 3]
    assert "number of classes (2)" in large.get_legend_handles_labels()[1]
    large, small = spectra.plot(PAIRS, which="magnitude").axes
    assert drawn(large) == [[1, 5], [2, 3]] and drawn(small) == [[8, 0]]
    (small,) = spectra.plot(PAIRS, which="smallest", title="a$b").axes
    assert sorted(x for x, _ in drawn(small)) == [6, 7, 8]


@pytest.mark.parametrize("found", [(), ([1.0],), (PAIRS, PAIRS), (DENSITY, None)])
def test_anything_else_is_refused_in_a_sentence(found):
    with pytest.raises(InputError, match="plot takes a Density, Eigenpairs"):
        spectra.plot(*found)
