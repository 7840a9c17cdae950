"""Checks C2.8 and C2.9, of networks that were made smaller."""

from typing import Any

from analysis.studies.claims import Claim, judged

Part = dict[str, Any]

POINTS = 0.5
"""Of test accuracy, that a smaller network may lose."""


def shrink_claims(shrunk: dict[str, list[Part]]) -> list[Claim]:
    """Of `runs.Measured.shrunk`."""
    found = []
    for name, seeds in shrunk.items():
        first, *others = [key for key in seeds[0] if key != "dense"]
        gaps = [max(x["gap"] for k, x in each.items() if k != "dense")
                for each in seeds]  # fmt: skip
        found += [
            judged(
                "C2.8",
                f"{name}: a fifth of the parameters ({first}) loses at most {POINTS}"
                " points (points)",
                "5x smaller",
                [lost(each, first) for each in seeds],
                lambda value: value <= POINTS,
            ),
            judged(
                "C2.8s",
                f"{name}: parameters that are left (<= 0.2 of them)",
                "0.2",
                [fraction(each, first) for each in seeds],
                lambda value: value <= 0.2,
            ),
            *(
                judged(
                    "-",
                    f"{name}: points lost by {key}",
                    "",
                    [lost(each, key) for each in seeds],
                )
                for key in others
            ),
            judged(
                "-",
                f"{name}: parameters over those of the smallest within {POINTS} points"
                f" ({first.split(',')[0]})",
                "5",
                [smallest(each, first) for each in seeds],
            ),
            judged(
                "C2.9",
                f"{name}: shrinking is exact (logits, relative to the largest, <= 1e-4"
                " in float32)",
                "",
                gaps,
                lambda value: value <= 1e-4,
            ),
        ]
    return found


def lost(each: Part, key: str) -> float:
    """Points of test accuracy below the dense network."""
    return 100 * (each["dense"]["accuracy"] - each[key]["accuracy"])


def fraction(each: Part, key: str) -> float:
    """Of the parameters, how many a variant has."""
    return each[key]["parameters"] / each["dense"]["parameters"]


def smallest(each: Part, like: str) -> float:
    """How many times smaller the smallest network within `POINTS` is; 1: none is.

    >>> dense, small = {"accuracy": 0.9, "parameters": 8}, {"accuracy": 0.9}
    >>> smallest({"dense": dense, "mrs, mean, 0.2": small | {"parameters": 2}}, "mrs")
    4.0
    """
    score = like.split(", ")[:2]
    return max(
        (
            1 / fraction(each, key)
            for key in each
            if key == "dense"
            or (key.split(", ")[: len(score)] == score and lost(each, key) <= POINTS)
        ),
    )
