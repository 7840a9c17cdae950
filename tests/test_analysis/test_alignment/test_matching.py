"""Permuting and matching units: what stays, what is found, what is refused."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.alignment.matching import descend, match
from analysis.alignment.permutations import apply, identity
from analysis.alignment.symmetry import check_symmetry
from analysis.evaluation import combinations
from analysis.planes.directions import inner
from landscape.errors import InputError
from landscape.models import MLP, VGG, LeNet, ResNet
from landscape.trees import named_leaves, project
from landscape.units import Axis, Spec, sequential, specification

NETWORKS = {
    "mlp": (MLP((7, 5), 3), (2, 3)),
    "lenet": (LeNet((3, 4, 6), 3, "tanh"), (20, 16, 2)),
    "resnet": (ResNet(1, 3), (8, 8, 3)),
    # The second stage adds no channels, and no block has as many inside.
    "resnet of widths": (ResNet(1, 3, (4, 4, 9, 5, 2, 3)), (8, 8, 3)),
    "vgg": (VGG((1, 2), (3, 4, 5, 6), 3), (9, 12, 2)),
}
KEY = jax.random.key(0)


@functools.cache
def network(name, seed=0):
    """Parameters and statistics in float64, no two entries alike, and the spec."""
    model, shape = NETWORKS[name]
    shapes = jax.eval_shape(model.init, KEY, np.zeros((1, *shape), np.float32))
    generator = np.random.default_rng(seed)

    def draw(leaf):
        x = generator.standard_normal(leaf.shape)
        if leaf.ndim == 1:
            return 1 + 0.3 * x
        return x / np.sqrt(np.prod(leaf.shape[:-1]))

    params = jax.tree.map(draw, shapes["params"])
    stats = jax.tree.map(lambda leaf: abs(draw(leaf)), shapes.get("batch_stats", {}))
    return params, stats, specification(model, params)


def images(name, count=4):
    generator = np.random.default_rng(1)
    return generator.standard_normal((count, *NETWORKS[name][1]))


@functools.cache
def compiled(name, train):
    model = NETWORKS[name][0]
    return jax.jit(functools.partial(model.apply, train=train, mutable=["batch_stats"]))


def forward(name, params, stats, train=False):
    """Logits, and the statistics after them, in float64."""
    variables = {"params": params, "batch_stats": stats}
    with jax.enable_x64(True):
        variables, x = jax.tree.map(jnp.array, (variables, images(name)))
        results = jax.tree.map(np.asarray, compiled(name, train)(variables, x))
    return results[0], results[1].get("batch_stats", {})


def random_masks(params, density, seed=0):
    generator = np.random.default_rng(seed)

    def draw(leaf):
        return generator.random(leaf.shape) < density if leaf.ndim > 1 else np.True_

    return jax.tree.map(draw, params)


def permuted(spec, seed=3):
    generator = np.random.default_rng(seed)
    return {name: generator.permutation(size) for name, size in spec.sizes.items()}


def inverse(permutations):
    return {name: np.argsort(p) for name, p in permutations.items()}


def planted(name):
    return permuted(network(name)[2])


def equal(a, b):
    chex.assert_trees_all_equal(a, b, strict=True)
    return True


# -- permuting


@pytest.mark.parametrize(
    ("name", "train"),
    [*((name, False) for name in NETWORKS), ("resnet", True), ("vgg", True)],
)
def test_permuting_units_leaves_the_function_as_it_was(name, train):
    params, stats, spec = network(name)
    logits, updated = forward(name, params, stats, train)
    moved = [apply(planted(name), tree, spec) for tree in (params, stats)]
    assert not np.array_equal(
        moved[0]["Dense_0"]["kernel"], params["Dense_0"]["kernel"]
    )
    got, got_updated = forward(name, *moved, train)
    np.testing.assert_allclose(got, logits, rtol=1e-12, atol=1e-12)
    chex.assert_trees_all_close(
        got_updated, apply(planted(name), updated, spec), rtol=1e-12, atol=1e-12
    )


def test_every_permutation_of_a_spec_moves_something_alone():
    for name in NETWORKS:
        params, stats, spec = network(name)
        logits, _ = forward(name, params, stats)
        for each in ("stream_1",) if name == "resnet" else spec.sizes:
            alone = identity(spec) | {each: np.roll(np.arange(spec.sizes[each]), 1)}
            moved = [apply(alone, tree, spec) for tree in (params, stats)]
            assert not np.array_equal(
                *(np.concatenate(jax.tree.leaves(jax.tree.map(np.ravel, tree)))
                  for tree in (moved[0], params))
            )  # fmt: skip
            got, _ = forward(name, *moved)
            np.testing.assert_allclose(got, logits, rtol=1e-12, atol=1e-12)


def test_flattened_channels_move_at_every_position():
    # A map of 2 x 3 positions and 2 channels, and its flattened copy.
    maps = np.arange(12.0).reshape(2, 3, 2)
    spec = Spec(
        {"c": 2}, {"map": (None, None, Axis(("c",))), "flat": (Axis(("c",), 6),)}
    )
    moved = apply({"c": np.array([1, 0])}, {"map": maps, "flat": maps.ravel()}, spec)
    np.testing.assert_array_equal(moved["map"].ravel(), moved["flat"])
    np.testing.assert_array_equal(moved["map"], maps[:, :, ::-1])


def test_a_resnets_stream_has_three_groups_of_channels_that_keep_apart():
    *_, spec = network("resnet")
    streams = {name: n for name, n in spec.sizes.items() if name.startswith("stream")}
    assert streams == {"stream_0": 16, "stream_1": 16, "stream_2": 32}
    assert spec.axes["Dense_0/kernel"][0].names == tuple(streams)
    assert [spec.sizes[f"Block_{i}"] for i in range(3)] == [16, 32, 64]


def test_moving_a_resnets_new_channels_among_the_old_ones_changes_its_function():
    params, stats, spec = network("resnet")
    second = spec.axes["Block_1/Conv_1/kernel"][3]
    assert second.names == ("stream_0", "stream_1")
    # What a spec without the tie of the shortcut would admit: all 32 move freely, and
    # the third stage follows.
    free = Axis(("free",))
    axes = {
        name: tuple(
            free if axis == second
            else Axis(("free", "stream_2")) if axis and len(axis.names) == 3
            else axis
            for axis in leaf
        )
        for name, leaf in spec.axes.items()
    }  # fmt: skip
    untied = Spec(spec.sizes | {"free": 32}, axes)
    mixed = identity(untied) | {"free": np.roll(np.arange(32), 1)}
    moved = [apply(mixed, tree, untied) for tree in (params, stats)]
    difference = forward("resnet", *moved)[0] - forward("resnet", params, stats)[0]
    assert np.abs(difference).max() > 1e-3


def test_layers_of_equal_shapes_in_another_order_are_refused():
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    names = ["a", "b", "c", "d"]
    params = {name: {"kernel": np.zeros((3, 3), np.float32)} for name in names}

    def outputs(params, _):
        return functools.reduce(
            lambda h, k: jnp.tanh(h @ params[k]["kernel"]), names, x
        )

    check_symmetry(outputs, params, sequential(params, names))
    with pytest.raises(InputError, match="once the units of a are permuted"):
        check_symmetry(outputs, params, sequential(params, ["a", "c", "b", "d"]))


@pytest.mark.parametrize("groups", [1, 3])
def test_statistics_move_with_the_units_and_norms_over_groups_are_refused(groups):
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    kernel = {"kernel": np.zeros((3, 3), np.float32)}
    params = {"a": kernel, "norm": {"scale": np.zeros(3, np.float32)}, "b": kernel}
    stats = {"norm": {"var": np.zeros(3, np.float32)}}

    def outputs(params, stats):
        h = x @ params["a"]["kernel"] / stats["norm"]["var"]
        h = h * params["norm"]["scale"] * (jnp.arange(3) % groups + 1)
        return jnp.tanh(h) @ params["b"]["kernel"]

    spec = sequential(params, ["a", "norm", "b"])
    if groups == 1:
        check_symmetry(outputs, params, spec, stats)
    else:
        with pytest.raises(InputError, match="no norms over groups of channels"):
            check_symmetry(outputs, params, spec, stats)
    with pytest.raises(InputError, match="the statistics lost belong to no layer"):
        check_symmetry(outputs, params, spec, stats | {"lost": np.zeros(3)})


def test_masks_move_with_their_weights():
    params, _, spec = network("lenet")
    masks = random_masks(params, 0.3)
    sparse = jax.tree.map(lambda m, x: np.where(m, x, 0), masks, params)
    moved, moved_masks = (apply(planted("lenet"), t, spec) for t in (sparse, masks))
    for name, mask in named_leaves(moved_masks).items():
        leaf = named_leaves(moved)[name]
        assert mask.shape in ((), leaf.shape)
        assert mask.dtype == bool
        if mask.ndim:
            np.testing.assert_array_equal(leaf != 0, mask)


def test_the_inverse_undoes():
    params, _, spec = network("resnet")
    there = planted("resnet")
    assert equal(apply(inverse(there), apply(there, params, spec), spec), params)


def test_arrays_stay_of_their_kind_and_untouched():
    params, _, spec = network("mlp")
    before = jax.tree.map(np.copy, params)
    moved = apply(planted("mlp"), params, spec)
    assert all(isinstance(x, np.ndarray) for x in jax.tree.leaves(moved))
    assert equal(params, before)
    device = jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16), params)
    moved = apply(planted("mlp"), device, spec)
    assert {x.dtype for x in jax.tree.leaves(moved)} == {jnp.dtype(jnp.bfloat16)}


# -- matching


@pytest.mark.parametrize("name", NETWORKS)
def test_matching_recovers_a_planted_permutation(name):
    params, _, spec = network(name)
    there = planted(name)
    found = match(params, apply(there, params, spec), spec, KEY)
    assert equal(found, inverse(there))


@pytest.mark.parametrize("name", ["mlp", "lenet"])
def test_matching_recovers_a_planted_permutation_of_a_sparse_network(name):
    params, _, spec = network(name)
    masks = random_masks(params, 0.3)
    sparse = jax.tree.map(lambda m, x: np.where(m, x, 0), masks, params)
    moved, moved_masks = (apply(planted(name), t, spec) for t in (sparse, masks))
    # Latent values under the mask must not count.
    latent = jax.tree.map(lambda m, x: np.where(m, x, 99.0), moved_masks, moved)
    found = match(params, latent, spec, KEY, masks, moved_masks)
    assert equal(apply(found, moved, spec), sparse)
    assert equal(apply(found, moved_masks, spec), masks)


def test_one_hidden_layer_is_matched_as_by_trying_all_permutations():
    generator = np.random.default_rng(0)
    a, b = (
        {"Dense_0": {"kernel": generator.standard_normal((3, 5)),
                     "bias": generator.standard_normal(5)},
         "Dense_1": {"kernel": generator.standard_normal((5, 2)),
                     "bias": generator.standard_normal(2)}}
        for _ in range(2)
    )  # fmt: skip
    spec = specification(MLP((5,), 2), a)
    every = [{"Dense_0": np.array(p)} for p in itertools.permutations(range(5))]
    best = min(every, key=lambda p: distance(a, apply(p, b, spec)))
    assert equal(match(a, b, spec, KEY), best)


def distance(a, b):
    return sum(
        ((x - y) ** 2).sum()
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.mark.parametrize("name", ["mlp", "lenet"])
def test_no_single_layer_could_be_matched_better(name):
    (a, _, spec), (b, _, _) = network(name), network(name, seed=1)
    found = match(a, b, spec, KEY)
    reached = distance(a, apply(found, b, spec))
    assert reached < distance(a, b)
    for layer, size in spec.sizes.items():
        if size <= 5:
            for p in itertools.permutations(range(size)):
                other = found | {layer: np.array(p)}
                assert distance(a, apply(other, b, spec)) > reached - 1e-9


@pytest.mark.parametrize("name", NETWORKS)
def test_every_change_of_a_descent_brings_the_networks_nearer(name):
    (a, _, spec), (b, _, _) = network(name), network(name, seed=1)
    start = permuted(spec)
    path = [start, *descend(a, b, spec, start, KEY)]
    assert len(path) > 2
    products = [inner(a, apply(p, b, spec)) for p in path]
    assert (np.diff(products) > 0).all()
    distances = [distance(a, apply(p, b, spec)) for p in path]
    assert (np.diff(distances) < 0).all()
    assert not list(descend(a, b, spec, path[-1], jax.random.key(1)))


def test_matching_a_network_with_itself_changes_nothing():
    for name in NETWORKS:
        params, _, spec = network(name)
        assert equal(match(params, params, spec, KEY), identity(spec))


def test_a_relabelling_is_undone_where_a_descent_from_the_identity_is_stuck():
    # Two inputs say little of a unit, and what the next layer says is wrong at first.
    model, stuck = MLP((8, 8), 2), 0
    shapes = jax.eval_shape(model.init, KEY, np.zeros((1, 2), np.float32))["params"]
    for seed in range(8):
        generator = np.random.default_rng(seed)
        params = jax.tree.map(lambda x, g=generator: g.standard_normal(x.shape), shapes)
        spec = specification(model, params)
        there = permuted(spec, seed)
        moved = apply(there, params, spec)
        *_, end = descend(params, moved, spec, identity(spec), KEY)
        stuck += inner(params, apply(end, moved, spec)) < 0.9 * inner(params, params)
        assert equal(match(params, moved, spec, KEY), inverse(there))
    assert stuck > 2


def test_equally_good_units_stay_where_they_are():
    params, _, spec = network("mlp")
    dead = jax.tree.map(np.copy, params)
    for layer, unit in ((0, 1), (0, 4), (0, 5), (1, 3), (1, 0)):
        dead[f"Dense_{layer}"]["kernel"][:, unit] = 0
        dead[f"Dense_{layer}"]["bias"][unit] = 0
        dead[f"Dense_{layer + 1}"]["kernel"][unit] = 0
    assert not list(descend(params, dead, spec, identity(spec), KEY))
    assert equal(match(params, dead, spec, KEY), identity(spec))


def test_matching_depends_on_its_key_alone_and_touches_nothing():
    (a, _, spec), (b, _, _) = network("lenet"), network("lenet", seed=1)
    before = jax.tree.map(np.copy, (a, b))
    assert equal(match(a, b, spec, KEY), match(a, b, spec, KEY))
    assert equal((a, b), before)


def cross_entropy(params, batch):
    logits = NETWORKS["mlp"][0].apply({"params": params}, batch["image"])
    picked = jnp.take_along_axis(logits, batch["label"][:, None], axis=1)[:, 0]
    return (jax.nn.logsumexp(logits, axis=1) - picked).mean()


def test_the_barrier_to_ones_permuted_self_vanishes():
    params, _, spec = network("mlp")
    moved = apply(planted("mlp"), params, spec)
    back = apply(match(params, moved, spec, KEY), moved, spec)
    ts = np.linspace(0, 1, 11)
    line = np.stack([1 - ts, ts], axis=1)
    with jax.enable_x64(True):
        batch = {"image": jnp.array(images("mlp", 32)), "label": jnp.arange(32) % 3}
        before, after = (
            np.asarray(
                combinations.evaluate([params, end], line, cross_entropy, batch)["loss"]
            )
            for end in (jax.tree.map(jnp.array, x) for x in (moved, back))
        )
    assert abs(before[0] - before[-1]) < 1e-12
    assert np.ptp(before) > 0.05
    assert np.ptp(after) < 1e-12


# -- keeping a mask


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), density=st.sampled_from([0.1, 0.5, 1.0]))
def test_a_preserved_mask_is_preserved_exactly(seed, density):
    (a, _, spec), (b, _, _) = network("lenet"), network("lenet", seed=1)
    masks = random_masks(a, density, seed)
    found = match(a, b, spec, KEY, masks, masks, preserve_mask=True)
    assert equal(apply(found, masks, spec), masks)
    a, b = (jax.tree.map(np.asarray, project(masks, t)) for t in (a, b))
    assert inner(a, apply(found, b, spec)) >= inner(a, b)


def test_units_of_equal_connections_are_exchanged_and_others_are_not():
    params, _, spec = network("mlp")
    masks = jax.tree.map(lambda x: np.ones(x.shape, bool), params)
    # Units 0 and 1 of the first layer lack the same inputs, unit 2 lacks another.
    masks["Dense_0"]["kernel"][0, :2] = False
    masks["Dense_0"]["kernel"][1, 2:] = False
    masks["Dense_0"]["kernel"][2, 2] = False
    sparse = jax.tree.map(lambda m, x: np.where(m, x, 0), masks, params)
    for swap, admissible in (((0, 1), True), ((1, 2), False)):
        there = identity(spec)
        there["Dense_0"] = there["Dense_0"].copy()
        there["Dense_0"][list(swap)] = swap[::-1]
        moved = apply(there, sparse, spec)
        moved_masks = apply(there, masks, spec)
        if admissible:
            assert equal(moved_masks, masks)
            found = match(
                sparse, moved, spec, KEY, masks, moved_masks, preserve_mask=True
            )
            assert equal(found, inverse(there))
        else:
            with pytest.raises(InputError, match="to be equal"):
                match(sparse, moved, spec, KEY, masks, moved_masks, preserve_mask=True)
            # In the one mask the swap is not admitted; without the promise it is found.
            moved = jax.tree.map(lambda m, x: np.where(m, x, 0), masks, moved)
            kept = match(sparse, moved, spec, KEY, masks, masks, preserve_mask=True)
            assert equal(apply(kept, masks, spec), masks)
            free = match(sparse, moved, spec, KEY, masks, masks)
            assert not np.array_equal(free["Dense_0"], kept["Dense_0"])


# -- mistakes


def test_bad_input_is_refused_in_words():
    params, _, spec = network("mlp")
    there = planted("mlp")
    with pytest.raises(InputError, match="needs a permutation of 0 to 6"):
        apply(there | {"Dense_0": np.zeros(7, int)}, params, spec)
    with pytest.raises(InputError, match="Dense_1 needs a permutation"):
        apply({"Dense_0": there["Dense_0"]}, params, spec)
    with pytest.raises(InputError, match="unknown leaf 'Dens_0/kernel': perhaps"):
        apply(there, {"Dens_0": {"kernel": np.ones(7)}}, spec)
    with pytest.raises(InputError, match="must have 1 axes, not 2"):
        apply(there, {"Dense_0": {"bias": np.ones((7, 1))}}, spec)
    with pytest.raises(InputError, match="axis 0 of Dense_0/bias must be 7 long"):
        apply(there, {"Dense_0": {"bias": np.ones(8)}}, spec)
    with pytest.raises(InputError, match="leaves of the same shapes"):
        match(params, network("lenet")[0], spec, KEY)
    with pytest.raises(InputError, match="Dense_0/bias is not finite"):
        bad = jax.tree.map(np.copy, params)
        bad["Dense_0"]["bias"][0] = np.nan
        match(params, bad, spec, KEY)
    with pytest.raises(InputError, match="needs masks_a and masks_b"):
        match(params, params, spec, KEY, preserve_mask=True)
    with pytest.raises(InputError, match="the mask of"):
        match(params, params, spec, KEY, jax.tree.map(lambda x: x[:1] > 0, params))
    with pytest.raises(InputError, match="acts on two axes of recurrent"):
        axis = Axis(("h",))
        tied = Spec({"h": 2}, {"recurrent": (axis, axis)})
        match(*[{"recurrent": np.eye(2)}] * 2, tied, KEY)
    with pytest.raises(InputError, match="symmetry of a dict is not known"):
        specification({}, params)
    with pytest.raises(InputError, match="not a multiple of the 7 outputs"):
        shapes = {"a": {"kernel": np.ones((2, 7))}, "b": {"kernel": np.ones((8, 2))}}
        sequential(shapes, ["a", "b"])
    with pytest.raises(InputError, match="unknown layer 'a_': perhaps you meant"):
        sequential(shapes, ["a_", "b"])
    with pytest.raises(InputError, match="key must be of floating point, not key"):
        match(*[params | {"key": KEY}] * 2, spec, KEY)
