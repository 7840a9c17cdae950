"""Networks: sizes, values against slow twins in NumPy, and what is refused."""

import functools
import itertools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax.traverse_util import flatten_dict

from landscape import layout, models
from landscape.errors import InputError
from landscape.models import activations
from landscape.registries import methods

# Compiling is most of these tests' time: fewer optimisations, the same mathematics.
quick_jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)
MNIST, CIFAR = (28, 28, 1), (32, 32, 3)


def count(model, input_shape):
    shapes = jax.eval_shape(
        lambda key: models.init(model, key, input_shape)[0], jax.random.key(0)
    )
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def random_variables(model, input_shape, seed=0):
    """Parameters and statistics in float64, none of them zero, variances positive."""
    shapes = jax.eval_shape(
        lambda key: models.init(model, key, input_shape), jax.random.key(0)
    )
    generator = np.random.default_rng(seed)

    def draw(leaf):
        if leaf.ndim == 1:
            return generator.uniform(0.5, 1.5, leaf.shape)
        fan_in = leaf.size // leaf.shape[-1]
        return generator.normal(size=leaf.shape) * np.sqrt(2 / fan_in)

    params, batch_stats = jax.tree.map(draw, shapes)
    return {"params": params, "batch_stats": batch_stats}


def apply64(model, variables, x, **kwargs):
    with jax.enable_x64(True):
        variables = jax.tree.map(jnp.array, variables)
        return jax.jit(lambda v, x: model.apply(v, x, **kwargs))(
            variables, jnp.array(x)
        )


def slow_convolution(x, kernel, stride=1, pad=0):
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    size = len(kernel)
    height = (x.shape[1] - size) // stride + 1
    width = (x.shape[2] - size) // stride + 1
    y = np.zeros((len(x), height, width, kernel.shape[-1]))
    for i, j in np.ndindex(height, width):
        top, left = i * stride, j * stride
        window = x[:, top : top + size, left : left + size]
        y[:, i, j] = np.einsum("bijc,ijco->bo", window, kernel)
    return y


def slow_mlp(x, params, activation):
    x = x.reshape(len(x), -1)
    names = sorted(name for name in params if name.startswith("Dense"))
    for name in names:
        x = x @ params[name]["kernel"] + params[name]["bias"]
        if name != names[-1]:
            x = activation(x)
    return x


ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}


# -- sizes


@pytest.mark.parametrize(
    ("name", "widths", "input_shape", "num_classes", "expected"),
    [
        ("lenet300", (), MNIST, 10, 266_610),
        ("mlp", (), MNIST, 10, 266_610),
        ("mlp-bn", (30, 30), (100,), 5, 4115 + 2 * 60),
        ("lenet5", (), MNIST, 10, 44_426),
        ("lenet", (), MNIST, 10, 44_426),
        ("lenet", (8, 16, 64), MNIST, 10, 20_522),
        ("lenet", (10, 20, 80), MNIST, 10, 31_770),
        ("resnet20", (), CIFAR, 10, 269_722),
        ("alexnet", (), CIFAR, 10, 1_756_426),
        ("resnet20", (16, 32, 64, *[16] * 3, *[32] * 3, *[64] * 3), CIFAR, 10, 269_722),
        ("alexnet", (64, 64, 384, 192), CIFAR, 10, 1_756_426),
        ("wrn-28-10", (), CIFAR, 10, 36_479_194),
        ("wrn-16-4", (), CIFAR, 10, 2_748_890),
        ("wrn-22-2", (16, 32, 64, 128), CIFAR, 10, 1_079_642),
        *[
            ("mlp", (30, 30), (100,), k, n)
            for k, n in {2: 4022, 5: 4115, 10: 4270, 20: 4580, 50: 5510}.items()
        ],
        *[
            ("mlp", (h,), MNIST, 10, n)
            for h, n in {10: 7960, 30: 23860, 50: 39760, 70: 55660}.items()
        ],
    ],
)
def test_parameters_are_as_many_as_the_papers_say(
    name, widths, input_shape, num_classes, expected
):
    model = models.create(name, input_shape, num_classes, widths)
    assert count(model, input_shape) == expected


def test_wrn_22_2_has_two_convolutions_a_block_and_three_shortcuts():
    widths, kernels, norms = (16, 32, 64, 128), [27 * 16], []
    for before, after in itertools.pairwise(widths):
        kernels += [9 * before * after, *5 * [9 * after * after], before * after]
        norms += [before, *5 * [after]]
    # Convolutions but for shortcuts, and the dense layer.
    assert len(kernels) - 3 + 1 == 20 and len(norms) == 18
    expected = sum(kernels) + 2 * (sum(norms) + 128) + 128 * 10 + 10
    assert count(models.create("wrn-22-2", CIFAR, 10), CIFAR) == expected


@pytest.mark.parametrize(("depth", "blocks"), [(20, 3), (32, 5), (56, 9)])
def test_resnet_has_one_kernel_for_each_of_its_layers(depth, blocks):
    channels = [3, 16, *2 * blocks * [16], *2 * blocks * [32], *2 * blocks * [64]]
    assert len(channels) == depth
    kernels = sum(9 * a * b for a, b in itertools.pairwise(channels))
    expected = kernels + 2 * sum(channels[1:]) + 64 * 10 + 10
    assert count(models.create(f"resnet{depth}", CIFAR, 10), CIFAR) == expected


# Without biases: of 3, 64, 64, 128, ... channels, as in the paper's configuration D.
VGG16 = (64, 64, 128, 128, *[256] * 3, *[512] * 6)


@pytest.mark.parametrize(
    ("name", "channels"), [("vgg16", VGG16), ("vgg11", (64, 128, 256, 256, *[512] * 4))]
)
def test_vgg_has_its_convolutions_their_norms_and_one_dense_layer(name, channels):
    kernels = sum(9 * a * b for a, b in itertools.pairwise((3, *channels)))
    expected = kernels + 2 * sum(channels) + 512 * 10 + 10
    model = models.create(name, CIFAR, 10)
    assert model.widths == channels
    assert count(model, CIFAR) == expected


# -- values


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_equals_explicit_products(activation):
    model = models.create("mlp", (3, 2, 2), 4, (7, 5), activation)
    variables = random_variables(model, (3, 2, 2))
    x = np.random.default_rng(1).normal(size=(6, 3, 2, 2))
    logits = apply64(model, variables, x)
    assert logits.dtype == np.float64
    expected = slow_mlp(x, variables["params"], ACTIVATIONS[activation])
    np.testing.assert_allclose(logits, expected, rtol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("form", ["plain", "matmul"])
def test_lenet_equals_explicit_windows_and_products(activation, form):
    shape = (17, 20, 2)
    model = models.LeNet((3, 4, 6, 5), 3, activation, form)
    variables = random_variables(model, shape)
    params = variables["params"]
    x = np.random.default_rng(1).normal(size=(3, *shape))
    logits = apply64(model, variables, x)
    assert logits.dtype == np.float64
    for name in ("Conv_0", "Conv_1"):
        x = slow_convolution(x, params[name]["kernel"]) + params[name]["bias"]
        x = ACTIVATIONS[activation](x)
        b, h, w, c = x.shape
        x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c)
        x = x.max((2, 4))
    expected = slow_mlp(x, params, ACTIVATIONS[activation])
    np.testing.assert_allclose(logits, expected, rtol=1e-11)


def test_alexnet_equals_explicit_windows_and_products():
    shape = (8, 6, 2)
    model = models.create("alexnet", shape, 3)
    variables = random_variables(model, shape)
    params = variables["params"]
    x = np.random.default_rng(1).normal(size=(2, *shape))
    logits = apply64(model, variables, x)
    for name in ("Conv_0", "Conv_1"):
        x = slow_convolution(x, params[name]["kernel"], pad=2) + params[name]["bias"]
        x = np.maximum(x, 0)
        rows, columns = (-(-size // 2) for size in x.shape[1:3])
        pooled = np.zeros((len(x), rows, columns, x.shape[-1]))
        for i, j in np.ndindex(rows, columns):
            # Of an odd size the first window would begin one entry before it.
            top, left = (
                2 * k - size % 2 for k, size in ((i, x.shape[1]), (j, x.shape[2]))
            )
            window = x[:, max(top, 0) : top + 3, max(left, 0) : left + 3]
            pooled[:, i, j] = window.max((1, 2))
        x = pooled
    expected = slow_mlp(x, params, ACTIVATIONS["relu"])
    np.testing.assert_allclose(logits, expected, rtol=1e-10)


def test_lenet_has_the_same_derivatives_in_both_forms():
    plain, matmul = (models.LeNet((3, 4, 6), 3, form=f) for f in ("plain", "matmul"))
    params = random_variables(plain, (16, 16, 1))["params"]
    x = np.random.default_rng(1).normal(size=(4, 16, 16, 1))

    def products(model, params, x):
        def loss(params):
            return jax.nn.logsumexp(model.apply({"params": params}, x)) ** 2

        return jax.jvp(jax.grad(loss), (params,), (params,))

    with jax.enable_x64(True):
        params = jax.tree.map(jnp.array, params)
        run = quick_jit(products, static_argnums=0)
        chex.assert_trees_all_close(
            run(plain, params, jnp.array(x)),
            run(matmul, params, jnp.array(x)),
            rtol=1e-10,
            atol=1e-9,
        )


@pytest.mark.parametrize(
    ("model", "plain"),
    [
        (models.LeNet((2, 2), 3, form="plain"), True),
        (models.LeNet((2, 2), 3, form="matmul"), False),
        (models.ResNet(blocks=1, num_classes=3), True),
    ],
)
def test_convolutions_have_the_form_asked_for_and_resnets_the_plain_one(model, plain):
    x = jnp.ones((1, 16, 16, 1))
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    text = str(jax.make_jaxpr(model.apply)(variables, x))
    assert ("conv_general_dilated" in text) == plain


def slow_norm(variables, seen):
    """Batch norm of the layer at a path; of the batch, put into `seen`, if not None."""

    def norm(x, *path):
        scale, running = variables["params"], variables["batch_stats"]
        name = "/".join(path)
        for part in path:
            scale, running = scale[part], running[part]
        mean, var = running["mean"], running["var"]
        if seen is not None:
            mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
            seen[f"{name}/mean"] = 0.9 * running["mean"] + 0.1 * mean
            seen[f"{name}/var"] = 0.9 * running["var"] + 0.1 * var
        return (x - mean) / np.sqrt(var + 1e-5) * scale["scale"] + scale["bias"]

    return norm


def slow_resnet(variables, x, blocks, seen=None):
    params, norm = variables["params"], slow_norm(variables, seen)
    x = slow_convolution(x, params["Conv_0"]["kernel"], 1, 1)
    x = np.maximum(norm(x, "BatchNorm_0"), 0)
    for index in range(3 * blocks):
        name = f"Block_{index}"
        stride = 2 if index in (blocks, 2 * blocks) else 1
        y = slow_convolution(x, params[name]["Conv_0"]["kernel"], stride, 1)
        y = np.maximum(norm(y, name, "BatchNorm_0"), 0)
        y = slow_convolution(y, params[name]["Conv_1"]["kernel"], 1, 1)
        y = norm(y, name, "BatchNorm_1")
        kept = np.zeros_like(y)
        kept[..., : x.shape[-1]] = x[:, ::stride, ::stride]
        x = np.maximum(y + kept, 0)
    dense = params["Dense_0"]
    return x.mean((1, 2)) @ dense["kernel"] + dense["bias"]


def slow_wide_resnet(variables, x, blocks, seen=None):
    params, norm = variables["params"], slow_norm(variables, seen)
    x = slow_convolution(x, params["Conv_0"]["kernel"], 1, 1)
    for index in range(3 * blocks):
        name = f"WideBlock_{index}"
        stride = 2 if index in (blocks, 2 * blocks) else 1
        active = np.maximum(norm(x, name, "BatchNorm_0"), 0)
        y = slow_convolution(active, params[name]["Conv_0"]["kernel"], stride, 1)
        y = np.maximum(norm(y, name, "BatchNorm_1"), 0)
        y = slow_convolution(y, params[name]["Conv_1"]["kernel"], 1, 1)
        if stride == 2 or x.shape[-1] != y.shape[-1]:
            x = active[:, ::stride, ::stride] @ params[name]["Conv_2"]["kernel"][0, 0]
        x = x + y
    x = np.maximum(norm(x, "BatchNorm_0"), 0).mean((1, 2))
    return x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]


def slow_vgg(variables, x, stages, seen=None):
    params, norm, index = variables["params"], slow_norm(variables, seen), 0
    for convolutions in stages:
        for _ in range(convolutions):
            x = slow_convolution(x, params[f"Conv_{index}"]["kernel"], 1, 1)
            x = np.maximum(norm(x, f"BatchNorm_{index}"), 0)
            index += 1
        corners = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        h, w = x.shape[1] // 2, x.shape[2] // 2
        x = np.max([corner[:, :h, :w] for corner in corners], axis=0)
    return slow_mlp(x, params, ACTIVATIONS["relu"])


def slow_max_pool(x):
    """3x3 windows, two pixels apart, one pixel of padding that is never the largest."""
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    rows, columns = (size // 2 for size in np.array(x.shape[1:3]) - 1)
    windows = [
        x[:, i : i + 2 * rows : 2, j : j + 2 * columns : 2] for i, j in np.ndindex(3, 3)
    ]
    return np.max(windows, axis=0)


def slow_bottleneck_resnet(variables, x, stride_first, seen=None):
    params, norm = variables["params"], slow_norm(variables, seen)
    x = slow_convolution(x, params["Conv_0"]["kernel"], 2, 3)
    x = slow_max_pool(np.maximum(norm(x, "BatchNorm_0"), 0))
    for index, stride in enumerate((1, 1, 2)):
        name = f"Bottleneck_{index}"
        kernels = [params[name][f"Conv_{i}"]["kernel"] for i in range(3)]
        first, second = (stride, 1) if stride_first else (1, stride)
        y = slow_convolution(x, kernels[0], first)
        y = np.maximum(norm(y, name, "BatchNorm_0"), 0)
        y = slow_convolution(y, kernels[1], second, 1)
        y = np.maximum(norm(y, name, "BatchNorm_1"), 0)
        y = norm(slow_convolution(y, kernels[2]), name, "BatchNorm_2")
        if "Conv_3" in params[name]:
            x = slow_convolution(x, params[name]["Conv_3"]["kernel"], stride)
            x = norm(x, name, "BatchNorm_3")
        x = np.maximum(x + y, 0)
    dense = params["Dense_0"]
    return x.mean((1, 2)) @ dense["kernel"] + dense["bias"]


def test_resnet20_in_eval_mode_uses_the_stored_statistics():
    shape = (9, 8, 3)
    model = models.create("resnet20", shape, 10)
    variables = random_variables(model, shape)
    x = np.random.default_rng(1).normal(size=(2, *shape))
    logits = apply64(model, variables, x)
    assert logits.dtype == np.float64
    expected = slow_resnet(variables, x, 3)
    np.testing.assert_allclose(logits, expected, rtol=1e-10)


NORMED = {
    "resnet": (models.ResNet(1, 5), (8, 8, 3), slow_resnet, 1),
    # The second stage adds no channels, and no block is as wide inside.
    "resnet of widths": (
        models.create("resnet8", (8, 7, 3), 5, (4, 4, 6, 3, 1, 7)),
        (8, 7, 3), slow_resnet, 1,
    ),
    # Shortcuts: the input itself, a strided one of as many channels, and of more.
    "wide resnet": (
        models.create("wrn-10-1", (8, 7, 3), 5, (3, 3, 3, 6, 2, 1, 4)),
        (8, 7, 3), slow_wide_resnet, 1,
    ),
    "vgg": (models.VGG((1, 2), (3, 4, 2, 6), 5), (9, 7, 3), slow_vgg, (1, 2)),
    "bottlenecks": (
        models.BottleneckResNet(5, False, (2, 1), (2, 3)),
        (17, 14, 3), slow_bottleneck_resnet, False,
    ),
    "bottlenecks, stride first": (
        models.BottleneckResNet(5, True, (2, 1), (2, 3)),
        (17, 14, 3), slow_bottleneck_resnet, True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NORMED)
def test_in_train_mode_the_statistics_of_the_batch_are_used_and_stored(name):
    model, shape, slow, structure = NORMED[name]
    variables = random_variables(model, shape)
    x = np.random.default_rng(1).normal(size=(4, *shape))
    logits, changed = apply64(model, variables, x, train=True, mutable=["batch_stats"])
    assert logits.dtype == np.float64
    seen = {}
    expected = slow(variables, x, structure, seen)
    np.testing.assert_allclose(logits, expected, rtol=1e-9)
    stored = flatten_dict(changed["batch_stats"], sep="/")
    assert stored.keys() == seen.keys()
    for name, value in seen.items():
        np.testing.assert_allclose(stored[name], value, rtol=1e-9, err_msg=name)


def test_vgg_in_eval_mode_uses_the_stored_statistics():
    model, shape, slow, structure = NORMED["vgg"]
    variables = random_variables(model, shape)
    x = np.random.default_rng(1).normal(size=(4, *shape))
    logits = apply64(model, variables, x)
    np.testing.assert_allclose(logits, slow(variables, x, structure), rtol=1e-10)


# -- initialisation


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "lecun_uniform"])
def test_an_initialisation_by_name_has_its_variance_and_shape(name):
    """Of what is uniform the largest entry is near the limit, sqrt(3) deviations."""
    model = models.create("lenet", MNIST, 40, (6, 40, 200))
    drawn = jax.jit(lambda key: models.init(model, key, MNIST, name)[0])
    params = flatten_dict(drawn(jax.random.key(0)), sep="/")
    for layer, fan_in, fan_out in (("Conv_1", 150, 1000), ("Dense_0", 640, 200)):
        kernel = np.asarray(params[f"{layer}/kernel"], np.float64).ravel()
        kind, shape = name.split("_")
        want = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}
        std, limit = want[kind] ** 0.5, np.abs(kernel).max()
        # Of n entries the variance has a relative deviation below sqrt(2 / n).
        assert abs(kernel.var() / std**2 - 1) < 5 * np.sqrt(2 / kernel.size)
        low, high = (1.72, 1.7321) if shape == "uniform" else (2.2, 2.2740)
        assert low < limit / std < high
    assert not params["Dense_0/bias"].any()


def test_kernels_of_one_shape_are_drawn_apart_and_the_key_alone_decides():
    model = models.create("mlp", (9,), 9, (9, 9))
    draws = [
        models.init(model, jax.random.key(seed), (9,), "glorot_normal")[0]
        for seed in (0, 0, 1)
    ]
    one, again, other = (np.asarray(d["Dense_0"]["kernel"]) for d in draws)
    np.testing.assert_array_equal(one, again)
    assert (one != other).all() and (one != draws[0]["Dense_1"]["kernel"]).all()


@pytest.mark.parametrize(("activation", "gain"), [("relu", 2.0), ("tanh", 1.0)])
def test_kernels_are_initialised_normal_with_the_stated_variance_and_zero_biases(
    activation, gain
):
    model = models.create("lenet", MNIST, 40, (6, 40, 200), activation)
    params, batch_stats = models.init(model, jax.random.key(0), MNIST)
    assert batch_stats == {}
    for name, leaf in flatten_dict(params, sep="/").items():
        assert leaf.dtype == np.float32
        if name.endswith("bias"):
            np.testing.assert_array_equal(leaf, 0)
        elif leaf.size > 3000:
            fan_in = leaf.size // leaf.shape[-1]
            assert float(leaf.var()) * fan_in == pytest.approx(gain, rel=0.08)


def assert_same_draw(one, other):
    """Of two programs, to rounding.

    Each takes some 16 operations for an entry, and one before them, a uniform number,
    is rounded too: at the ends the entry changes 9 times as fast. Together 32 eps of
    the largest entry.
    """
    bound = 32 * np.finfo(np.float32).eps * abs(one).max()
    np.testing.assert_allclose(one, other, rtol=0, atol=bound)


def test_initialisation_is_a_function_of_the_key_alone():
    model = models.create("lenet", MNIST, 10, (2, 3, 4))
    key = jax.random.key(5)
    params, _ = models.init(model, key, MNIST)
    for form in ("plain", "matmul"):
        other, _ = models.init(models.LeNet(model.widths, 10, form=form), key, MNIST)
        jax.tree.map(assert_same_draw, params, other)
    different, _ = models.init(model, jax.random.key(6), MNIST)
    for name, leaf in flatten_dict(different, sep="/").items():
        if name.endswith("kernel"):
            assert not np.any(leaf == flatten_dict(params, sep="/")[name])


def test_many_initialisations_can_be_drawn_at_once():
    model = models.create("mlp", (4,), 2, (3,))
    keys = jax.random.split(jax.random.key(0), 3)
    many, _ = quick_jit(jax.vmap(lambda key: models.init(model, key, (4,))))(keys)
    one, _ = models.init(model, keys[1], (4,))
    jax.tree.map(assert_same_draw, jax.tree.map(lambda x: x[1], many), one)


# -- what other rooms ask


def test_names_are_those_of_the_settings():
    for name in methods.MODELS:
        assert isinstance(models.create(name, CIFAR, 10), nn.Module)
    assert set(activations.ACTIVATIONS) == set(methods.ACTIVATIONS)


def test_positions_of_lenet5_are_its_output_pixels():
    assert models.positions(models.create("lenet5", MNIST, 10), MNIST) == {
        "Conv_0/kernel": 24 * 24,
        "Conv_1/kernel": 8 * 8,
        "Dense_0/kernel": 1,
        "Dense_1/kernel": 1,
        "Dense_2/kernel": 1,
    }


def test_positions_of_resnet20_shrink_from_stage_to_stage():
    found = models.positions(models.create("resnet20", CIFAR, 10), CIFAR)
    expected = {"Conv_0/kernel": 1024, "Dense_0/kernel": 1}
    for block in range(9):
        pixels = (32 * 32, 16 * 16, 8 * 8)[block // 3]
        expected |= {f"Block_{block}/Conv_{i}/kernel": pixels for i in (0, 1)}
    assert found == expected


@pytest.mark.parametrize(
    ("name", "billions"), [("resnet50", 4.09), ("resnet50-v1", 3.86)]
)
def test_multiply_adds_of_resnet50_are_those_published(name, billions):
    shape = (224, 224, 3)
    model = models.create(name, shape, 1000)
    sizes = layout.kernels(models.shapes(model, shape))
    found = models.positions(model, shape)
    total = sum(n * math.prod(sizes[kernel].shape) for kernel, n in found.items())
    assert round(total / 1e9, 2) == billions
    assert len(sizes) == 54


def test_a_block_of_resnet50_starts_as_its_shortcut():
    model = models.BottleneckResNet(2, False, (2,), (2,))
    shape = (8, 8, 3)
    params, _ = models.init(model, jax.random.key(0), shape)
    for block in ("Bottleneck_0", "Bottleneck_1"):
        ends = [
            float(abs(params[block][f"BatchNorm_{i}"]["scale"]).max()) for i in range(3)
        ]
        assert ends == [1.0, 1.0, 0.0]


def test_positions_of_vgg16_shrink_with_every_pooling():
    found = models.positions(models.create("vgg16", CIFAR, 10), CIFAR)
    pixels = [1024] * 2 + [256] * 2 + [64] * 3 + [16] * 3 + [4] * 3
    expected = {f"Conv_{i}/kernel": n for i, n in enumerate(pixels)}
    assert found == expected | {"Dense_0/kernel": 1}


def test_positions_count_every_call_of_a_shared_layer_of_any_module():
    class Stranger(nn.Module):
        @nn.compact
        def __call__(self, x):
            layer = nn.Conv(3, (3, 3), strides=2)
            return nn.Dense(2)(layer(layer(x)).reshape(len(x), -1))

    assert models.positions(Stranger(), (12, 8, 3)) == {
        "Conv_0/kernel": 6 * 4 + 3 * 2,
        "Dense_0/kernel": 1,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lenet30", MNIST, 10), "unknown model 'lenet30': perhaps you meant 'lenet3"),
        (("mlp", MNIST, 10, (3,), "relo"), "unknown activation 'relo'.* 'relu'"),
        (("mlp", MNIST, 10, (3, 0)), r"at least 1 each, not 3 0"),
        (("mlp", (), 10), r"sizes of at least 1, not \(\)"),
        (("mlp", (3, 0), 10), r"sizes of at least 1, not \(3, 0\)"),
        (("mlp", (3,), 0), "at least 1 class, not 0"),
        (("lenet300", MNIST, 10, (3,)), r"lenet300 has its own widths.*not 3;"),
        (("lenet5", MNIST, 10, (3, 3)), r"lenet5 has its own widths.*not 3 3;"),
        (("resnet20", CIFAR, 10, (3, 3)), r"3 or 12 widths .*not 3 3\."),
        (("resnet20", CIFAR, 10, (3, 3, 5, 5)), r"3 or 12 widths .*not 3 3 5 5"),
        (("resnet8", CIFAR, 10, (4, 2, 8)), r"narrower than .* 4 2 8"),
        (("resnet8", CIFAR, 10, (4, 4, 2, 1, 1, 1)), r"narrower .* 4 4 2"),
        (("alexnet", CIFAR, 10, (3, 3)), r"alexnet takes 4 widths .*not 3 3"),
        (("vgg11", CIFAR, 10, (3,) * 7), r"at least 8 widths .*not 3 3"),
        (("vgg16", CIFAR, 10, (3,) * 13, "tanh"), "activation relu, not tanh"),
        (("vgg16", (31, 32, 3), 10), "at least 32x32, not 31x32"),
        (("vgg16", (100,), 10), r"vgg16 needs images.*shape \(100,\)"),
        (("resnet20", CIFAR, 10, (), "tanh"), "activation relu, not tanh"),
        (("lenet", MNIST, 10, (3,)), r"at least 2 widths.*not 3\."),
        (("lenet5", (100,), 10), r"lenet5 needs images.*shape \(100,\)"),
        (("resnet20", (28, 28), 10), r"resnet20 needs images.*shape \(28, 28\)"),
        (("lenet5", (8, 8, 1), 10), "at least 16x16, not 8x8"),
        (("lenet", (15, 40, 1), 10, (2, 2)), "at least 16x16, not 15x40"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(InputError, match=message) as error:
        models.create(*arguments)
    assert "\n" not in str(error.value)


def test_the_smallest_image_gives_logits():
    model = models.create("lenet", (16, 16, 1), 3, (2, 2))
    logits, variables = jax.eval_shape(
        model.init_with_output, jax.random.key(0), jnp.ones((4, 16, 16, 1))
    )
    chex.assert_shape(logits, (4, 3))
    chex.assert_shape(variables["params"]["Dense_0"]["kernel"], (1 * 1 * 2, 3))
