"""One update against a slow twin, and windows of many."""

import jax
import numpy as np
import pytest

from landscape import data, sparsity, trees
from landscape.config import SparseRun
from landscape.machine import devices
from landscape.recipes import order, recipe
from landscape.recipes.initial_state import abstract_state, initial_state
from landscape.registries import methods
from train.steps import loop, step


def double(tree):
    return jax.tree.map(
        lambda x: x.astype(np.float64) if x.dtype == np.float32 else x, tree
    )


def setting(**options):
    config = SparseRun(num_train=200, batch_size=16, **options)
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    return config, dataset, made


def test_a_masked_step_is_the_explicit_update_of_the_kept_weights():
    """SGD with momentum on data loss + (w/2)|kernels|^2, one example at a time."""
    _, dataset, made = setting(
        model="mlp", widths=(6,), method="static", sparsity=0.5, weight_decay=0.01,
        learning_rate=0.1, schedule="constant", label_smoothing=0.1,
    )  # fmt: skip
    with jax.enable_x64(True):
        state = double(initial_state(made, 0, dataset.input_shape))
        batch = double({k: v[:16] for k, v in dataset.train.items()})
        update = jax.jit(step.make(made))
        w = {k: np.array(v) for k, v in trees.named_leaves(state.params).items()}
        mask = {
            k: np.broadcast_to(m, w[k].shape)
            for k, m in trees.named_leaves(state.masks).items()
        }
        assert mask["Dense_0/kernel"].sum() == 64 * 6 // 2
        momentum = {k: np.zeros_like(v) for k, v in w.items()}
        for _ in range(3):
            state, metrics = update(state, batch)
            grad = {k: 0.01 * v * ("kernel" in k) for k, v in w.items()}
            loss = 0.0
            for image, label in zip(batch["image"], batch["label"], strict=True):
                x = image.ravel()
                h = np.maximum(x @ w["Dense_0/kernel"] + w["Dense_0/bias"], 0)
                z = h @ w["Dense_1/kernel"] + w["Dense_1/bias"]
                p = np.exp(z) / np.exp(z).sum()
                target = 0.9 * (np.arange(10) == label) + 0.01
                loss -= (target * np.log(p)).sum() / 16
                dz = (p - target) / 16
                dh = (w["Dense_1/kernel"] @ dz) * (h > 0)
                grad["Dense_1/kernel"] += np.outer(h, dz)
                grad["Dense_1/bias"] += dz
                grad["Dense_0/kernel"] += np.outer(x, dh)
                grad["Dense_0/bias"] += dh
            np.testing.assert_allclose(metrics.loss, loss, rtol=1e-6)
            square = sum(((grad[k] * mask[k]) ** 2).sum() for k in w)
            np.testing.assert_allclose(metrics.gradient_norm, square**0.5, rtol=1e-6)
            for k in w:
                momentum[k] = 0.9 * momentum[k] + grad[k] * mask[k]
                w[k] = w[k] - 0.1 * momentum[k]
        got = trees.named_leaves(state.params)
        for k in w:
            np.testing.assert_allclose(got[k], w[k], rtol=1e-10, atol=1e-14)
            assert not np.asarray(got[k])[~mask[k]].any()


@pytest.mark.parametrize("in_one_call", [True, False])
def test_how_windows_are_cut_changes_no_bit(in_one_call):
    _, dataset, made = setting(
        steps=12, prune_every=3, log_every=12, model="mlp", widths=(6,), sparsity=0.8
    )
    mesh = devices.make_mesh(1)
    split = devices.replicate(mesh, dataset.train)
    segment = loop.make_segment(step.make(made), mesh, in_one_call)

    def final(*windows):
        state = initial_state(made, 0, dataset.input_shape)
        state, at, losses = devices.replicate(mesh, state), 0, []
        for count in windows:
            indices = order.batches(0, 200, 16, at, 12)
            state, metrics = segment(state, split, indices, count)
            at += count
            losses.append(metrics.loss)
        return jax.tree.leaves(state), np.concatenate(losses)

    whole, losses = final(12)
    for windows in [(1, 11), (5, 7), (1,) * 12]:
        parts, also = final(*windows)
        for a, b in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(losses, also)


@pytest.mark.parametrize("name", methods.MODELS)
def test_steps_of_resnets_vggs_and_alexnet_alone_stay_out_of_a_loop(name, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    shape = (32, 32, 3)
    made = recipe.make(SparseRun(model=name), shape, 10)
    split = {
        "image": jax.ShapeDtypeStruct((50, *shape), np.float32),
        "label": jax.ShapeDtypeStruct((50,), np.int32),
        "weight": jax.ShapeDtypeStruct((50,), np.float32),
    }
    plain = name.startswith(("alexnet", "resnet", "vgg", "wrn"))
    state = abstract_state(made, shape)
    assert loop.scannable(made, state, split, 2) == (not plain)


def test_boundaries_do_not_depend_on_where_a_run_was_resumed():
    config = SparseRun(steps=1000, log_every=70, eval_every=110, save_every=300)
    whole = list(loop.boundaries(0, config))
    assert whole[-1] == 1000
    for i, at in enumerate(whole):
        assert list(loop.boundaries(at, config)) == whole[i + 1 :]


def test_gradual_pruning_reaches_its_target_and_ends_exactly_there():
    _, dataset, made = setting(
        steps=40, prune_start=7, prune_end=31, prune_every=10, sparsity=0.93,
        model="mlp", widths=(20,),
    )  # fmt: skip
    mesh = devices.make_mesh(1)
    state = devices.replicate(mesh, initial_state(made, 0, dataset.input_shape))
    split = devices.replicate(mesh, dataset.train)
    segment = loop.make_segment(step.make(made), mesh, True)
    state, _ = segment(state, split, order.batches(0, 200, 16, 0, 40), 40)
    for name, mask in trees.named_leaves(state.masks).items():
        if name.endswith("kernel"):
            assert mask.sum() == round(0.07 * mask.size), name
    projected = sparsity.masks.apply(state.masks, state.params)
    for a, b in zip(*map(jax.tree.leaves, (projected, state.params)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_augmentation_follows_the_order_seed_and_masks_the_seed():
    _, dataset, made = setting(steps=4, model="mlp", widths=(6,))
    state = initial_state(made, 0, dataset.input_shape)
    batch = jax.tree.map(lambda x: x[:16], dataset.train)
    # Seeds are arguments of the one program.
    call = jax.jit(lambda update, *args: update(*args))

    def after(**seeds):
        new, _ = call(step.make(made, augmented=True, **seeds), state, batch)
        return np.concatenate([np.ravel(x) for x in jax.tree.leaves(new.params)])

    assert (after(order_seed=1) == after(order_seed=1)).all()
    assert (after(order_seed=1) != after(order_seed=2)).any()
    assert (after(order_seed=1) == after(order_seed=1, seed=9)).all()
    assert call._cache_size() == 1
