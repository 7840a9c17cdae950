"""Scores of weights and what removal does to the loss, in pieces that are saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from analysis.programs import inputs, results
from analysis.programs.saliency.numbers import ALL
from landscape import derivatives, patterns, rng, runs, trees, units
from landscape.cli import Progress
from landscape.errors import InputError
from landscape.machine import backend, on_devices
from landscape.registries import methods
from landscape.registries.scores import SCORES
from landscape.sparsity import masks as masks_lib
from landscape.sparsity import saliency

FRACTIONS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Of the kept weights, that are removed."""

CHUNK, CONVOLUTION_CHUNK = 1000, 16
"""Examples that are evaluated at a time; of convolutions on a CPU fewer are faster."""

PIECE = 5000
"""Weights whose loss changes are saved together."""

COMPARED = 16
"""Weights of a layer whose change is also computed in float64 by forward passes."""

Arrays = results.Arrays


class Setup(NamedTuple):
    """What is measured.

    Attributes:
      run: a loaded run.
      examples: on the host.
      batches: the same, divided among the devices.
      kept: by the name of a kernel, the indices of its kept weights, row by row.
      loss: of the network, in eval mode, nats.
      chunk: examples that are evaluated at a time.
    """

    run: runs.Run
    examples: dict[str, np.ndarray]
    batches: list[dict[str, jax.Array]]
    kept: dict[str, np.ndarray]
    loss: float
    chunk: int

    @property
    def loss_fn(self) -> Partial:
        """The data loss in eval mode."""
        return self.run.objective.bind(self.run.state.batch_stats)

    @property
    def model_fn(self) -> Partial:
        """The logits in eval mode."""
        return self.run.objective.bind_logits(self.run.state.batch_stats)


def setup_of(run: runs.Run, layers: Sequence[str], num_examples: int | None) -> Setup:
    """The kernels of a run that can be pruned, and its first training examples.

    Raises:
      InputError: none of the layers keeps a weight, there are fewer examples, or the
        loss is not finite.
    """
    params = run.state.params
    names = list(masks_lib.prunable(params, run.objective.rules))
    chosen = patterns.matching(list(trees.named_leaves(params)), layers or None)
    leaves, masks = trees.named_leaves(params), trees.named_leaves(run.masks)
    kept = {
        name: np.flatnonzero(np.broadcast_to(masks[name], leaves[name].shape))
        for name in names
        if name in chosen
    }
    kept = {name: indices for name, indices in kept.items() if len(indices)}
    if not kept:
        raise InputError(
            f"{', '.join(layers) or 'the network'} has no kernel that keeps a weight;"
            f" kernels are {', '.join(names) or 'none'}."
        )
    where = on_devices.all_devices()
    examples = inputs.examples_of(run, num_examples)
    examples = {name: np.asarray(values) for name, values in examples.items()}
    batches = where.divided(examples)
    run = run._replace(state=where.whole(run.state))
    params = run.state.params
    loss_fn = run.objective.bind(run.state.batch_stats)
    slow = not backend.scannable(jax.grad(loss_fn), params, batches[0])
    chunk = where.chunk_size(CONVOLUTION_CHUNK if slow else CHUNK)
    loss = float(derivatives.average(loss_fn, batches, params, chunk_size=chunk))
    if not np.isfinite(loss):
        raise InputError(f"the loss of the run is {loss}: no weight can be scored.")
    return Setup(run, examples, batches, kept, loss, chunk)


def loss_changes(folder: Path, setup: Setup, max_weights: int, seed: int) -> Arrays:
    """The change of the loss at the removal of single weights, in nats.

    Returns:
      By kernel: "kept/NAME", the indices of its kept weights; "weights/NAME" [n], of at
      most `max_weights` of them, drawn by the seed; "change/NAME" [n]; and
      "rounding/NAME", the largest difference of some changes from whole forward passes
      in float64.
    """
    params, objective = setup.run.state.params, setup.run.objective
    sites = units.layer_sites(params, objective.rules)
    tapped = units.tapped_losses(objective, setup.run.state.batch_stats, sites)
    found = results.kept(folder)
    for name, kept in setup.kept.items():
        key = rng.stream(seed, f"saliency-{name}")
        order = np.asarray(rng.permutation(key, len(kept)))[:max_weights]
        found |= {f"kept/{name}": kept, f"weights/{name}": kept[np.sort(order)]}
    total = sum(len(found[f"weights/{name}"]) for name in setup.kept)
    done = sum(len(found.get(f"change/{name}", ())) for name in setup.kept)
    bar = Progress("loss without a weight", total, done, "weight")
    for name in setup.kept:
        weights = found[f"weights/{name}"]
        while (at := len(found.get(f"change/{name}", ()))) < len(weights):
            new = units.removal_changes(
                tapped, params, setup.batches, name, weights[at : at + PIECE],
                rules=objective.rules,
                report=lambda now, of, before=done: bar.update(before + now),
            )  # fmt: skip
            old = found.get(f"change/{name}", new[:0])
            found[f"change/{name}"] = np.concatenate([old, new])
            done += len(new)
            results.keep(folder, found, f"{done} of {total} loss changes")
        if f"rounding/{name}" not in found:
            changes = found[f"change/{name}"]
            found[f"rounding/{name}"] = _rounding(setup, name, weights, changes)
            results.keep(folder, found, f"{done} of {total} loss changes")
        if not np.isfinite(found[f"change/{name}"]).all():
            raise InputError(f"the loss without a weight of {name} is not finite.")
    bar.close()
    return found


def _rounding(setup, name, weights, changes) -> np.ndarray:
    """The largest difference from forward passes in float64, of some weights.

    These are too few for several devices.
    """
    some = np.unique(np.linspace(0, len(weights) - 1, COMPARED).astype(int))
    state = setup.run.state
    losses = setup.run.objective.bind_per_example(state.batch_stats)
    with jax.enable_x64(True):
        exact = saliency.loss_change.changes(
            *trees.widened((losses, state.params, setup.examples)), name, weights[some],
            chunk_size=setup.chunk,
        )  # fmt: skip
    return np.abs(exact - changes[some]).max()


def scores(
    folder: Path, setup: Setup, names: Sequence[str], seed: int, found: Arrays
) -> Arrays:
    """Every score of every kept weight: "score/SCORE/KERNEL" [kept]; and `found`.

    Args:
      found: of `loss_changes`, not read back: a full disk may have kept nothing.

    Raises:
      InputError: a score is not a number; it is named, and its layer.
    """
    found = dict(found)
    bar = Progress("scores", len(names), unit="score")
    for number, name in enumerate(names, 1):
        first = next(iter(setup.kept))
        if f"score/{name}/{first}" not in found:
            row = SCORES[name]
            function = setup.model_fn if row.needs == "model" else setup.loss_fn
            chunks = {"chunk_size": setup.chunk} if "chunk_size" in row.settings else {}
            try:
                values = methods.resolve(row.score)(
                    function, setup.run.state.params, setup.batches,
                    setup.run.masks, rng.stream(seed, f"saliency-{name}"), **chunks,
                )  # fmt: skip
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
            leaves = trees.named_leaves(values)
            for kernel, kept in setup.kept.items():
                own = np.asarray(leaves[kernel]).ravel()[kept]
                found[f"score/{name}/{kernel}"] = own
            results.keep(folder, found, f"{number} of {len(names)} scores")
        bar.update(number)
    bar.close()
    return found


def removals(folder: Path, setup: Setup, names: Sequence[str], found: Arrays) -> Arrays:
    """How the loss rises when the lowest weights of a score are removed at once.

    Args:
      found: of `scores`.

    Returns:
      `found`, and "increase/SCORE", [kernels, and at last all of them; FRACTIONS],
      nats: the given fraction of the kept weights of a kernel, or of each kernel, is
      set to 0. Of equal scores the first go first.
    """
    found = dict(found)
    targets = [*setup.kept, ALL]
    bar = Progress("removals", len(names) * len(targets), unit="curve")
    for number, name in enumerate(names):
        if f"increase/{name}" not in found:
            ranks = {
                k: _ranks(setup, k, found[f"score/{name}/{k}"]) for k in setup.kept
            }
            rows = []
            for target in targets:
                rows.append([_increase(setup, ranks, target, f) for f in FRACTIONS])
                bar.update(number * len(targets) + len(rows))
            found[f"increase/{name}"] = np.array(rows)
            results.keep(folder, found, f"{number + 1} of {len(names)} curves")
        bar.update((number + 1) * len(targets))
    bar.close()
    return found


def _ranks(setup, kernel, values) -> jax.Array:
    """The rank of each kept weight, 0 for the lowest score; int32, as the kernel."""
    shape = trees.named_leaves(setup.run.state.params)[kernel].shape
    ranks = np.full(np.prod(shape), len(values), np.int32)
    ranks[setup.kept[kernel][np.argsort(values, kind="stable")]] = np.arange(
        len(values)
    )
    return jnp.asarray(ranks.reshape(shape))


def _increase(setup, ranks, target, fraction) -> float:
    counts = {
        name: np.int32(round(fraction * len(kept)) if target in (name, ALL) else 0)
        for name, kept in setup.kept.items()
    }
    args = setup.loss_fn, setup.run.state.params, ranks, counts
    loss = derivatives.average(_without, setup.batches, *args, chunk_size=setup.chunk)
    return float(loss) - setup.loss


def _without(loss_fn, params, ranks, counts, batch):
    def live(name, leaf):
        return (
            jnp.where(ranks[name] >= counts[name], leaf, 0) if name in ranks else leaf
        )

    return loss_fn(trees.map_named(live, params), batch)
