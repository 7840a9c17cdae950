"""Promise 11: evaluation counts every example exactly once."""

import jax
import numpy as np
import pytest

from landscape import models, rng
from landscape.machine import devices
from landscape.objective import Objective
from train.steps.evaluate import evaluate

BATCH = 16


@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, BATCH + 1, 97])
def test_every_example_counts_exactly_once(count):
    with jax.enable_x64(True):
        model = models.create("mlp", (4,), 3, widths=(5,))
        params, stats = models.init(model, rng.stream(0, "init"), (4,))
        params = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
        draw = np.random.default_rng(count)
        split = {
            "image": draw.normal(size=(count, 4)),
            "label": draw.integers(3, size=count).astype(np.int32),
            "weight": np.ones(count),
        }
        got = evaluate(
            Objective(model, label_smoothing=0.2),
            params,
            stats,
            devices.replicate(devices.make_mesh(1), split),
            devices.make_mesh(1),
            BATCH,
        )
        losses, hits = [], []
        for image, label in zip(split["image"], split["label"], strict=True):
            logits = np.asarray(model.apply({"params": params}, image[None]))[0]
            losses.append(np.log(np.exp(logits).sum()) - logits[label])
            hits.append(logits.argmax() == label)
    np.testing.assert_allclose(got["loss"], np.mean(losses), rtol=1e-12)
    assert got["accuracy"] == np.mean(hits)


def test_the_minimised_data_loss_smooths_the_labels_and_the_reported_one_does_not():
    model = models.create("mlp", (4,), 3, widths=(5,))
    params, stats = models.init(model, rng.stream(0, "init"), (4,))
    split = {
        "image": np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32),
        "label": np.arange(40, dtype=np.int32) % 3,
        "weight": np.ones(40, np.float32),
    }
    mesh = devices.make_mesh(1)
    on_device = devices.replicate(mesh, split)
    smooth = Objective(model, label_smoothing=0.2)
    got = evaluate(smooth, params, stats, on_device, mesh, BATCH)
    plain = Objective(model).data_loss(params, split, stats)
    np.testing.assert_allclose(got["loss"], plain, rtol=1e-6)
    np.testing.assert_allclose(
        got["objective"], smooth.data_loss(params, split, stats), rtol=1e-6
    )
