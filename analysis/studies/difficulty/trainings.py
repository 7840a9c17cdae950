"""The settings of every network that the study trains; imports no JAX."""

from typing import Any

from analysis.programs.checks import check_num_examples
from analysis.studies.difficulty.scales import Scale
from landscape import data
from landscape.cli import activity
from landscape.config import DenseRun, RunConfig, SparseRun
from train import sparse
from train.jobs import checks


def folder_of(root: str, sparsity: float, seed: int) -> str:
    """The folder of the three solutions of one seed."""
    return f"{root}/sparsity-{sparsity:g}/seed-{seed}"


def solutions(scale: Scale, root: str, sparsity: float, seed: int) -> list[SparseRun]:
    """The pruned, lottery and scratch network of one seed."""
    folder = folder_of(root, sparsity, seed)
    settings = sparse.Config(
        **scale.training, sparsity=sparsity, seed=seed, workdir=folder
    )
    return sparse.expand(settings)


def from_zeros(scale: Scale, root: str, fraction: float, seed: int) -> DenseRun:
    """Figure 5: a dense training from weights zeroed at random."""
    fields = {k: v for k, v in scale.training.items() if not k.startswith("prune")}
    folder = f"{root}/dense-from-zeros-{fraction:g}/seed-{seed}"
    return DenseRun(**fields, init_zeros=fraction, seed=seed, workdir=folder)


def check(
    scale: Scale, root: str, num_examples: int | None = None, zeros: bool = True
) -> None:
    """Refuses what can be known to fail before the first network is trained.

    Args:
      scale, root: of the study.
      num_examples: that its paths are evaluated on; None: all.
      zeros: whether it trains networks from zeroed weights.

    Raises:
      InputError: a folder holds another run, the data set is not there or too small, or
        model or sparsity do not fit it.
    """
    settings: list[Any] = [
        each
        for sparsity in scale.sparsities
        for seed in range(scale.num_seeds)
        for each in solutions(scale, root, sparsity, seed)
    ]
    if zeros:
        settings += [
            from_zeros(scale, root, fraction, seed)
            for fraction in scale.zeros
            for seed in range(scale.zeros_seeds)
        ]
    checks.check(settings)
    if num_examples is not None:
        size = data.check(settings[0])
        check_num_examples(scale.training["dataset"], num_examples, size)
    _check_shapes(settings)


def _check_shapes(settings: list[RunConfig]) -> None:
    """One seed of each shape: those of the others are the same."""
    distinct = {
        (each.method, getattr(each, "sparsity", None)): each for each in settings
    }
    with activity("loading JAX"):
        checks.check_shapes(list(distinct.values()))
