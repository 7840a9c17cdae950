"""The forward pass in NumPy and SciPy gives the logits of the network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy import sparse

from analysis import inference
from analysis.inference import elementary, products
from landscape import export, layout, models, trees

TOLERANCE = 1e-5
"""Of the largest logit: float32 has 6e-8, and a logit some hundred sums behind it."""


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def network_of(name, shape, widths=(), density=0.3):
    """Random variables, kernels with zeros; as of training, not of initialisation."""
    model = models.create(name, shape, 3, widths)
    zeros = jnp.zeros((1, *shape))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), zeros))
    kernels = layout.kernels(shapes["params"])

    def leaf(name, x):
        value = numbers(*x.shape)
        if name.removeprefix("params/") in kernels:
            kept = np.random.default_rng(x.size).random(x.shape) < density
            value *= kept * np.float32(2 / density / np.prod(x.shape[:-1])) ** 0.5
        return 1 + value**2 if "batch_stats" in name else value

    variables = trees.map_named(leaf, shapes)
    return export.Network(model, variables, shape, {}), len(kernels)


NETWORKS = {
    "mlp": (("mlp", (6, 5, 1), (7, 4)), 3),
    "lenet": (("lenet", (17, 16, 2), (3, 4, 5)), 4),
    "resnet": (("resnet8", (9, 8, 3), (4, 6, 8)), 8),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_those_of_the_network(name):
    settings, layers = NETWORKS[name]
    network, kernels = network_of(*settings)
    assert kernels == layers
    images, seen = numbers(5, *network.input_shape), []

    def pruned(kernel):
        found = inference.sparse_kernels(kernel)
        seen.append(found.nnz)
        return found

    forward = network.exported_logits
    ours = np.asarray(jax.jit(network.logits)(network.variables, images))
    largest = np.abs(ours).max()
    dense = inference.host_program(forward, network.variables, images)
    program = inference.host_program(forward, network.variables, images, pruned)
    for found in (dense(images), program(images)):
        assert found.shape == (5, 3)
        assert np.abs(found - ours).max() <= TOLERANCE * largest
    # Every kernel is a matrix in CSR, of its entries that are not zero.
    leaves = trees.named_leaves(network.variables["params"])
    counts = [np.count_nonzero(leaves[k]) for k in layout.kernels(leaves)]
    assert sorted(seen) == sorted(counts) and len(seen) == layers


def test_what_depends_on_the_images_alone_is_not_computed_once():
    network, _ = network_of("mlp", (6,), (7, 4))
    first, second = numbers(2, 6), numbers(2, 6) + 1
    program = inference.host_program(network.exported_logits, network.variables, first)
    program(first)
    expected = network.logits(network.variables, second)
    np.testing.assert_allclose(program(second), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((2, 0), (1, 3))])
def test_a_convolution_of_any_stride_and_padding_is_a_matrix_product(strides, padding):
    x, kernel = numbers(2, 7, 6, 3), numbers(3, 2, 3, 4)

    def forward(kernel, x):
        return jax.lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    program = inference.host_program(forward, kernel, x, sparse.csr_array)
    expected = forward(kernel.astype(np.float32), x)
    np.testing.assert_allclose(program(x), expected, rtol=1e-4, atol=1e-5)


def test_operations_without_a_counterpart_are_executed_by_jax():
    """Groups of channels, dilated kernels, and what NumPy has no name for."""
    assert "erf" not in elementary.ELEMENTARY
    x, kernel = numbers(2, 8, 8, 4), numbers(3, 3, 2, 4)

    class Odd(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            y = jax.lax.conv_general_dilated(
                x, self.param("kernel", lambda key: kernel), (1, 1), "SAME",
                rhs_dilation=(2, 2), feature_group_count=2,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )  # fmt: skip
            return jax.scipy.special.erf(y).sum(axis=(1, 2)) ** 2

    network = export.Network(Odd(), {"params": {"kernel": kernel}}, (8, 8, 4), {})
    program = inference.host_program(
        network.exported_logits, network.variables, x, products.sparse_kernels
    )
    expected = network.logits(network.variables, x)
    np.testing.assert_allclose(program(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("density", [0.01, 0.25, 0.5])
def test_a_thinned_kernel_has_as_many_entries_in_every_part(density):
    matrix = inference.thinned(density)(numbers(40, 50))
    assert matrix.nnz == round(density * 2000)
    halves = matrix[:20].nnz, matrix[20:].nnz
    assert abs(halves[0] - halves[1]) <= 1


def test_break_even_is_where_the_times_cross():
    """Times in proportion to the density: it is that of the dense time."""
    points = [(d, 3.0 * d) for d in (0.01, 0.05, 0.2, 0.5)]
    for seconds in (0.05, 0.3, 1.4):
        found = inference.break_even(points, seconds)
        assert found == pytest.approx(seconds / 3, abs=5e-5)
    assert inference.break_even(points, 0.03) == 0.0
    assert inference.break_even(points, 1.6) == 1.0
