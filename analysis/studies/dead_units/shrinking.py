"""Networks that are made smaller and trained on (E2.5), and how exact that is."""

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.studies.dead_units import trainings, units
from analysis.studies.dead_units.parts import first_examples, stored
from analysis.studies.dead_units.scales import Scale, Shrink
from analysis.studies.steps import Steps
from analysis.studies.training import train
from landscape import models, runs, trees
from landscape.cli import limit_compiled_programs
from landscape.config import DenseRun, UnitsConfig, UnitsRun
from landscape.disk import units_json
from landscape.machine.latency import latency
from landscape.sparsity import accounting
from landscape.units import replacing, tapped_logits
from train.shrinking import descent

BATCHES = (1, 128)
LATENCIES = 5
"""Of each latency, the median of as many measurements is taken."""


class Variant(NamedTuple):
    """How units are chosen, and what becomes of their means.

    Attributes:
      score: of `landscape.registries.scores.UNIT_SCORES`.
      removal: "mean", with bias propagation, or "plain".
      keep: fraction of the parameters that is kept.
    """

    score: str
    removal: str
    keep: float

    def __str__(self) -> str:
        return f"{self.score}, {self.removal}, {self.keep:g}"


def variants(shrink: Shrink) -> Iterator[Variant]:
    """Those that each seed has: of the first size all, of the smaller ones the scores
    with bias propagation, each made out of the one before."""
    for keep in shrink.keep:
        for score, removal in shrink.scores:
            if keep == shrink.keep[0] or removal == "mean":
                yield Variant(score, removal, keep)


def num_steps(scale: Scale) -> int:
    """Steps of the study that `measure` begins."""
    shrink = scale.shrink
    each = 1 + len(list(variants(shrink)))
    return len(shrink.networks) * shrink.num_seeds * each


def measure(scale: Scale, root: str, steps: Steps) -> dict[str, list[dict[str, Any]]]:
    """Network -> for each seed `dense`, and variant as text, each with its numbers.

    Numbers: `parameters`, `flops`, `accuracy`, `loss`, `latency` by batch size (s); of
    a variant also `gap`, see `exactness`, of its first round.
    """
    shrink, found = scale.shrink, {}
    for name, training in shrink.networks.items():
        found[name] = []
        for seed in range(shrink.num_seeds):
            steps.begin(f"{name}, seed {seed}: the dense network")
            folder = f"{root}/shrunk/{name.replace(' ', '-')}"
            source = trainings.dense(scale, root, scale.activations[0], seed)
            if training != scale.training:
                place = f"{folder}/dense/seed-{seed}"
                source = DenseRun(**training, seed=seed, workdir=place)
            train(source)
            source = source.workdir
            each = {"dense": numbers(source)}
            for variant in variants(shrink):
                steps.begin(f"{name}, seed {seed}: {variant}")
                settings = settings_of(shrink, variant, folder, source, seed)
                limit_compiled_programs()
                # What it says of each round is no result of the study.
                with contextlib.redirect_stdout(sys.stderr):
                    descent.walk(settings)
                first, *_ = descent.way(settings)
                each[str(variant)] = numbers(settings.workdir) | {
                    "gap": exactness(first)
                }
            found[name].append(each)
    return found


def settings_of(
    shrink: Shrink, variant: Variant, folder: str, source: str, seed: int
) -> UnitsConfig:
    """A variant's: of the first size from the dense run, else from the size before."""

    def place(keep):
        return f"{folder}/{variant.score}-{variant.removal}-{keep:g}/seed-{seed}"

    at = shrink.keep.index(variant.keep)
    before = shrink.keep[at - 1] if at else 1.0
    dense = runs.read_config(Path(source))
    name = place(before) if at else source
    theirs = runs.read_config(Path(name))
    return UnitsConfig.of(
        theirs,
        source=name,
        workdir=place(variant.keep),
        steps=max(1, dense.steps // shrink.part),
        keep_every=None,
        keep_params=variant.keep / before,
        rounds=1 if at else shrink.rounds,
        score=variant.score,
        removal=variant.removal,
    )


def numbers(name: str) -> dict[str, Any]:
    """Size, speed and quality of a run's network."""

    def found():
        run = runs.load(name)
        params, stats = run.state.params, run.state.batch_stats
        positions = models.positions(run.model, run.data.input_shape)
        rows = accounting.table(params, run.masks, positions)
        images = run.data.test["image"]
        return {
            "widths": list(run.config.widths),
            "parameters": trees.size(params),
            "flops": sum(row.flops for row in rows),
            "latency": {
                str(size): float(
                    np.median(
                        [
                            latency(run.objective, params, stats, images[:size])
                            for _ in range(LATENCIES)
                        ]
                    )
                )
                for size in BATCHES
            },
        }

    summary = runs.read_summary(Path(name))
    kept = {"accuracy": summary["test_accuracy"], "loss": summary["train_loss"]}
    return stored(name, "size", {}, found) | kept


def exactness(first: UnitsRun) -> float:
    """The largest difference of logits, over the largest of them, on the test split.

    Of the network that a first round made, at its step 0, and of the network that it
    came from, with the removed units replaced by what `units.json` says they were.
    """

    def found():
        source, small = runs.load(first.parent), runs.load(f"{first.workdir}@init")
        seen = units.network(
            source, source.state.params, first_examples(source.data.test, None)
        )
        left = units_json.read(Path(first.workdir), of="parent")
        removed = {
            group: ~np.isin(np.arange(size), left.kept[group])
            for group, size in seen.spec.sizes.items()
        }
        values = {name: np.zeros(site.size) for name, site in seen.sites.items()}
        for name, by_group in left.constants.items():
            # Models of this study have one group of units at a site.
            (constants,) = by_group.values()
            values[name][list(constants)] = list(constants.values())
        logits = tapped_logits(source.objective, source.state.batch_stats, seen.sites)
        tap = replacing(seen.sites, removed, jax.tree.map(jnp.asarray, values))
        want = jax.jit(partial(logits, tap=tap))(seen.params, seen.data)
        ours, _ = small.objective.logits(small.state.params, seen.data["image"], None)
        return {"gap": float(jnp.abs(ours - want).max() / jnp.abs(want).max())}

    return stored(f"{first.workdir}@init", "exactness", {}, found)["gap"]
