"""From functions, parameters and data to an operator: memory, devices, refusals."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import curvature
from landscape.errors import InputError
from landscape.objective import cross_entropy, weighted_mean

ROOT = Path(__file__).parents[3]
V = np.cos(np.arange(12))


def data():
    rng = np.random.default_rng(0)
    return {
        "image": rng.standard_normal((7, 4)),
        "label": rng.integers(0, 3, 7).astype(np.int32),
    }


def make_params(dtype=float):
    return {"w": jnp.asarray(np.random.default_rng(1).standard_normal((4, 3)), dtype)}


def model_fn(params, batch):
    return batch["image"] @ params["w"]


def per_example(params, batch):
    return cross_entropy(model_fn(params, batch), batch["label"])


def loss_fn(params, batch):
    return weighted_mean(per_example(params, batch), batch.get("weight"))


def hessian(batches, **options):
    return curvature.hessian(loss_fn, make_params(), batches, **options)


def assert_close(got, want, tolerance=1e-12):
    error = np.linalg.norm(np.asarray(got) - want) / np.linalg.norm(want)
    assert error < tolerance, error


def parts():
    return [
        {name: x[part] for name, x in data().items()}
        for part in (slice(4), slice(4, 7))
    ]


def twin():
    """The Hessian of softmax regression, (1/N) sum x x^T (x) (diag(p) - p p^T)."""
    x = data()["image"]
    z = np.exp(x @ np.asarray(make_params()["w"], float))
    p = z / z.sum(1, keepdims=True)
    inner = np.einsum("nk,kl->nkl", p, np.eye(3)) - np.einsum("nk,nl->nkl", p, p)
    return np.einsum("na,nb,nkl->akbl", x, x, inner).reshape(12, 12) / 7


def test_what_does_not_fit_goes_in_chunks_and_gives_the_same_numbers():
    with jax.enable_x64(True):
        batch = jax.tree.map(jnp.asarray, data())
        once = hessian(batch)
        assert once.description.startswith("linearised once, 0.00")
        assert_close(once.to_dense(), twin())
        size = sum(x.nbytes for x in jax.tree.leaves(once.leaf_product.args[0]))
        fits = hessian(batch, memory=size)
        assert fits.description == once.description
        less = hessian(batch, memory=size - 1)
        assert less.description.startswith("chunks of 3: linearised once it would take")
        assert_close(less.to_dense(), twin())


def test_data_larger_than_the_memory_stay_on_the_host():
    with jax.enable_x64(True):
        op = hessian(parts(), memory=200, check=False)
        assert " from the host" in op.description and not op.scannable
        held = jax.tree.leaves(op.leaf_product)
        assert sum(isinstance(x, np.ndarray) for x in held) == 4
        assert_close(op.matvec(V), twin() @ V)


def test_batches_of_other_structures_are_linearised_one_by_one():
    with jax.enable_x64(True):
        first, second = parts()
        # Weights of 1 change no number, but the structure of the batch.
        op = hessian([first, second | {"weight": np.ones(3)}], check=False)
        assert len(op.leaf_product.args[0]) == 2
        assert_close(op.matvec(V), twin() @ V)


def test_parameters_and_data_stay_as_they_were():
    params = jax.tree.map(np.array, make_params(np.float32))
    batch = data()
    before = jax.tree.map(np.copy, (params, batch))
    op = curvature.gradient_covariance(per_example, params, batch, centred=True)
    op.matvec(V)
    jax.tree.map(np.testing.assert_array_equal, (params, batch), before)


def test_examples_are_divided_among_devices_without_changing_the_result(start_program):
    settings = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "8"}
    path = str(ROOT / "tests/test_analysis/over_devices.py")
    code = f"import runpy; runpy.run_path({path!r}, run_name='__main__')"
    process = start_program(["-c", code], ROOT, settings)
    said, errors = process.communicate(timeout=240)
    assert said == "agreed\n", errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": {}}, "needs parameters, not an empty pytree"),
        ({"params": {"w": jnp.arange(3)}}, "w must be of floating point, not int32"),
        (
            {"params": make_params(jnp.bfloat16)},
            "w must be float32 or float64, not bfloat16",
        ),
        (
            {"params": make_params(float) | {"v": jnp.ones(2, jnp.float16)}},
            "v must be float32 or float64, not float16",
        ),
        ({"mask": {"v": True}}, "structure of the parameters"),
        ({"mask": {"w": jnp.ones((4, 3))}}, "must hold booleans"),
        ({"mask": {"w": False}}, "keeps no entry"),
        (
            {"params": {"w": {"kernel": jnp.ones(2)}}, "layers": "w/kernal"},
            "perhaps you meant 'w/kernel'",
        ),
        (
            {
                "params": {"w": jnp.ones(2), "v": jnp.ones(1)},
                "layers": "v",
                "mask": {"w": True, "v": False},
            },
            "keeps no entry",
        ),
        ({"memory": 0}, "memory must be at least 1 byte, not 0"),
        ({"chunk_size": 0}, "chunk_size must be at least 1, not 0"),
        ({"batches": []}, "at least one batch"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change, message):
    given = {"params": make_params(), "batches": data()} | change
    with pytest.raises(InputError, match=message):
        curvature.hessian(loss_fn, **given)


def test_a_fisher_matrix_needs_labels_or_a_key():
    with pytest.raises(InputError, match=r"needs batch\[\"label\"\]"):
        curvature.fisher(model_fn, make_params(), {"image": data()["image"]})
    with pytest.raises(InputError, match="num_samples must be at least 1"):
        options = {"key": jax.random.key(0), "num_samples": 0}
        curvature.fisher(model_fn, make_params(), data(), **options)
