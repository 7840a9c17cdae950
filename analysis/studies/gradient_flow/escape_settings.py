"""The settings of the networks that leave a static solution, or stay there; no JAX."""

from analysis.studies.gradient_flow.scales import Scale
from landscape.config import SparseRun

AGAIN = ("static", "rigl")
"""Methods of the second training."""
LATER = 100
"""Added to the seed of the first training for the second: its order is another."""


def trainings(
    scale: Scale, root: str, sparsity: float, seed: int
) -> dict[str, SparseRun]:
    """ "start", the static solution, and by its method each training from there."""
    folder = f"{root}/escape/sparsity-{sparsity:g}/seed-{seed}"
    first = SparseRun(
        **scale.escape, method="static", distribution="erk", sparsity=sparsity,
        seed=seed, workdir=f"{folder}/solution",
    )  # fmt: skip
    return {"start": first} | {
        method: SparseRun.of(
            first, method=method, mask_from=first.workdir, seed=seed + LATER,
            workdir=f"{folder}/{method}",
        )
        for method in AGAIN
    }  # fmt: skip


def every(scale: Scale, root: str) -> list[SparseRun]:
    """Those of all sparsities and seeds."""
    return [
        each
        for sparsity in scale.escape_sparsities
        for seed in range(scale.escape_seeds)
        for each in trainings(scale, root, sparsity, seed).values()
    ]
