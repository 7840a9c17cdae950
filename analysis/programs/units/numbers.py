"""Which units are dead, since when, and which scores tell it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.programs.ranks import rank_correlation
from analysis.programs.results import Arrays
from analysis.programs.units.resumable import Setup
from landscape import runs, units


def judged(
    setup: Setup, refs: Sequence[runs.Ref], arrays: Arrays, tolerance: float
) -> dict[str, dict[str, Any]]:
    """Which units are dead, and since when.

    Args:
      arrays: of `penalties`.

    Returns:
      By group: "units"; "constant", indices at the last step; and by split "dead",
      indices at the last step, "since", of each unit the step from which it is dead to
      the end, or None, and "counts", the dead units of each step.
    """
    found = {}
    steps = [ref.step for ref in refs]
    for group, size in setup.spec.sizes.items():
        constant = np.flatnonzero(arrays[f"constant/{group}"][-1]).tolist()
        found[group] = {"units": size, "constant": constant}
        found[group] |= {"dead": {}, "since": {}, "counts": {}}
        for name in setup.splits:
            dead = arrays[f"penalty/{name}/{group}"] < tolerance
            found[group]["dead"][name] = np.flatnonzero(dead[-1]).tolist()
            found[group]["since"][name] = units.dead_since(steps, dead)
            found[group]["counts"][name] = dead.sum(axis=1).tolist()
    return found


def correlations(
    setup: Setup, arrays: Arrays, names: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Of each score with the penalties of the last step, by group."""
    split = next(iter(setup.splits))
    return {
        name: {
            group: rank_correlation(
                arrays[f"score/{name}/{group}"],
                arrays[f"penalty/{split}/{group}"][-1],
            )
            for group in setup.spec.sizes
        }
        for name in names
    }
