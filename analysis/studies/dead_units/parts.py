"""What the parts of the study share: they are stored one by one, and rank correlation.

A part is what was measured of one run at one step, or of a few runs; it is in the
folder of the first of them.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike
from scipy.stats import rankdata

from analysis.programs import results
from landscape import runs
from landscape.cli import activity, limit_compiled_programs

VERSION = 1
"""Of what is stored; parts of another one are measured again."""


def stored(
    names: str | Sequence[str],
    what: str,
    settings: dict[str, Any],
    measure: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """The content of `measure()` for runs, or that of before; values json can hold.

    Args:
      names: of the runs, as "RUN@STEP".
      what: was measured, a word.
      settings: that it depends on, beside the runs' own.
      measure: measures.
    """
    names = [names] if isinstance(names, str) else names
    settings = settings | {"version": VERSION}
    refs = [runs.parse(name) for name in names]
    folder = results.folder("dead-units", [what], refs, settings)
    found = results.read(folder)
    if found is None:
        limit_compiled_programs()
        print(f"{names[0]}: {what}", file=sys.stderr, flush=True)
        with activity(what):
            found = measure()
        results.write(folder, found)
    return found


def first_examples(split: dict[str, Any], count: int | None) -> dict[str, jax.Array]:
    """The first `count` examples of a split, on the device; None or too many: all."""
    return {name: jax.numpy.asarray(array[:count]) for name, array in split.items()}


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float | None:
    """Spearman's: that of the ranks, equal values sharing their mean rank.

    None where one of them is constant, as nothing is ranked then.

    >>> rank_correlation([1, 2, 3], [10, 30, 20])
    0.5
    >>> rank_correlation([1, 1, 2, 3], [5, 5, 6, 9])
    1.0
    >>> rank_correlation([1, 1], [1, 2]) is None
    True
    """
    a, b = (rankdata(np.ravel(np.asarray(z, float))) for z in (x, y))
    a, b = a - a.mean(), b - b.mean()
    norm = np.sqrt((a @ a) * (b @ b))
    return float(round(a @ b / norm, 12)) if norm else None
