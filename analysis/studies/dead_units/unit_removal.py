"""Many units removed, or replaced by their means (E2.2 and E2.4)."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.studies.dead_units import units
from analysis.studies.dead_units.parts import first_examples, stored
from analysis.studies.dead_units.scales import Scale
from analysis.studies.dead_units.weights import ALL
from landscape import rng, runs
from landscape.units import mean_outputs, replacing, tapped_logits

SCORES = (units.SALIENCY, units.PENALTY, "rs", units.NORM, units.RANDOM)
WAYS = "mean", "removal"
"""What takes a unit's place: its mean, as with bias propagation, or 0."""


def measure(name: str, scale: Scale, seed: int) -> dict[str, Any]:
    """Target -> score -> way -> `loss` and `accuracy` for each of the fractions.

    A target is a group of units, or "all": the same fraction of every group. The loss
    is over the examples of the scores, the accuracy over as many of the test split.
    """
    settings = {
        "examples": scale.examples, "fractions": scale.fractions, "seed": seed,
        "names": SCORES,
    }  # fmt: skip
    return stored(name, "unit-removal", settings, lambda: _measure(name, scale, seed))


def _measure(name: str, scale: Scale, seed: int) -> dict[str, Any]:
    run = runs.load(name)
    data = first_examples(run.data.train, scale.examples)
    seen = units.network(run, run.state.params, data)
    means = mean_outputs(seen.losses, seen.params, data, seen.sites)
    values = {"mean": means, "removal": jax.tree.map(jnp.zeros_like, means)}
    logits = tapped_logits(run.objective, run.state.batch_stats, seen.sites)
    test = first_examples(run.data.test, scale.examples)
    sites = tuple(seen.sites.items())
    evaluate = partial(_replaced, sites, seen.losses, logits, seen.params, data, test)
    groups = list(seen.spec.sizes)
    targets = {group: [group] for group in groups} | {ALL: groups}
    found: dict[str, Any] = {target: {} for target in targets}
    for each in SCORES:
        scores = seen.score(each, rng.stream(seed, f"units-{each}"))
        for target, taken in targets.items():
            found[target][each] = {way: {"loss": [], "accuracy": []} for way in WAYS}
            for fraction in scale.fractions:
                chosen = {
                    group: lowest(x, fraction if group in taken else 0)
                    for group, x in scores.items()
                }
                for way in WAYS:
                    loss, accuracy = evaluate(chosen, values[way])
                    found[target][each][way]["loss"].append(float(loss))
                    found[target][each][way]["accuracy"].append(float(accuracy))
    return found


def lowest(scores: np.ndarray, fraction: float) -> np.ndarray:
    """Which floor(f n) units have the lowest scores; of equal ones the first.

    >>> lowest(np.array([3.0, 1.0, 2.0, 1.0]), 0.5).tolist()
    [False, True, False, True]
    """
    flags = np.zeros(len(scores), bool)
    count = int(round(fraction * len(scores), 9))
    flags[np.argsort(scores, kind="stable")[:count]] = True
    return flags


@partial(jax.jit, static_argnums=0)
def _replaced(sites, losses, logits, params, data, test, chosen, values):
    tap = replacing(dict(sites), chosen, values)
    hit = logits(params, test, tap).argmax(axis=1) == test["label"]
    return losses(params, data, tap).mean(), hit.mean()
