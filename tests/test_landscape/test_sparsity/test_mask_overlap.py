"""What masks have in common, against sets of indices and all masks there are."""

import itertools

import numpy as np
import pytest

from landscape import sparsity

PARAMS = {
    "Dense_0": {"kernel": np.ones((2, 3)), "bias": np.ones(3)},
    "Dense_1": {"kernel": np.ones((3, 2)), "bias": np.ones(2)},
}


def masks_of(first, second):
    """Masks whose kernels keep these entries."""

    def kernel(kept, shape):
        return np.isin(np.arange(6).reshape(shape), list(kept))

    true = np.array(True)
    return {
        "Dense_0": {"kernel": kernel(first, (2, 3)), "bias": true},
        "Dense_1": {"kernel": kernel(second, (3, 2)), "bias": true},
    }


def test_overlap_is_that_of_sets():
    ours, theirs = ({0, 1, 2}, {5}), ({1, 2, 3, 4}, {0, 5})
    *layers, total = sparsity.overlap(masks_of(*ours), masks_of(*theirs), PARAMS)
    assert [row.layer for row in layers] == ["Dense_0", "Dense_1"]
    for row, a, b in zip(layers, ours, theirs, strict=True):
        assert (row.size, row.first, row.second) == (6, len(a), len(b))
        assert row.common == len(a & b)
        assert row.jaccard == len(a & b) / len(a | b)
        assert row.fraction == len(a & b) / min(len(a), len(b))
    assert (total.layer, total.size, total.first, total.second) == ("all", 12, 4, 6)
    assert total.common == 3 and total.jaccard == 3 / 7 and total.fraction == 3 / 4


def test_chance_is_the_mean_over_all_masks_of_as_many_entries():
    ours, theirs = ({0, 1, 2}, {5}), ({1, 2, 3, 4}, {0, 5})
    *layers, total = sparsity.overlap(masks_of(*ours), masks_of(*theirs), PARAMS)
    means, variances = [], []
    for row, a, b in zip(layers, ours, theirs, strict=True):
        every = [len({*c} & a) for c in itertools.combinations(range(6), len(b))]
        means.append(np.mean(every))
        variances.append(np.var(every))
        assert row.expected == pytest.approx(means[-1], rel=1e-12)
        assert row.deviation == pytest.approx(np.sqrt(variances[-1]), rel=1e-12)
    assert total.expected == pytest.approx(sum(means), rel=1e-12)
    assert total.deviation == pytest.approx(np.sqrt(sum(variances)), rel=1e-12)
    assert total.chance_fraction == pytest.approx(sum(means) / 4, rel=1e-12)
    union = 4 + 6 - sum(means)
    assert total.chance_jaccard == pytest.approx(sum(means) / union, rel=1e-12)


def test_dense_masks_are_whole_and_empty_ones_are_equal():
    dense = sparsity.masks.dense(PARAMS)
    row = sparsity.overlap(dense, masks_of({1}, {2}), PARAMS)[-1]
    assert (row.first, row.common, row.fraction) == (12, 2, 1.0)
    assert row.deviation == 0 and row.expected == 2
    nothing = masks_of((), ())
    row = sparsity.overlap(nothing, nothing, PARAMS)[-1]
    assert (row.jaccard, row.fraction, row.common) == (1.0, 1.0, 0)


def test_rs_counts_what_any_mask_keeps():
    seen = [masks_of({0, 1}, {3}), masks_of({1, 2}, {3}), masks_of({0}, {3})]
    assert sparsity.ever_active(iter(seen), PARAMS) == {
        "Dense_0": (3, 6),
        "Dense_1": (1, 6),
    }
    dense = [*seen, sparsity.masks.dense(PARAMS)]
    assert set(sparsity.ever_active(dense, PARAMS).values()) == {(6, 6)}


def test_without_kernels_there_is_nothing_in_common():
    masks = {"bias": np.array(True)}
    (total,) = sparsity.overlap(masks, masks, {"bias": np.ones(3)})
    assert (total.layer, total.size, total.common, total.jaccard) == ("all", 0, 0, 1.0)
