"""The alphas and betas of a plane that are evaluated."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from landscape.errors import InputError
from landscape.one_line import one_line

# Points in a block by default: a second of an MLP's time, and enough for what is cached
# once a block to count for little.
POINTS = 512


class Grid(NamedTuple):
    """alphas float64 [columns] and betas float64 [rows]."""

    alphas: np.ndarray
    betas: np.ndarray

    __repr__ = one_line


def grid(
    size: int | tuple[int, int] = 51,
    extent: float | tuple[float, float, float, float] = 1.0,
) -> Grid:
    """Evenly spaced alphas and betas.

    Args:
      size: (rows, columns), or the number of both.
      extent: (alpha from, to, beta from, to), or r for (-r, r, -r, r). With an odd size
        the middle is on the grid: exactly 0 where from = -to.

    Raises:
      InputError: a size below 1, or an extent that is empty or not finite.

    >>> alphas, betas = grid((2, 3), 0.3)
    >>> alphas.tolist(), betas.tolist()
    ([-0.3, 0.0, 0.3], [-0.3, 0.3])
    """
    rows, columns = (size, size) if np.ndim(size) == 0 else size
    box = (-extent, extent) * 2 if np.ndim(extent) == 0 else tuple(extent)
    if min(rows, columns) < 1:
        raise InputError(f"a grid has at least 1 row and 1 column, not {size}.")
    if (
        len(box) != 4
        or not (-math.inf < box[0] < box[1] < math.inf)
        or not (-math.inf < box[2] < box[3] < math.inf)
    ):
        raise InputError(
            "an extent is one positive number, or (alpha from, to, beta from, to) with"
            f" each from below its to, not {extent}."
        )
    return Grid(_spaced(*box[:2], columns), _spaced(*box[2:], rows))


def _spaced(low, high, size) -> np.ndarray:
    if size == 1:
        return np.array([(low + high) / 2])
    i = np.arange(size)
    # Symmetric in low and high, unlike np.linspace: the middle of (-r, r) is 0 exactly.
    values = ((size - 1 - i) * low + i * high) / (size - 1)
    values[[0, -1]] = low, high
    return values


def around(
    coordinates: ArrayLike, margin: float = 0.2
) -> tuple[float, float, float, float]:
    """The extent that holds points (alpha, beta), and a margin on every side.

    The margin is that fraction of the wider span; around a single point, `margin`.

    >>> around([(0.0, 0.0), (2.0, 0.0), (1.0, 1.0)], 0.5)
    (-1.0, 3.0, -1.0, 2.0)
    """
    coordinates = np.asarray(coordinates, np.float64)
    low, high = coordinates.min(0), coordinates.max(0)
    room = margin * ((high - low).max() or 1.0)
    return (
        float(low[0] - room),
        float(high[0] + room),
        float(low[1] - room),
        float(high[1] + room),
    )


class Block(NamedTuple):
    """Some rows of a grid.

    Attributes:
      row: the first row that is wanted.
      coefficients: float64 [rows of a block * columns, 3], (1, alpha, beta) each.
      keep: which of the block's rows are wanted.
    """

    row: int
    coefficients: np.ndarray
    keep: slice

    __repr__ = one_line


def blocks(
    alphas: ArrayLike,
    betas: ArrayLike,
    start_row: int = 0,
    rows_per_block: int | None = None,
) -> Iterator[Block]:
    """The blocks of rows of a grid, from the one that holds `start_row` on.

    All have one size, and begin where they would without `start_row`: a row is always
    evaluated together with the same other rows, and gets the same bits. Rows before
    `start_row` are not kept; the last block is filled up with the last row.

    Raises:
      InputError: alphas or betas are not lists of finite numbers, or a number of rows
        is out of range.

    >>> [(b.row, b.keep) for b in blocks([0.0], [0.0, 1.0, 2.0, 3.0, 4.0], 1, 2)]
    [(1, slice(1, 2, None)), (2, slice(0, 2, None)), (4, slice(0, 1, None))]
    """
    alphas, betas = _axis("alphas", alphas), _axis("betas", betas)
    rows, columns = len(betas), len(alphas)
    if not 0 <= start_row <= rows:
        raise InputError(f"start_row must be from 0 to {rows}, not {start_row}.")
    if rows_per_block is None:
        rows_per_block = math.ceil(rows / math.ceil(rows * columns / POINTS))
    if rows_per_block < 1:
        raise InputError(f"rows_per_block must be at least 1, not {rows_per_block}.")
    if start_row == rows:
        return
    size = min(rows_per_block, rows)
    for first in range(start_row // size * size, rows, size):
        taken = betas[np.minimum(np.arange(first, first + size), rows - 1)]
        beta, alpha = np.meshgrid(taken, alphas, indexing="ij")
        coefficients = np.stack([np.ones_like(alpha), alpha, beta], axis=-1)
        keep = slice(max(start_row - first, 0), min(rows - first, size))
        yield Block(first + keep.start, coefficients.reshape(-1, 3), keep)


def _axis(name, values) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise InputError(f"{name} must be a list of finite numbers, not {values}.")
    return values
