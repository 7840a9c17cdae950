"""How a study trains one of its many networks."""

from collections.abc import Callable
from typing import Any

from landscape.cli import limit_compiled_programs
from landscape.config import DenseRun, SparseRun
from train.jobs import job


def train(
    settings: DenseRun | SparseRun, start: Callable | None = None
) -> dict[str, Any]:
    """`train.jobs.job.run_training`, in a process that may have compiled a lot before.

    Returns:
      The summary; of a finished run, read back.
    """
    limit_compiled_programs()
    return job.run_training(settings, start)
