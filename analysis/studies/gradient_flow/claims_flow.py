"""What was expected of gradients, curvature, escapes and other sparsities.

As in `claims`: written before a number was seen.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.studies.claims import Claim, judged

LARGER = 2.0
"""Times by which a sparse-aware initialisation raises the gradient, at least."""
MOST = 0.8
"""Of the mask updates in which the curvature must change as claimed."""
LOWER = 0.9
"""Of the loss that static training ends with: what RigL ends with is at most this."""
HIGH = ("0.98", "0.99")
"""Sparsities at which the methods are expected to differ."""
CLOSE = 0.2
"""Points within which pruning is of the best method there."""


def of_initial(initial: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Claim]:
    """C4.12.

    Args:
      initial: kind of mask -> sparse initialisation (dense, layer, unit) -> gradient
        norm within the mask at step 0, of each seed.
    """
    return [
        judged(
            "C4.12",
            f"weights scaled by {each}, {mask} mask: the gradient at initialisation is"
            f" at least {LARGER:g} times that of the dense scale",
            "larger",
            [a / b for a, b in zip(by[each], by["dense"], strict=True)],
            lambda value: value >= LARGER,
        )
        for mask, by in initial.items()
        for each in ("unit", "layer")
    ]


def of_updates(updates: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """C4.13: the Hessian within the mask, just before and after a mask update.

    Args:
      updates: of each update "before", "rigl" and "random": `negative`, the number of
        negative eigenvalues, and `smallest`; "random" is the same update with random
        growth.
    """
    if not updates:
        return []

    def change(which: str, key: str) -> list[float]:
        return [each[which][key] - each["before"][key] for each in updates]

    def most(name, words, values, sign):
        held = [sign * value > 0 for value in values]
        share = sum(held) >= MOST * len(held)
        return Claim(name, words, values, "more", share, held)

    return [
        most(
            "C4.13",
            "a RigL update makes new negative eigenvalues (in >= 80 % of updates; by)",
            change("rigl", "negative"),
            1,
        ),
        most(
            "C4.13s",
            "and lowers the smallest eigenvalue (in >= 80 % of updates; by)",
            change("rigl", "smallest"),
            -1,
        ),
        judged(
            "-",
            "new negative eigenvalues where the same number of weights grows at random",
            "",
            change("random", "negative"),
        ),
    ]


def of_escape(escape: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Claim]:
    """C4.14.

    Args:
      escape: sparsity -> "start", "static", "rigl" -> training loss of each seed: of
        the static solution, and after another training from there.
    """
    return [
        judged(
            "C4.14",
            f"from the static solution at {key}, RigL ends lower than static training"
            f" (training loss, at most {LOWER:g} of it)",
            "lower",
            [a / b for a, b in zip(by["rigl"], by["static"], strict=True)],
            lambda value: value <= LOWER,
        )
        for key, by in escape.items()
    ]


def of_sweep(
    sweep: Mapping[str, Mapping[str, Sequence[float]]],
    equal: Mapping[str, Mapping[str, Sequence[float]]],
) -> list[Claim]:
    """C4.15 to C4.17.

    Args:
      sweep: method -> sparsity -> test accuracy of each seed.
      equal: the same at equal training FLOPs.
    """
    found = []
    for key in HIGH:
        if _have(sweep, key, "rigl", "static"):
            gap = _points(sweep, "rigl", key) - _points(sweep, "static", key)
            words = f"RigL is better than static at {key} (mean test accuracy, points)"
            found.append(judged("C4.15", words, "", [gap], lambda value: value > 0))
        if _have(sweep, key, "pruning"):
            best = max(
                _points(sweep, name, key) for name in sweep if key in sweep[name]
            )
            words = (
                f"no method is more than {CLOSE:g} points better than pruning at {key}"
                " (by)"
            )
            gap = best - _points(sweep, "pruning", key)
            found.append(judged("C4.16", words, "", [gap], lambda gap: gap <= CLOSE))
    if _have(equal, "0.95", "rigl", "pruning"):
        gap = _points(equal, "rigl", "0.95") - _points(equal, "pruning", "0.95")
        words = "at equal training FLOPs RigL is better than pruning at 0.95 (points)"
        found.append(judged("C4.17", words, "", [gap], lambda value: value > 0))
    return found


def _have(sweep: Mapping[str, Mapping], key: str, *names: str) -> bool:
    return all(sweep.get(name, {}).get(key) for name in names)


def _points(sweep: Mapping[str, Mapping[str, Sequence[float]]], name, key) -> float:
    return 100 * float(np.mean(sweep[name][key]))
