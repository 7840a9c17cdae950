"""Straight through: the optimizer steps dense weights, the network is on the masks."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape.config import SparseRun
from landscape.recipes import recipe
from landscape.recipes.initial_state import initial_state
from landscape.sparsity import (
    Updater,
    masked_update,
    scored_update,
    sparse_state,
)

W = np.array([3.0, -1.0, 0.5, 2.0])
KEPT = np.array([[1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 1, 1]], bool)


class State(NamedTuple):
    latent: Any


def given_masks(seen=None):
    """A latent updater whose masks after step t are `KEPT[t]`."""

    def update(step, key, params, grads, masks, state):
        if seen is not None:
            seen.append((params["w"], state.latent["w"]))
        new = {"w": jnp.asarray(KEPT)[step]}
        return new, state, {"changed": jnp.any(new["w"] != masks["w"])}

    def scored(step, scores, masks, state):
        return {"w": scores["w"] > 0}, state, {"changed": jnp.array(True)}

    def init(key, params):
        return {"w": KEPT[0]}, State(params)

    return Updater(init, update, scored=scored, latent=True)


def gradient(params, factor=1.0):
    """Dense: nothing in it is zero."""
    return jax.tree.map(lambda w: factor * (w - 0.3), params)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_optimizer_steps_latent_weights_with_gradients_at_the_projected(decay):
    with jax.enable_x64(True):
        rate, momentum = 0.5, 0.9
        optimizer = optax.chain(
            optax.add_decayed_weights(decay), optax.sgd(rate, momentum)
        )
        seen = []
        updater = given_masks(seen)
        state = sparse_state(optimizer, updater, None, {"w": jnp.asarray(W)})
        np.testing.assert_array_equal(state.params["w"], [3, 0, 0, 2])
        latent, velocity = W.copy(), np.zeros(4)
        for step in (1, 2, 3):
            grads = np.where(KEPT[step - 1], latent, 0) - 0.3 + decay * latent
            velocity = momentum * velocity + grads
            latent = latent - rate * velocity
            grads = gradient(state.params)
            state, info = masked_update(optimizer, updater, None, state, grads)
            np.testing.assert_allclose(
                state.updater_state.latent["w"], latent, rtol=1e-14
            )
            want = np.where(KEPT[step], latent, 0)
            np.testing.assert_allclose(state.params["w"], want, rtol=1e-14)
            moments = jax.tree.leaves(state.opt_state)
            np.testing.assert_allclose(moments[0], velocity, rtol=1e-14)
            assert info["changed"] == (step > 1)
            # The updater is shown the new dense weights, twice the same.
            for shown in seen[-1]:
                np.testing.assert_allclose(shown, latent, rtol=1e-14)


def test_scores_of_data_project_the_latent_weights():
    updater = given_masks()
    state = sparse_state(optax.sgd(1.0, 0.9), updater, None, {"w": jnp.asarray(W)})
    state, _ = masked_update(
        optax.sgd(1.0, 0.9), updater, None, state, {"w": jnp.ones(4)}
    )
    after, info = scored_update(updater, state, {"w": jnp.array([-1.0, 1, -1, 1])})
    assert info["changed"]
    assert after.params["w"].tolist() == [0, -2, 0, 1]
    jax.tree.map(np.testing.assert_array_equal, after.opt_state, state.opt_state)


def test_a_function_of_the_parameters_sees_the_network():
    """A line search looks at projected weights, and its gradient is dense."""
    seen = []

    def update(updates, state, params, *, value_fn, grad):
        seen.append((value_fn(params), grad["w"]))
        return updates, state

    optimizer = optax.GradientTransformationExtraArgs(lambda params: (), update)
    updater = given_masks()
    state = sparse_state(optimizer, updater, None, {"w": jnp.asarray(W)})
    grads = {"w": jnp.ones(4)}
    masked_update(
        optimizer, updater, None, state, grads,
        value_fn=lambda params: params["w"].tolist(), grad=grads,
    )  # fmt: skip
    assert seen[0][0] == [3, 0, 0, 2]
    assert seen[0][1].tolist() == [1, 1, 1, 1]


def test_masks_of_another_run_stand_beside_latent_weights():
    made = recipe.make(SparseRun(model="mlp", widths=(2,), sparsity=0.5), (3,), 2)
    like = initial_state(made, 0, (3,))
    latent = Updater(
        lambda key, params: (like.masks, State(params)), made.updater.update,
        latent=True,
    )  # fmt: skip
    masks = jax.tree.map(lambda m: np.arange(m.size).reshape(m.shape) > 2, like.masks)
    state = initial_state(made._replace(updater=latent), 0, (3,), masks=masks)
    jax.tree.map(np.testing.assert_array_equal, state.masks, masks)
    jax.tree.map(np.testing.assert_array_equal, state.updater_state.latent, like.params)
    kept = jax.tree.map(lambda m, w: np.where(m, w, 0), masks, like.params)
    jax.tree.map(np.testing.assert_array_equal, state.params, kept)
