"""Initial weights scaled to their mask, against a loop over units in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.errors import InputError
from landscape.sparsity import rescaled

SHAPES = {"Conv_0": (3, 3, 2, 5), "Dense_0": (40, 6), "Dense_1": (6, 3)}


def drawn(dtype=np.float64):
    rng = np.random.default_rng(0)
    params = {
        name: {
            "kernel": rng.standard_normal(shape).astype(dtype),
            "bias": np.ones(shape[-1], dtype),
        }
        for name, shape in SHAPES.items()
    }
    masks = {
        name: {"kernel": rng.random(shape) < 0.3, "bias": np.bool_(True)}
        for name, shape in SHAPES.items()
    }
    masks["Dense_0"]["kernel"][:, 2] = False
    masks["Dense_0"]["kernel"][:, 3] = True
    masks["Dense_1"]["kernel"] = np.bool_(True)
    return params, masks


def slow(by, kernel, mask):
    new = np.zeros_like(kernel)
    inputs = np.prod(kernel.shape[:-1])
    for unit in range(kernel.shape[-1]):
        kept = mask[..., unit].sum()
        factor = {"unit": inputs / max(kept, 1), "layer": mask.size / mask.sum()}[by]
        new[..., unit] = kernel[..., unit] * mask[..., unit] * np.sqrt(factor)
    return new


@pytest.mark.parametrize("by", ["unit", "layer"])
def test_weights_are_scaled_to_what_their_unit_or_layer_keeps(by):
    params, masks = drawn()
    with jax.enable_x64(True):
        found = rescaled(by, params, masks)
        for name in ("Conv_0", "Dense_0"):
            kernel, mask = params[name]["kernel"], masks[name]["kernel"]
            want = slow(by, kernel, mask)
            np.testing.assert_allclose(found[name]["kernel"], want, rtol=1e-12)
            assert not found[name]["kernel"][~mask].any()
        same = jax.tree.map(np.array_equal, found["Dense_1"], params["Dense_1"])
        assert all(jax.tree.leaves(same)) and (found["Conv_0"]["bias"] == 1).all()
    unit = found["Dense_0"]["kernel"][:, 2:4]
    assert not unit[:, 0].any()
    if by == "unit":
        np.testing.assert_array_equal(unit[:, 1], params["Dense_0"]["kernel"][:, 3])


def test_dense_projects_and_nothing_else():
    params, masks = drawn(np.float32)
    found = rescaled("dense", params, masks)
    want = params["Conv_0"]["kernel"] * masks["Conv_0"]["kernel"]
    np.testing.assert_array_equal(found["Conv_0"]["kernel"], want)
    with pytest.raises(InputError, match="perhaps you meant 'unit'"):
        rescaled("units", params, masks)


def test_pre_activations_have_the_variance_of_the_dense_layer_unit_by_unit():
    """He's: 2 for inputs of variance 1, whatever number of inputs a unit keeps."""
    rng = np.random.default_rng(1)
    n, units, examples = 400, 50, 4000
    kernel = rng.standard_normal((n, units)) * np.sqrt(2 / n)
    density = np.linspace(0.05, 1, units)
    mask = rng.random((n, units)) < density
    found = rescaled("unit", {"kernel": jnp.asarray(kernel)}, {"kernel": mask})
    variance = (rng.standard_normal((examples, n)) @ np.asarray(found["kernel"])).var(0)
    # Of k weights and N examples: relative deviation sqrt(2 / k + 2 / N).
    deviation = 2 * np.sqrt(2 / mask.sum(0) + 2 / examples)
    z = (variance - 2) / deviation
    assert np.abs(z).max() < 4 and abs(z.mean()) < 4 / np.sqrt(units)
    plain = (rng.standard_normal((examples, n)) @ (kernel * mask)).var(0)
    assert plain[0] < 0.3


def test_half_precision_keeps_its_dtype_and_counts_exactly():
    params = {"kernel": jnp.ones((1000, 1), jnp.bfloat16)}
    masks = {"kernel": (np.arange(1000) < 259)[:, None]}
    found = rescaled("unit", params, masks)["kernel"]
    assert found.dtype == jnp.bfloat16
    assert found[0, 0] == jnp.bfloat16(np.sqrt(1000 / 259))
