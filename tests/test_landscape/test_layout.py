"""Kernels and their axes in the parameters of four libraries, and of this one."""

import math
from dataclasses import make_dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from analysis.planes import filter_normalised
from landscape import layout, models
from landscape.errors import InputError
from landscape.objective import Objective
from landscape.sparsity import accounting, kept_counts, masks, prunable
from landscape.units import sequential

WIDTH, HEADS, SIZE = 8, 2, 6


def shapes(tree):
    """Arrays of ones out of shapes."""
    is_leaf = lambda x: isinstance(x, tuple) and all(isinstance(n, int) for n in x)  # noqa: E731
    return jax.tree.map(np.ones, tree, is_leaf=is_leaf)


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Embed(7, WIDTH)(x)
        x = nn.MultiHeadDotProductAttention(HEADS, qkv_features=HEADS * SIZE)(x)
        x = nn.LayerNorm()(x)
        x = nn.DenseGeneral((3, 4))(x)
        x = nn.DenseGeneral(5, axis=(-2, -1))(x)
        x = nn.Conv(6, (3,))(x)
        return nn.ConvTranspose(4, (2,), use_bias=False)(nn.Dense(3)(x))


def linen(length=9):
    tokens = jnp.zeros((2, length), int)
    return jax.eval_shape(Linen().init, jax.random.key(0), tokens)["params"]


ATTENTION = {
    "query": (8, 12), "key": (8, 12), "value": (8, 12), "out": (12, 8),
}  # fmt: skip
OF_LINEN = {
    f"MultiHeadDotProductAttention_0/{k}/kernel": v for k, v in ATTENTION.items()
} | {
    "DenseGeneral_0/kernel": (8, 12),
    "DenseGeneral_1/kernel": (12, 5),
    "Conv_0/kernel": (3, 5, 6),
    "Dense_0/kernel": (6, 3),
    "ConvTranspose_0/kernel": (2, 3, 4),
}


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.stem = nnx.Conv(3, WIDTH, (3, 3), rngs=rngs)
        self.conv1d = nnx.Conv(3, WIDTH, (3,), rngs=rngs)
        self.mix = nnx.MultiHeadAttention(
            HEADS, WIDTH, HEADS * SIZE, decode=False, rngs=rngs
        )
        self.norms = nnx.List(
            [nnx.LayerNorm(8, rngs=rngs), nnx.BatchNorm(8, rngs=rngs)]
        )
        self.table = nnx.Embed(5, WIDTH, rngs=rngs)
        self.up = nnx.Linear(WIDTH, 4, rngs=rngs)


OF_NNX = {f"mix/{k}/kernel": v for k, v in ATTENTION.items()} | {
    "stem/kernel": (3, 3, 3, 8),
    "conv1d/kernel": (3, 3, 8),
    "up/kernel": (8, 4),
}


def module(kind, **leaves):
    """What Equinox makes of a layer: a dataclass that is a pytree, with its class."""
    cls = make_dataclass(kind, list(leaves))
    jax.tree_util.register_dataclass(cls, list(leaves), [])
    return cls(**leaves)


def equinox():
    def linear(inputs, outputs):
        return module("Linear", weight=(outputs, inputs), bias=(outputs,))

    names = ("query_proj", "key_proj", "value_proj", "output_proj")
    return shapes(
        module(
            "Model",
            conv=module("Conv2d", weight=(6, 3, 5, 4), bias=(6, 1, 1)),
            up=module("ConvTranspose1d", weight=(6, 3, 2), bias=(6, 1)),
            attention=module(
                "MultiheadAttention", **{name: linear(8, 12) for name in names}
            ),
            mlp=module("MLP", layers=[linear(8, 5)]),
            cell=module(
                "GRUCell", weight_ih=(9, 4), weight_hh=(9, 3), bias=(9,), bias_n=(3,)
            ),
            patch_embed=linear(8, 3),
            norm_proj=linear(8, 2),
            table=module("Embedding", weight=(7, 8)),
            norm=module("LayerNorm", weight=(6, 8), bias=(6, 8)),
        )
    )


OF_EQUINOX = {
    f"attention/{k}_proj/weight": (8, 12) for k in ("query", "key", "value", "output")
} | {
    "conv/weight": (5, 4, 3, 6),
    "up/weight": (2, 3, 6),
    "mlp/layers/0/weight": (8, 5),
    "patch_embed/weight": (8, 3),
    "norm_proj/weight": (8, 2),
    "cell/weight_ih": (4, 9),
    "cell/weight_hh": (3, 9),
}


def haiku():
    block = {
        f"block/{k}": {"w": (8, 12), "b": (12,)} for k in ("query", "key", "value")
    }
    return shapes(
        block
        | {
            "block/linear": {"w": (12, 12), "b": (12,)},
            "conv2_d": {"w": (3, 3, 2, 5), "b": (5,)},
            "conv1_d": {"w": (3, 2, 5)},
            "conv2_d_transpose": {"w": (3, 3, 3, 2), "b": (3,)},
            "gru": {"w_i": (4, 9), "w_h": (3, 9), "b": (9,)},
            "embed": {"embeddings": (7, 8)},
            "batch_norm": {"scale": (1, 1, 1, 5), "offset": (1, 1, 1, 5)},
        }
    )


OF_HAIKU = {f"block/{k}/w": (8, 12) for k in ("query", "key", "value")} | {
    "block/linear/w": (12, 12),
    "conv2_d/w": (3, 3, 2, 5),
    "conv1_d/w": (3, 2, 5),
    "conv2_d_transpose/w": (3, 3, 2, 3),
    "gru/w_i": (4, 9),
    "gru/w_h": (3, 9),
}


def of_nnx():
    return nnx.state(nnx.eval_shape(lambda: Nnx(nnx.Rngs(0))), nnx.Param)


@pytest.mark.parametrize(
    ("make", "want"),
    [
        (linen, OF_LINEN),
        (of_nnx, OF_NNX),
        (lambda: nnx.to_pure_dict(of_nnx()), OF_NNX),
        (equinox, OF_EQUINOX),
        (haiku, OF_HAIKU),
    ],
    ids=["linen", "nnx", "nnx dict", "equinox", "haiku"],
)
def test_kernels_of_other_libraries_have_their_inputs_and_outputs(make, want):
    params = make()
    assert prunable(params) == want
    found = layout.leaves(params)
    rest = {name: leaf.kind for name, leaf in found.items() if name not in want}
    for name, kind in rest.items():
        last = name.split("/")[-1]
        if "table" in name or last.startswith("embedding"):
            assert kind == "embedding", name
        else:
            of_norm = last == "scale" or name == "norm/weight"
            assert kind == ("norm" if of_norm else "bias"), name


@pytest.mark.parametrize(
    ("name", "shape", "widths"),
    [
        ("mlp", (4,), (5,)),
        ("lenet", (28, 28, 1), (8, 16)),
        ("resnet20", (8, 8, 3), ()),
    ],
)
def test_kernels_of_our_models_are_the_leaves_of_that_name_as_they_are(
    name, shape, widths
):
    model = models.create(name, shape, 3, widths)
    params, _ = jax.eval_shape(lambda: models.init(model, jax.random.key(0), shape))
    leaves = {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape
        for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]
    }
    assert prunable(params) == {k: v for k, v in leaves.items() if k.endswith("kernel")}


def test_erdos_renyi_sees_one_layer_in_all_heads():
    kept = kept_counts(prunable(linen()), 0.5, "er", dense_layers=("Conv*", "Dense*"))
    attention = [kept[name] for name in OF_LINEN if name.startswith("Multi")]
    # Four layers of 96 weights and fans 8 and 12: half of each.
    assert attention == [48] * 4


def test_flops_of_attention_are_those_of_its_positions():
    found = models.positions(Attention(), (9, WIDTH))
    assert found == {f"mix/{k}/kernel": 9 for k in ATTENTION}
    params = jax.eval_shape(
        Attention().init, jax.random.key(0), jnp.zeros((1, 9, WIDTH))
    )["params"]
    rows = accounting.table(params, masks.dense(params), found)
    assert {row.layer: row.flops for row in rows} == {
        f"mix/{k}": 2 * 9 * math.prod(shape) for k, shape in ATTENTION.items()
    }
    assert rows[-1].shape == (WIDTH, HEADS, SIZE)


class Attention(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.MultiHeadDotProductAttention(
            HEADS, qkv_features=HEADS * SIZE, name="mix"
        )(x)


class Pair(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x @ self.param("kernel", nn.initializers.ones, (WIDTH, 3)), x


class Shift(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x + self.param("kernel", nn.initializers.ones, (1, WIDTH))


class Transformed(nn.Module):
    """Weight norm, and a kernel that is applied the other way round."""

    @nn.compact
    def __call__(self, x):
        kernel = self.param("kernel", nn.initializers.ones, (WIDTH, 3))
        x = x @ (2 * kernel / jnp.linalg.norm(kernel))
        return x @ jnp.tanh(kernel).T


def test_a_kernel_of_no_layer_is_counted_in_its_products_or_not_known():
    assert models.positions(Pair(), (WIDTH,)) == {"kernel": 1}
    assert models.positions(Transformed(), (WIDTH,)) == {"kernel": 2}
    assert models.positions(Shift(), (WIDTH,)) == {"kernel": None}
    params = {"Dense_0": {"kernel": np.ones((1, WIDTH))}}
    text = accounting.format_table(
        params, masks.dense(params), {"Dense_0/kernel": None}
    )
    # Of the layer and of all, with its weights kept or not.
    assert text.count("unknown") == 4


def test_filters_are_of_the_output_axes_and_biases_of_heads_do_not_move():
    draw = np.random.default_rng(0)
    wanted = {
        "query": {"kernel": (8, 2, 6), "bias": (2, 6)},
        "key": {"kernel": (8, 2, 6)},
        "value": {"kernel": (8, 2, 6)},
        "out": {"kernel": (2, 6, 8), "bias": (8,)},
        "torch": {"weight": (5, 3)},
    }
    params = jax.tree.map(lambda x: draw.normal(size=x.shape), shapes(wanted))
    made = jax.tree.map(np.asarray, filter_normalised(jax.random.key(0), params))
    for leaf, axes in (
        (("query", "kernel"), 0),
        (("out", "kernel"), (0, 1)),
        (("torch", "weight"), 1),
    ):
        got, want = (
            np.sqrt((t[leaf[0]][leaf[1]] ** 2).sum(axes)) for t in (made, params)
        )
        np.testing.assert_allclose(got, want, rtol=1e-5)
    assert not made["query"]["bias"].any()


def test_decay_is_of_the_kernels_of_every_library():
    params = haiku()
    want = sum(math.prod(shape) for shape in OF_HAIKU.values())
    assert float(Objective(None, weight_decay=2.0).l2(params)) == want


UNKNOWN = {
    "Einsum_0": {"kernel": (4, 5)},
    "stacked": {"kernel": (3, 4, 5), "bias": (3, 5)},
    "ConvTranspose_0": {"kernel": (3, 3, 6, 2), "bias": (6,)},
    "general": {"kernel": (4, 3, 5)},
    "mixer": {"coefficients": (4, 4)},
}


@pytest.mark.parametrize("layer", UNKNOWN)
def test_a_leaf_that_no_rule_knows_is_refused_by_name_and_can_be_named(layer):
    params = shapes({layer: UNKNOWN[layer], "Dense_0": {"kernel": (3, 2)}})
    (name, *_) = (n for n in UNKNOWN[layer] if n != "bias")
    shape = UNKNOWN[layer][name]
    objective = Objective(None, weight_decay=1.0)
    for ask in (
        prunable,
        objective.l2,
        lambda params: filter_normalised(jax.random.key(0), params),
    ):
        with pytest.raises(InputError, match=f"the axes of {layer}/{name}, shape") as e:
            ask(params)
        assert len(str(e.value).splitlines()) == 1
    assert float(Objective(None).l2(params)) == 0
    assert float(objective._replace(decay_all=True).l2(params)) > 0
    axes = "k" * (len(shape) - 2) + "oi"
    rules = {f"{layer}/{name}": axes}
    canonical = (*shape[:-2], shape[-1], shape[-2])
    assert prunable(params, rules)[f"{layer}/{name}"] == canonical
    named = objective._replace(rules=tuple(rules.items()))
    assert float(named.l2(params)) == 0.5 * (math.prod(shape) + 6)
    assert set(prunable(params, {f"{layer}/{name}": "other"})) == {"Dense_0/kernel"}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"Dense_1/*": "io"}, "unknown parameter 'Dense_1/\\*': perhaps you meant"),
        ({"Dense_0/*": "kio"}, "the rule of Dense_0/kernel must be embedding.*'kio'"),
        ({"Dense_0/*": "ii"}, "for each axis of its shape \\(3, 2\\), not 'ii'"),
    ],
)
def test_rules_that_fit_nothing_are_refused(rules, message):
    with pytest.raises(InputError, match=message):
        prunable(shapes({"Dense_0": {"kernel": (3, 2)}}), rules)


def test_units_of_several_axes_are_refused():
    with pytest.raises(InputError, match="the units of query/kernel, axes ioo"):
        names = ("query", "key", "value", "out")
        shape = {name: {"kernel": (8, 2, 6)} for name in names}
        sequential(shapes(shape), ["query", "out"])
