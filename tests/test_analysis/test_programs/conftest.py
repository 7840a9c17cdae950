"""Runs that the programs' tests share: trained once, analysed, never changed."""

import pytest

from landscape.config import SparseRun
from train.jobs import job
from train.settings import mask_source

TINY = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 40,
    "sparsity": 0.5, "label_smoothing": 0.1, "weight_decay": 0.01,
}  # fmt: skip


@pytest.fixture(scope="session")
def names(tmp_path_factory):
    """Solution -> name of its run; the pruned one keeps every tenth step."""
    folder = tmp_path_factory.mktemp("programs")
    found = {
        name: str(folder / name) for name in ("pruned", "lottery", "scratch", "static")
    }
    job.run_training(SparseRun(**TINY, workdir=found["pruned"], keep_every=10))
    job.run_training(SparseRun(**TINY, method="static", workdir=found["static"]))
    for seed, method in enumerate(("lottery", "scratch")):
        config = SparseRun(
            **TINY, method=method, seed=seed, mask_from=found["pruned"],
            workdir=found[method],
        )  # fmt: skip
        job.run_training(config, mask_source.start_from(config))
    return found
