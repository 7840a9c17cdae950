"""Networks of other widths: made, and named again from their shapes alone."""

import jax
import pytest

from landscape import models
from landscape.errors import InputError

MNIST, CIFAR = (28, 28, 1), (32, 32, 3)


def shapes(model, input_shape):
    return jax.eval_shape(
        lambda key: models.init(model, key, input_shape), jax.random.key(0)
    )


@pytest.mark.parametrize(
    ("name", "widths", "input_shape", "found"),
    [
        ("lenet300", (), MNIST, ("mlp", (300, 100))),
        ("mlp", (3, 1, 20, *range(1, 10)), MNIST, None),
        ("mlp-bn", (3, 1, 20), MNIST, None),
        ("lenet5", (), MNIST, ("lenet", (6, 16, 120, 84))),
        ("lenet", (5, 1), MNIST, None),
        ("alexnet", (), CIFAR, ("alexnet", (64, 64, 384, 192))),
        ("alexnet", (1, 3, 2, 4), CIFAR, None),
        ("resnet8", (), CIFAR, ("resnet8", (16, 32, 64))),
        ("resnet8", (4, 4, 8, 4, 4, 8), CIFAR, ("resnet8", (4, 4, 8))),
        ("resnet20", (4, 4, 8, *range(1, 10)), CIFAR, None),
        ("wrn-22-2", (), CIFAR, ("wrn-22-2", (16, 32, 64, 128))),
        ("wrn-10-1", (4, 6, 4, 8, 1, 2, 3), CIFAR, None),
        ("vgg11", tuple(range(2, 10)), CIFAR, None),
        ("vgg16", (*[3] * 13, 7, 5), (64, 32, 1), None),
    ],
)
def test_names_and_widths_are_found_again(name, widths, input_shape, found):
    model = models.create(name, input_shape, 10, widths)
    there = shapes(model, input_shape)
    # What a network of the same kind and depth is told from is its kind alone.
    origin = models.create(name, input_shape, 10, widths and (2,) * len(widths))
    name_found, widths_found = models.widths_of(origin, there[0])
    assert (name_found, widths_found) == (found or (name, widths))
    again = models.create(name_found, input_shape, 10, widths_found)
    assert shapes(again, input_shape) == there
    assert shapes(origin.clone(widths=widths_found), input_shape) == there


def test_inner_widths_are_those_of_the_blocks_in_their_order():
    model = models.create("resnet8", CIFAR, 10, (4, 5, 9, 1, 2, 3))
    params, stats = shapes(model, CIFAR)
    for i, (before, inner, after) in enumerate([(4, 1, 4), (4, 2, 5), (5, 3, 9)]):
        block = params[f"Block_{i}"]
        assert block["Conv_0"]["kernel"].shape == (3, 3, before, inner)
        assert block["Conv_1"]["kernel"].shape == (3, 3, inner, after)
        assert stats[f"Block_{i}"]["BatchNorm_0"]["mean"].shape == (inner,)


def test_a_shortcut_that_no_widths_have_is_refused():
    model = models.create("wrn-10-1", CIFAR, 10, (4, 6, 8, 8))
    params, _ = shapes(model, CIFAR)
    params["Conv_0"]["kernel"] = jax.ShapeDtypeStruct((3, 3, 3, 6), "float32")
    with pytest.raises(InputError, match="first convolution has 6 channels"):
        models.widths_of(model, params)


@pytest.mark.parametrize(
    "model", [models.ResNet(2, 10), models.VGG((1,), (3,), 10), models.Conv(1, (1, 1))]
)
def test_a_network_without_a_name_is_refused(model):
    with pytest.raises(InputError, match=f"no name .* makes {type(model).__name__}"):
        models.widths_of(model, {})
