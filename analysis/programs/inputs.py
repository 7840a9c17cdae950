"""What the programs evaluate: the loss and the examples of runs of one space."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh
from jax.tree_util import Partial

from analysis import alignment, evaluation
from analysis.programs import checks
from landscape import data, models, rng, runs, units, weighting
from landscape.aliases import Masks
from landscape.cli import activity
from landscape.machine import devices, hosts
from landscape.one_line import one_line
from landscape.runs import sources
from landscape.sparsity import accounting
from landscape.trees import named_leaves

# Multiplications and additions between two saves of a program: some ten seconds of two
# cores.
FLOPS_PER_SAVE = 1e12


class EvaluationSetup(NamedTuple):
    """A loss on a data set, and how it is evaluated.

    Attributes:
      loss_fn, statistics: see `analysis.evaluation.of_objective`.
      examples: those it is averaged over, [N, ...] each.
      batch_norm: whose statistics are used; "none" in a network without batch norm.
      points_per_save: points of parameter space between two saves.
      mesh: the devices examples are spread over; None for a single one.
      statistics_examples: whose statistics are re-estimated; None: of `examples`.
    """

    loss_fn: Partial
    statistics: evaluation.BatchStatistics | None
    examples: dict[str, Any]
    batch_norm: str
    points_per_save: int
    mesh: Mesh | None
    statistics_examples: dict[str, Any] | None = None

    __repr__ = one_line

    @property
    def num_examples(self) -> int:
        """N."""
        return len(self.examples["label"])


def evaluation_setup(
    run: runs.Run,
    num_examples: int | None,
    batch_norm: str,
    batch_size: int,
    split: str = "train",
) -> EvaluationSetup:
    """The objective of a run on a split of its data, without augmentation.

    Args:
      run: a loaded run.
      num_examples: of the split, its first ones; None: all. Statistics of batches need
        whole ones: the remainder is dropped.
      batch_norm: stored, batch or re-estimated; see `analysis.evaluation.of_objective`.
      batch_size: examples in a batch that has statistics.
      split: train or test. Re-estimated statistics are those of training examples: of
        all, or of images that are read in time of as many as are evaluated.

    Raises:
      InputError: there are fewer examples, or batches do not fit them.
    """
    # Batch norm would count images that could not be read.
    examples = weighting.without_padding(examples_of(run, num_examples, split))
    size = len(examples["label"])
    has_norm = bool(jax.tree.leaves(run.state.batch_stats))
    mesh = devices.make_mesh() if jax.device_count() > 1 else None
    if has_norm and batch_norm != "stored" and mesh is not None:
        devices.check_batch_size(mesh, batch_size)
    mode = batch_norm if has_norm else "stored"
    others = None
    if split == "test" and mode == "re-estimated":
        others = weighting.without_padding(examples_of(run, _num_others(run, size)))
    if mode == "batch":
        total, size = size, size - size % batch_size
        if not size:
            raise checks.no_whole_batch(batch_size, total)
    loss_fn, statistics = evaluation.of_objective(
        run.objective,
        run.state.batch_stats,
        batch_norm=mode,
        batch_size=None if mode == "stored" else batch_size,
    )
    positions = models.positions(run.model, run.data.input_shape)
    rows = accounting.table(run.state.params, run.masks, positions, run.objective.rules)
    # Where they are not known: as of a dense layer.
    flops = size * sum(row.flops or 2 * row.size for row in rows)
    return EvaluationSetup(
        loss_fn,
        statistics,
        {name: array[:size] for name, array in examples.items()},
        mode if has_norm else "none",
        max(1, math.floor(FLOPS_PER_SAVE / flops)),
        mesh,
        others,
    )


def _num_others(run: runs.Run, evaluated: int) -> int | None:
    """The training examples that statistics are of, beside those of another split."""
    if not isinstance(run.data.train, data.streaming.StreamedSplit):
        return None
    return min(evaluated, len(run.data.train["label"]))


def examples_of(
    run: runs.Run, num_examples: int | None, split: str = "train"
) -> dict[str, Any]:
    """The first `num_examples` training or test examples of a run; None: all.

    Raises:
      InputError: there are fewer.
    """
    examples = getattr(run.data, split)
    size = len(examples["label"])
    checks.check_num_examples(run.config.dataset, num_examples, size, split)
    return {name: array[:num_examples] for name, array in examples.items()}


def load(refs: Sequence[runs.Ref], data_dir: str | None = None) -> list[runs.Run]:
    """Loads runs of one space; whatever can be refused is refused before that.

    Args:
      refs: the runs.
      data_dir: where their data set is now; default: where the runs had it.

    Raises:
      InputError: a run or a step is not there, or two are of different models or
        trained on different examples; or several processes have different data.
    """
    checks.same_space(refs)
    with activity("loading the runs" if refs[1:] else "loading the run"):
        loaded = [runs.load(ref, data_dir=data_dir) for ref in refs]
        if hosts.are_several():
            for ref, run in zip(refs, loaded, strict=True):
                hosts.check_equal(
                    f"data of {ref.folder}", sources.describe_data(run.data)
                )
    return loaded


def aligned(a: runs.Run, b: runs.Run, seed: int) -> runs.Run:
    """b with its units permuted so that its weights are closest to a's.

    Raises:
      InputError: the units of the model are not known, or not those that it declares.
    """
    spec = units_of(a)
    found = alignment.match(
        a.state.params,
        b.state.params,
        spec,
        rng.stream(seed, "align"),
        a.masks,
        b.masks,
    )
    params, stats, masks = (
        alignment.apply(found, tree, spec)
        for tree in (b.state.params, b.state.batch_stats, b.masks)
    )
    state = b.state._replace(params=params, batch_stats=stats, masks=masks)
    return b._replace(state=state, masks=masks)


def units_of(run: runs.Run) -> units.Spec:
    """The units of a run's network; those that a user's network declares are tried.

    Raises:
      InputError: they are not known, or their permutations change its outputs.
    """
    params = jax.device_get(run.state.params)
    spec = units.specification(run.model, params)
    if getattr(run.model, "unit_layers", ()):
        few = run.data.train["image"][:4]
        alignment.check_symmetry(
            lambda params, stats: run.objective.logits(params, few, stats)[0],
            params,
            spec,
            run.state.batch_stats,
        )
    return spec


def same_masks(a: Masks, b: Masks) -> bool:
    """Whether two trees of masks are equal in every entry.

    >>> import numpy as np
    >>> same_masks({"w": np.array([True])}, {"w": np.array([False])})
    False
    """
    pairs = zip(*(named_leaves(masks).values() for masks in (a, b)), strict=True)
    return all(x.shape == y.shape and bool((x == y).all()) for x, y in pairs)
