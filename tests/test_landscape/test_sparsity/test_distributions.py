"""Kept weights of each layer: exact totals, bounds, and the published formulas."""

import math
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from landscape.errors import InputError
from landscape.sparsity import kept_counts

LENET5 = {
    "Conv_0/kernel": (5, 5, 1, 6),
    "Conv_1/kernel": (5, 5, 6, 16),
    "Dense_0/kernel": (256, 120),
    "Dense_1/kernel": (120, 84),
    "Dense_2/kernel": (84, 10),
}
SIZES = {name: math.prod(shape) for name, shape in LENET5.items()}
widths = st.integers(1, 40)
dense = st.tuples(widths, widths)
conv = st.tuples(st.integers(1, 5), st.integers(1, 5), widths, widths)
networks = st.lists(st.one_of(dense, conv), min_size=1, max_size=6).map(
    lambda shapes: {f"layer{i}/kernel": shape for i, shape in enumerate(shapes)}
)
sparsities = st.integers(0, 999).map(lambda i: i / 1000)


def rounded(sparsity, size):
    """round((1 - s) n), by way of decimal numbers."""
    kept = (1 - Decimal(str(sparsity))) * size
    return int(kept.quantize(Decimal(1), ROUND_HALF_EVEN))


def published_densities(shapes, sparsity, distribution):
    """ER and ERK as in Evci et al.'s code: layers over 1 are made dense one by one."""
    raw = {}
    for name, shape in shapes.items():
        fans = shape[-2] + shape[-1]
        whole = shape if distribution == "erk" else shape[-2:]
        extra = sum(shape[:-2]) if distribution == "erk" else 0
        raw[name] = (fans + extra) / np.prod(whole)
    full = set()
    while True:
        room = sum((1 - sparsity) * math.prod(s) for s in shapes.values())
        room -= sum(math.prod(shapes[name]) for name in full)
        free = [name for name in shapes if name not in full]
        scale = room / sum(raw[name] * math.prod(shapes[name]) for name in free)
        worst = max(free, key=raw.get)
        if scale * raw[worst] <= 1:
            return {n: 1.0 if n in full else scale * raw[n] for n in shapes}
        full.add(worst)


@settings(deadline=None, max_examples=60)
@given(networks, sparsities, st.sampled_from(["uniform", "er", "erk"]))
def test_the_requested_number_of_weights_is_kept_exactly(shapes, sparsity, kind):
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    try:
        kept = kept_counts(shapes, sparsity, kind)
    except InputError as error:
        assert "leaves nothing of layer" in str(error)
        assume(False)
    assert list(kept) == list(shapes)
    assert all(1 <= kept[name] <= sizes[name] for name in shapes)
    if kind == "uniform":
        assert kept == {name: rounded(sparsity, n) for name, n in sizes.items()}
    else:
        assert sum(kept.values()) == rounded(sparsity, sum(sizes.values()))


@pytest.mark.parametrize("kind", ["er", "erk"])
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9, 0.95, 0.99])
def test_er_and_erk_are_within_one_weight_of_the_published_formula(kind, sparsity):
    kept = kept_counts(LENET5, sparsity, kind)
    for name, density in published_densities(LENET5, sparsity, kind).items():
        assert abs(kept[name] - density * SIZES[name]) <= 1, name


def test_halves_and_decimals_are_those_that_were_written():
    kernel = {"layer/kernel": (10, 5)}
    assert kept_counts(kernel, 0.93)["layer/kernel"] == 4  # 3.5, to even
    assert kept_counts(kernel, 0.91)["layer/kernel"] == 4  # 4.5
    big = {"layer/kernel": (2**13, 2**12 + 1)}
    assert kept_counts(big, 0.9)["layer/kernel"] == rounded(0.9, 2**13 * (2**12 + 1))


@pytest.mark.parametrize("kind", ["uniform", "er", "erk"])
def test_nothing_removed_and_all_but_one_are_both_exact(kind):
    assert kept_counts(LENET5, 0.0, kind) == SIZES
    one = {"Dense_0/kernel": (4, 5)}
    assert kept_counts(one, 1 - 1 / 20, kind) == {"Dense_0/kernel": 1}


def test_layers_declared_dense_keep_all_and_do_not_count():
    for kind in ("uniform", "er", "erk"):
        kept = kept_counts(LENET5, 0.9, kind, ["Conv_*", "Dense_2"])
        others = ["Dense_0/kernel", "Dense_1/kernel"]
        assert all(kept[k] == SIZES[k] for k in SIZES if k not in others)
        assert sum(kept[k] for k in others) == (256 * 120 + 120 * 84) // 10


@settings(deadline=None, max_examples=40)
@given(networks, sparsities, st.lists(sparsities, min_size=6, max_size=6))
def test_limited_layers_keep_their_share_and_totals_hold(shapes, sparsity, limits):
    caps = {name[: -len("/kernel")]: s for name, s in zip(shapes, limits, strict=False)}
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    least = {name: rounded(caps[name[:-7]], n) for name, n in sizes.items()}
    total = rounded(sparsity, sum(sizes.values()))
    try:
        kept = kept_counts(shapes, sparsity, "erk", max_sparsity=caps)
    except InputError as error:
        if "limited sparsity" in str(error):
            assert sum(least.values()) > total
        else:
            assert "leaves nothing of layer" in str(error)
        return
    assert sum(kept.values()) == total
    assert all(least[k] <= kept[k] <= sizes[k] for k in sizes)


def test_under_a_uniform_sparsity_a_limited_layer_keeps_more():
    kept = kept_counts(LENET5, 0.95, max_sparsity={"Dense_2": 0.8, "Dense_*": 0.9})
    assert kept["Dense_2/kernel"] == 168
    assert kept["Dense_1/kernel"] == 1008
    assert kept["Conv_1/kernel"] == 120


def test_a_limit_under_erk_is_paid_for_by_the_other_layers():
    free = kept_counts(LENET5, 0.95, "erk")
    limited = kept_counts(LENET5, 0.95, "erk", max_sparsity={"Dense_0": 0.96})
    assert free["Dense_0/kernel"] < limited["Dense_0/kernel"] == rounded(0.96, 30720)
    assert sum(free.values()) == sum(limited.values())
    assert limited["Dense_1/kernel"] < free["Dense_1/kernel"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0,), r"in \[0, 1\), not 1.0"),
        ((-0.1,), r"in \[0, 1\), not -0.1"),
        ((math.nan,), r"in \[0, 1\), not nan"),
        ((0.5, "erd"), "unknown distribution 'erd': perhaps you meant 'er"),
        ((0.5, "erk", ["Dense0"]), "unknown layer 'Dense0'.*'Dense_0'.*Conv_0, Conv_1"),
        ((0.5, "erk", ["Block*"]), "unknown layer 'Block.*Allowed: Conv_0"),
        ((0.5, "uniform", [], {"Dense_3": 0.5}), "unknown layer 'Dense_3'"),
        ((0.5, "uniform", [], {"Dense_2": 1.0}), "sparsity of Dense_2 must be in"),
        ((0.5, "uniform", ["*"]), "every layer is kept dense"),
        ((0.999,), r"leaves nothing of layer Conv_0 \(150 weights\)"),
        ((0.95, "er", [], {"Dense_0": 0.5}), "leaves 2210 weights.*at least 15360"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(InputError, match=message):
        kept_counts(LENET5, *arguments)
