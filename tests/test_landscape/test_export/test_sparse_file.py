"""A sparse network in a file that SciPy opens, and back."""

import json
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from landscape import export, layout, models, trees
from landscape.export import sparse_file
from landscape.layout import Leaf


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def network_of(name, shape, widths):
    """Random weights and masks; among the kept are a zero and a negative zero."""
    model = models.create(name, shape, 3, widths)
    zeros = jnp.zeros((1, *shape))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), zeros))
    variables = jax.tree.map(lambda x: numbers(*x.shape), shapes)
    kernels = layout.kernels(variables["params"])

    def mask(name, leaf):
        if name not in kernels or name.endswith("Dense_1/kernel"):
            return np.array(True)
        return np.random.default_rng(leaf.size).random(leaf.shape) < 0.3

    masks = trees.map_named(mask, variables["params"])

    def pruned(mask, leaf):
        leaf = np.where(mask, leaf, np.float32(0))
        if mask.ndim:
            first, second = np.argwhere(mask)[:2]
            leaf[tuple(first)], leaf[tuple(second)] = 0.0, -0.0
        return leaf

    params = jax.tree.map(pruned, masks, variables["params"])
    return export.Network(model, variables | {"params": params}, shape, {}, masks)


@pytest.fixture(scope="module")
def network():
    return network_of("lenet", (17, 16, 2), (3, 4, 5))


def test_every_leaf_comes_back_to_the_bit_and_so_do_the_masks(network):
    found = sparse_file.read(sparse_file.content(network))
    back = sparse_file.variables(found, network.variables)
    ours, theirs = trees.named_leaves(network.variables), trees.named_leaves(back)
    for name, leaf in ours.items():
        assert leaf.tobytes() == theirs[name].tobytes(), name
        assert (leaf.dtype, leaf.shape) == (theirs[name].dtype, theirs[name].shape)
    masks = sparse_file.masks(found, network.variables["params"])
    assert jax.tree.all(jax.tree.map(np.array_equal, network.masks, masks))


def test_equal_networks_are_equal_files(network):
    assert sparse_file.content(network) == sparse_file.content(network)


def test_scipy_opens_a_layer_whose_matrix_multiplies_its_inputs(network, tmp_path):
    path = tmp_path / "net.zip"
    path.write_bytes(sparse_file.content(network))
    with zipfile.ZipFile(path) as file:
        dense = sparse.load_npz(file.open("params/Dense_0/kernel.npz"))
        conv = sparse.load_npz(file.open("params/Conv_0/kernel.npz"))
        bias = np.load(file.open("params/Dense_0/bias.npy"))
        assert "params/Dense_1/kernel.npy" in file.namelist()
        description = json.loads(file.read("description.json"))
    assert "CSR matrix (outputs, inputs)" in description["kernels"]
    params = network.variables["params"]
    x = numbers(6, dense.shape[1])
    expected = x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    np.testing.assert_allclose((dense @ x.T).T + bias, expected, rtol=1e-5, atol=1e-5)
    # One patch of an image, its pixels row by row and their channels last.
    patch = numbers(5, 5, 2)
    expected = np.einsum("hwi,hwio->o", patch, params["Conv_0"]["kernel"])
    np.testing.assert_allclose(conv @ patch.ravel(), expected, rtol=1e-4, atol=1e-5)
    assert conv.nnz == network.masks["Conv_0"]["kernel"].sum()


@pytest.mark.parametrize("axes", ["io", "oi", "kkio", "ioo", "iio", "oikk"])
def test_a_kernel_of_any_axes_comes_back(axes):
    shape = (2, 3, 4, 5)[: len(axes)]
    kernel, leaf = numbers(*shape), Leaf("kernel", shape, axes)
    mask = np.random.default_rng(0).random(shape) < 0.4
    found = sparse_file.matrix(kernel, mask, leaf)
    *_, inputs, outputs = leaf.canonical
    assert found.shape[0] == outputs and found.nnz == mask.sum()
    assert found.shape[1] == kernel.size // outputs >= inputs
    back = sparse_file.kernel(found, leaf)
    assert np.array_equal(back, np.where(mask, kernel, 0))


def test_a_layer_that_keeps_nothing_is_an_empty_matrix():
    leaf = Leaf("kernel", (3, 2), "io")
    found = sparse_file.matrix(np.ones((3, 2)), np.zeros((3, 2), bool), leaf)
    assert found.nnz == 0 and not sparse_file.kernel(found, leaf).any()
