import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.derivatives import average, total_weight
from landscape.errors import InputError
from landscape.weighting import weighted_mean

VALUES = np.random.default_rng(0).standard_normal((4, 4, 2))
TOKENS = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0.5, 0, 0, 2]])
EACH = TOKENS.sum(1)


def test_an_example_counts_by_the_sum_of_its_own_weights():
    want = sum(w * v for w, v in zip(EACH, VALUES[:, 0, 0], strict=True)) / EACH.sum()
    with jax.enable_x64(True):
        for values in (VALUES[:, 0, 0], VALUES[:, 0, :1]):
            for weight in (EACH, EACH[:, None], TOKENS, TOKENS[..., None]):
                got = weighted_mean(values, weight)
                np.testing.assert_allclose(got, want, rtol=1e-14)
                assert float(total_weight({"weight": weight})) == EACH.sum()


def test_a_token_counts_by_its_own_weight():
    losses = VALUES[..., 0]
    want = sum(TOKENS[i, j] * losses[i, j] for i in range(4) for j in range(4))
    with jax.enable_x64(True):
        for values in (losses, losses[..., None]):
            got = weighted_mean(values, TOKENS)
            np.testing.assert_allclose(got, want / TOKENS.sum(), rtol=1e-14)
        got = weighted_mean(VALUES, TOKENS)
        want = (TOKENS * VALUES.mean(2)).sum() / TOKENS.sum()
        np.testing.assert_allclose(got, want, rtol=1e-14)


def test_weights_of_examples_take_the_mean_of_what_each_has():
    want = (EACH * VALUES.mean((1, 2))).sum() / EACH.sum()
    with jax.enable_x64(True):
        for weight in (EACH, EACH[:, None]):
            np.testing.assert_allclose(weighted_mean(VALUES, weight), want, rtol=1e-14)


@pytest.mark.parametrize("batching", [{}, {"chunk_size": 3}, {"chunk_size": 1}])
def test_tokens_count_the_same_in_every_batching(batching):
    def mean(batch):
        return weighted_mean(batch["x"], batch["weight"])

    with jax.enable_x64(True):
        batch = {"x": VALUES[..., 0], "weight": TOKENS}
        want = (TOKENS * VALUES[..., 0]).sum() / TOKENS.sum()
        np.testing.assert_allclose(average(mean, batch, **batching), want, rtol=1e-14)


def test_truths_and_half_precision_are_averaged_in_single():
    # True for half a vote; ones summed in bfloat16 stop at 256.
    assert float(weighted_mean(jnp.array([True, False]), jnp.array([0.5, 1.5]))) == 0.25
    ones = jnp.ones(300, jnp.bfloat16)
    for weight in (None, ones):
        mean = weighted_mean(ones, weight)
        assert mean.dtype == jnp.float32
        assert float(mean) == pytest.approx(1, abs=300 * 2**-24)


@pytest.mark.parametrize(
    ("values", "weight"),
    [((4,), (3,)), ((4,), ()), ((), (4,)), ((4, 2), (4, 4)), ((4,), (1, 4))],
)
def test_shapes_that_do_not_fit_are_refused(values, weight):
    with pytest.raises(InputError, match=r"weights of shape .* do not fit values of"):
        weighted_mean(jnp.ones(values), jnp.ones(weight))
