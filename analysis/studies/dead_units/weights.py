"""Scores of weights against the removal of single ones, and of many (E2.1, E2.2)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.programs.ranks import rank_correlation
from analysis.studies.dead_units.parts import first_examples, stored
from analysis.studies.dead_units.scales import Scale
from landscape import layout, rng, runs
from landscape.aliases import Batch, Params
from landscape.registries.methods import resolve
from landscape.registries.scores import SCORES
from landscape.trees import map_named, named_leaves
from landscape.units import layer_sites, removal_changes, tapped_losses

MAGNITUDE, ABS, SIGNED, RANDOM = "magnitude", "taylor1_abs", "taylor1", "at_random"
PRODUCT, PRODUCT_ABS = "hessian_product", "hessian_product_abs"
SECOND, SECOND_ABS, OBD = "taylor2", "taylor2_abs", "obd_hutchinson"
FISHER = "empirical_fisher"
NAMES = (
    MAGNITUDE, ABS, SIGNED, SECOND_ABS, SECOND, PRODUCT_ABS, PRODUCT, OBD, FISHER,
    RANDOM,
)  # fmt: skip
HAVE_SIGN = (SIGNED, SECOND, PRODUCT, OBD)
"""They are compared with the change of the loss itself, others with its magnitude."""
ALL = "all"
SHOWN = 150
"""Weights of a layer in a scatter plot."""

Part = dict[str, Any]


def measure(name: str, scale: Scale, seed: int, many: bool = True) -> Part:
    """What each score says of a run's weights, and what removing them does.

    Args:
      name: of the run.
      scale: of the study.
      seed: of random scores and signs.
      many: whether many weights are removed, too.

    Returns:
      `correlation`: layer -> score -> with the loss change of single weights, see
        `HAVE_SIGN`; `scatter`: layer -> `oracle` and scores of some weights; `loss`,
        `accuracy`: of the network, the latter on as many test examples; if `many`
        `pruned`: layer or "all" -> score -> the same for each fraction.
    """
    settings = {
        "layers": scale.layers, "examples": scale.examples, "probes": scale.probes,
        "fractions": scale.fractions if many else None, "seed": seed, "names": NAMES,
    }  # fmt: skip

    def found():
        return _measure(name, scale, seed, many)

    return stored(name, "weights" if many else "single-weights", settings, found)


def _measure(name: str, scale: Scale, seed: int, many: bool) -> Part:
    run = runs.load(name)
    data = first_examples(run.data.train, scale.examples)
    params = jax.tree.map(jnp.asarray, run.state.params)
    stats = run.state.batch_stats
    loss_fn = run.objective.bind(stats)
    scores = {each: named_leaves(_score(each, loss_fn, params, data, scale, seed))
              for each in NAMES}  # fmt: skip
    found: Part = {"correlation": {}, "scatter": {}}
    for layer in scale.layers:
        kernel = f"{layer}/kernel"
        change = oracle(run, params, kernel, data)
        flat = {each: np.asarray(s[kernel]).ravel() for each, s in scores.items()}
        sizes = np.abs(change)
        found["correlation"][layer] = {
            each: rank_correlation(values, change if each in HAVE_SIGN else sizes)
            for each, values in flat.items()
        }
        at = np.linspace(0, len(change) - 1, min(SHOWN, len(change))).astype(int)
        found["scatter"][layer] = {"oracle": change[at].tolist()} | {
            each: values[at].tolist() for each, values in flat.items()
        }
    test = first_examples(run.data.test, scale.examples)
    kernels = list(layout.kernels(params))
    evaluate = partial(_without, run.objective, params, stats, data, test)
    untouched = {k: jnp.zeros(params_of(params, k).shape, int) for k in kernels}
    found |= _numbers(evaluate(untouched, {k: 0 for k in kernels}))
    if many:
        ranks = {
            each: {k: _ranks(leaves[k]) for k in kernels}
            for each, leaves in scores.items()
        }
        found["pruned"] = _pruned(evaluate, ranks, scale.fractions)
    return found


def _pruned(
    evaluate: Callable, ranks: dict[str, dict[str, jax.Array]], fractions: Sequence
) -> Part:
    """Target -> score -> `loss` and `accuracy` for each of the fractions."""
    kernels = list(next(iter(ranks.values())))
    targets = {k.rpartition("/")[0]: [k] for k in kernels} | {ALL: kernels}
    found: Part = {target: {} for target in targets}
    for each, by_kernel in ranks.items():
        for target, chosen in targets.items():
            values = [
                _numbers(evaluate(by_kernel, counts_of(by_kernel, chosen, fraction)))
                for fraction in fractions
            ]
            found[target][each] = {
                key: [value[key] for value in values] for key in ("loss", "accuracy")
            }
    return found


def _score(each: str, loss_fn, params, data, scale: Scale, seed: int):
    settings = {"num_probes": scale.probes} if each == OBD else {}
    key = rng.stream(seed, f"score-{each}")
    return resolve(SCORES[each].score)(loss_fn, params, data, None, key, **settings)


def params_of(params: Any, name: str) -> jax.Array:
    """A leaf by its name."""
    return named_leaves(params)[name]


def _ranks(scores: jax.Array) -> jax.Array:
    """0 for the lowest; of equal scores the first of them is lower."""
    flat = np.asarray(scores).ravel()
    ranks = np.empty(flat.size, int)
    ranks[np.argsort(flat, kind="stable")] = np.arange(flat.size)
    return jnp.asarray(ranks.reshape(scores.shape))


def counts_of(
    ranks: dict[str, jax.Array], chosen: Sequence[str], fraction: float
) -> dict[str, int]:
    """How many weights of each kernel are removed: floor(f n) of those chosen.

    >>> counts_of({"a": jnp.zeros(5), "b": jnp.zeros(8)}, ["b"], 0.3)
    {'a': 0, 'b': 2}
    """
    # Rounded first: 0.95 * 40 is below 38 in floating point.
    return {
        name: int(round(fraction * leaf.size, 9)) if name in chosen else 0
        for name, leaf in ranks.items()
    }


@partial(jax.jit, static_argnums=0)
def _without(objective, params, stats, data, test, ranks, counts):
    kept = {name: ranks[name] >= counts[name] for name in ranks}

    def leaf(name, value):
        return jnp.where(kept[name], value, 0) if name in kept else value

    params = map_named(leaf, params)
    return (
        objective.data_loss(params, data, stats),
        objective.evaluate(params, test, stats),
    )


def _numbers(values) -> dict[str, float]:
    loss, test = values
    return {
        "loss": float(loss),
        "accuracy": float(test["correct"] / test["count"]),
    }


def oracle(run: runs.Run, params: Params, kernel: str, data: Batch) -> np.ndarray:
    """The change of the loss when each weight of a kernel alone is set to 0: [n]."""
    sites = layer_sites(params)
    losses = tapped_losses(run.objective, run.state.batch_stats, sites)
    indices = np.arange(params_of(params, kernel).size)
    return removal_changes(losses, params, data, kernel, indices)
