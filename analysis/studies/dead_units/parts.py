"""What the parts of the study share: they are stored one by one.

A part is what was measured of one run at one step, or of a few runs; it is in the
folder of the first of them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from analysis.studies.stored import stored as stored_of_study

VERSION = 2
"""Of what is stored; parts of another one are measured again."""


def stored(
    names: str | Sequence[str],
    what: str,
    settings: dict[str, Any],
    measure: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """The content of `measure()` for runs, or an older one; values json can hold.

    Args:
      names: of the runs, as "RUN@STEP".
      what: was measured, a word.
      settings: that it depends on, beside the runs' own.
      measure: measures.
    """
    settings = settings | {"version": VERSION}
    return stored_of_study("dead-units", names, what, settings, measure)


def first_examples(split: dict[str, Any], count: int | None) -> dict[str, jax.Array]:
    """The first `count` examples of a split, on the device; None or too many: all."""
    return {name: jax.numpy.asarray(array[:count]) for name, array in split.items()}


def minus(a: float | None, b: float | None) -> float | None:
    """A difference; None if one of them is not known."""
    return None if a is None or b is None else a - b


def least(values: Sequence[float | None]) -> float | None:
    """The smallest; None if one is not known, as a rank correlation may be.

    >>> least([1.0, 2.0]), least([1.0, None])
    (1.0, None)
    """
    return None if None in values else min(values)
