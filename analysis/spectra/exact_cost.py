"""What dense matrices take, said before anything is computed."""

from typing import NamedTuple

from landscape.errors import InputError, check_choice

MEMORY = 2**33
"""Bytes of the host that a matrix and its factorisation may take by default."""

# Measured in float64 on 2 CPU cores: seconds for 4,000 rows, and matrices in memory
# (beside one that is given: it is not overwritten).
SECONDS = {"eigenvalues": 12.0, "eigenvectors": 17.0, "inertia": 4.0}
MATRICES = {"eigenvalues": 1.25, "eigenvectors": 3.25, "inertia": 1.25}
MEASURED = 4000


class Cost(NamedTuple):
    """What a factorisation takes.

    Attributes:
      size: rows of the matrix.
      bytes: of memory.
      seconds: on two CPU cores.
    """

    size: int
    bytes: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.size:,} rows: {self.bytes / 2**30:.2g} GiB and about"
            f" {_duration(self.seconds)} on 2 cores"
        )


def predicted_cost(size: int, task: str = "eigenvalues") -> Cost:
    """Bytes and seconds of a dense matrix of `size` rows in float64.

    Args:
      size: rows of the matrix.
      task: "eigenvalues", "eigenvectors" or "inertia"; each is cubic in time and
        quadratic in memory. The products that fill the matrix are not counted.

    Raises:
      InputError: an unknown task.

    >>> print(predicted_cost(8000))
    8,000 rows: 0.6 GiB and about 2 minutes on 2 cores
    """
    check_choice("task", task, SECONDS)
    seconds = SECONDS[task] * (size / MEASURED) ** 3
    return Cost(size, int(8 * MATRICES[task] * size**2), seconds)


def check_memory(
    cost: Cost,
    memory: int = MEMORY,
    instead: str = "use Lanczos, fewer layers or a mask, or give more memory",
) -> None:
    """Refuses a cost above `memory` bytes.

    Args:
      cost: what is predicted.
      memory: what may be taken.
      instead: what takes less.

    Raises:
      InputError: the cost, the memory, and what takes less.

    >>> check_memory(predicted_cost(1000))
    """
    if cost.bytes > memory:
        raise InputError(
            f"a dense matrix of {cost.size:,} rows needs {cost.bytes / 2**30:.2g} GiB,"
            f" more than the {memory / 2**30:.2g} GiB that it may take: {instead}."
        )


def _duration(seconds: float) -> str:
    for length, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return (
        f"{max(seconds, 0.1):.1f} seconds"
        if seconds < 9.5
        else f"{seconds:.0f} seconds"
    )
