"""What settings tell of the densities over a training, and what scores cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.programs.sparsity import cost as sparsity_cost
from landscape.config import SparseRun
from landscape.sparsity.updaters.acdc import acdc_of_settings


def test_densities_of_acdc_are_those_of_its_updater():
    config = SparseRun(method="acdc", steps=20, sparsity=0.75, model="mlp")
    params = {"w": jnp.arange(1.0, 9.0)}
    updater = acdc_of_settings({"w": 2}, params, config.phase_starts, False)
    masks, state = updater.init(None, params)
    update, seen = jax.jit(updater.update), [1.0]
    for step in range(1, 21):
        masks, state, _ = update(step, None, params, None, masks, state)
        seen.append(float(np.mean(masks["w"])))
    for last in (7, 20):
        found = dict(sparsity_cost.scheduled(config, last, seen[last]))
        density = []
        for step in range(last + 1):
            density.append(found.get(step, density[-1] if density else None))
        assert density == seen[: last + 1]
    assert {0.25, 1.0} == set(seen)


def test_a_pattern_loses_whole_weights_of_its_groups():
    config = SparseRun(
        method="nm", nm="1:3", steps=30, sparsity=None, model="mlp",
        prune_start=0, prune_end=20, prune_every=5,
    )  # fmt: skip
    found = dict(sparsity_cost.scheduled(config, 30, 1 / 3))
    # r of 2 with c = 1 - (1 - t / 20)^3 at 5, 10, 15, 20: 1.16, 1.75, 1.97, 2.
    expected = {0: 1.0, 5: 2 / 3, 10: 1 / 3, 15: 1 / 3, 20: 1 / 3}
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("settings", "flops"),
    [
        ({"method": "snip"}, 3 * 500 * 100),
        ({"method": "grasp"}, 6 * 500 * 100),
        # One input, at densities 1 and 1/2 before its two rounds.
        ({"method": "synflow", "score_rounds": 2}, 3 * (100 + 50)),
        ({"method": "static"}, 0),
        ({"method": "pruning"}, 0),
        # Its own gradient at each update, or that of so many examples.
        ({"method": "pruning", "score": "taylor1"}, 0),
        (
            {"method": "pruning", "score": "taylor1", "score_examples": 7,
             "prune_start": 10, "prune_end": 10},
            3 * 7 * 100,
        ),
        # The first update, at step 5, removes nothing; at 10 it is (1 - 1/8) of 3/4.
        (
            {"method": "pruning", "score": "taylor2", "prune_start": 5,
             "prune_every": 5, "prune_end": 15},
            6 * 500 * (100 + 34.375),
        ),
        (
            {"method": "pruning", "score": "synflow", "prune_start": 5,
             "prune_every": 5, "prune_end": 15},
            3 * (100 + 34.375),
        ),
        ({"method": "pruning", "score": "obd"}, None),
    ],
)  # fmt: skip
def test_scores_cost_passes_of_their_examples_at_the_density_before(settings, flops):
    config = SparseRun(steps=20, sparsity=0.75, model="mlp", **settings)
    densities = sparsity_cost.scheduled(config, 20, 0.25)
    found = sparsity_cost.cost_of_scores(
        config, densities, lambda density: 100 * density, 0.25, 500
    )
    assert found == flops
