"""The units of each kind of network, by hand."""

import jax
import numpy as np
import pytest

from landscape import models
from landscape.errors import InputError
from landscape.trees import named_leaves
from landscape.units import Axis, specification

CIFAR = (32, 32, 3)


def made(name, widths=(), input_shape=CIFAR):
    model = models.create(name, input_shape, 10, widths)
    params, stats = jax.eval_shape(
        lambda key: models.init(model, key, input_shape), jax.random.key(0)
    )
    return params, stats, specification(model, params)


CASES = {
    "mlp-bn": ((5, 3), (4,)),
    "vgg11": (tuple(range(2, 10)), CIFAR),
    "vgg16": ((*[3] * 13, 7), (64, 96, 1)),
    "alexnet": ((3, 5, 7, 2), (12, 9, 2)),
    "resnet8": ((4, 4, 9, 5, 2, 1), CIFAR),
    "resnet20": ((), CIFAR),
    "wrn-10-1": ((4, 4, 4, 7, 5, 2, 1), CIFAR),
    "wrn-22-2": ((), CIFAR),
}


@pytest.mark.parametrize("name", CASES)
def test_every_axis_of_every_leaf_has_as_many_entries_as_its_units(name):
    params, stats, spec = made(name, *CASES[name])
    for tree in (params, stats):
        for leaf, shape in named_leaves(tree).items():
            axes = spec.axes[leaf]
            assert len(axes) == len(shape.shape)
            for axis, size in zip(axes, shape.shape, strict=True):
                if axis is not None:
                    units = sum(spec.sizes[group] for group in axis.names)
                    assert size == axis.positions * units
    # Nothing but what is there is named, but for leaves of the statistics.
    leaves = {**named_leaves(params), **named_leaves(stats)}
    assert spec.axes.keys() == leaves.keys()
    acting = {n for axes in spec.axes.values() for a in axes if a for n in a.names}
    assert acting == spec.sizes.keys()


def test_vgg_has_a_group_a_layer_and_its_norm_goes_with_the_convolution():
    _, _, spec = made("vgg16", *CASES["vgg16"])
    convolutions = {f"Conv_{i}": 3 for i in range(13)}
    assert spec.sizes == convolutions | {"Dense_0": 7}
    # 64 x 96 pixels leave 2 x 3.
    assert spec.axes["Dense_0/kernel"] == (Axis(("Conv_12",), 6), Axis(("Dense_0",)))
    assert spec.axes["Conv_10/kernel"][2:] == (Axis(("Conv_9",)), Axis(("Conv_10",)))
    for leaf in ("scale", "bias", "mean", "var"):
        assert spec.axes[f"BatchNorm_10/{leaf}"] == (Axis(("Conv_10",)),)


def test_a_stage_as_wide_as_the_one_before_has_no_group_of_its_own():
    *_, spec = made("resnet8", (4, 4, 9, 5, 2, 1))
    assert spec.sizes == {
        "stream_0": 4, "Block_0": 5, "Block_1": 2, "Block_2": 1, "stream_2": 5
    }  # fmt: skip
    assert spec.axes["Block_1/Conv_1/kernel"][3] == Axis(("stream_0",))
    assert spec.axes["Block_2/Conv_1/kernel"][3] == Axis(("stream_0", "stream_2"))
    *_, spec = made("resnet8", (4, 6, 6))
    streams = {name: n for name, n in spec.sizes.items() if "stream" in name}
    assert streams == {"stream_0": 4, "stream_1": 2}


def test_a_shortcut_that_is_a_convolution_begins_a_stream_of_its_own():
    *_, spec = made("wrn-10-1", (4, 4, 4, 7, 5, 2, 1))
    assert spec.sizes == {
        "stream_0": 4, "WideBlock_0": 5, "WideBlock_1": 2, "stream_2": 4,
        "WideBlock_2": 1, "stream_3": 7,
    }  # fmt: skip
    streams = [Axis((f"stream_{i}",)) for i in range(4)]
    assert spec.axes["WideBlock_0/Conv_1/kernel"][3] == streams[0]
    assert spec.axes["WideBlock_1/Conv_2/kernel"][2:] == (streams[0], streams[2])
    assert spec.axes["WideBlock_2/BatchNorm_0/mean"] == (streams[2],)
    assert spec.axes["BatchNorm_0/mean"] == (streams[3],)


def test_a_network_that_names_its_layers_has_their_units():
    class Own:
        unit_layers = ("first", "last")

    params = {
        "first": {"kernel": np.ones((2, 3)), "bias": np.ones(3)},
        "last": {"kernel": np.ones((6, 4))},
    }
    spec = specification(Own(), params)
    assert spec.sizes == {"first": 3}
    assert spec.axes["last/kernel"] == (Axis(("first",), 2), None)
    for wrong, message in (
        ("first", "must be a tuple of names, not 'first'"),
        (("first", "lost"), "first lost: unknown layer 'lost'"),
        (("first", "first", "last"), "first first last names first twice"),
    ):
        Wrong = type("Wrong", (), {"unit_layers": wrong})
        with pytest.raises(InputError, match=f"unit_layers {message}"):
            specification(Wrong(), params)
    params["norm"] = {"scale": np.ones(3), "bias": np.ones(3)}
    with pytest.raises(InputError, match=r"first last leaves out norm/.*norm/"):
        specification(Own(), params)


def test_norms_in_a_chain_act_on_the_units_before_them():
    def leaf(*shape):
        return np.ones(shape)

    params = {
        "conv": {"weight": leaf(3, 2, 3, 3), "bias": leaf(3, 1, 1)},
        "norm": {"scale": leaf(3), "bias": leaf(3)},
        "flat": {"weight": leaf(12)},
        "first": {"scale": leaf(2)},
        "dense": {"kernel": leaf(12, 5), "bias": leaf(5)},
        "last": {"scale": leaf(5)},
    }
    names = ("first", "conv", "norm", "flat", "dense", "last")
    own = type("Own", (), {"unit_layers": names})
    spec = specification(own(), params)
    assert spec.sizes == {"conv": 3}
    conv, flat = Axis(("conv",)), Axis(("conv",), 4)
    assert spec.axes == {
        "first/scale": (None,), "first/mean": (None,), "first/var": (None,),
        "conv/weight": (conv, None, None, None), "conv/bias": (conv, None, None),
        "norm/scale": (conv,), "norm/bias": (conv,), "norm/mean": (conv,),
        "norm/var": (conv,),
        "flat/weight": (flat,), "flat/mean": (flat,), "flat/var": (flat,),
        "dense/kernel": (flat, None), "dense/bias": (None,),
        "last/scale": (None,), "last/mean": (None,), "last/var": (None,),
    }  # fmt: skip
    for odd, message in (
        ({"scale": leaf(5)}, "norm has 5 inputs, not a multiple of the 3 outputs of"),
        ({"scale": leaf(3, 1)}, "norm/scale, shape .*, is no part of a dense or"),
    ):
        with pytest.raises(InputError, match=message):
            specification(own(), params | {"norm": odd})


def test_an_unknown_network_is_refused_in_one_sentence():
    with pytest.raises(InputError, match="a Conv is not known here"):
        specification(models.Conv(1, (1, 1)), {"kernel": np.ones((1, 1, 1, 1))})
