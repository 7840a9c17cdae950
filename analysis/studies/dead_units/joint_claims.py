"""What joins the three papers: U1 to U3, and what was found.

What was expected, and from which number on it counts, is said in `spectra`, `sparse`
and `paths`; it was written before anything was measured.
"""

from typing import Any

from analysis.programs.ranks import rank_correlation
from analysis.studies.claims import Claim, judged
from analysis.studies.dead_units.scales import TOLERANCE
from analysis.studies.dead_units.units import num_dead

Part = dict[str, Any]


def joint_claims(measured: Any) -> list[Claim]:
    """Of a `runs.Measured`."""
    return [
        *_spectra(measured.spectra),
        *_sparse(measured.sparse),
        *_paths(measured.paths),
    ]


def _spectra(parts: list[Part]) -> list[Claim]:
    """U1."""

    def lost(part: Part, kind: str) -> int:
        return part[f"whole_{kind}"] - part[f"live_{kind}"]

    return [
        judged(
            "U1",
            "what goes with the parameters of dead units is eigenvalues near zero"
            " (>= 0.9 of their number)",
            "",
            [
                lost(p, "near_zero") / p["dead_size"] if p["dead_size"] else None
                for p in parts
            ],
            lambda value: value >= 0.9,
            "a seed has no dead unit",
        ),
        judged(
            "U1s",
            "but they explain less than half of those near zero (fraction)",
            "",
            [lost(part, "near_zero") / part["whole_near_zero"] for part in parts],
            lambda value: value < 0.5,
        ),
        judged(
            "U1n",
            "and the number of negative ones stays (change <= 0.2 of it)",
            "",
            [
                abs(lost(p, "negative")) / p["whole_negative"]
                if p["whole_negative"] else None
                for p in parts
            ],
            lambda value: value <= 0.2,
            "a seed has no negative eigenvalue",
        ),
        judged(
            "-",
            "parameters of dead units (fraction)",
            "",
            [part["dead_size"] / part["size"] for part in parts],
        ),
        *(
            judged(
                "-",
                f"eigenvalues near zero, {words} (fraction)",
                "",
                [part[f"{which}_near_zero"] / size(part) for part in parts],
            )
            for words, which, size in (
                ("all", "whole", lambda p: p["size"]),
                ("of live units", "live", lambda p: p["size"] - p["dead_size"]),
            )
        ),
    ]  # fmt: skip


def dead_of(part: Part) -> int:
    """Dead units of a network."""
    return num_dead(part, TOLERANCE)


def gaps(seeds: list[Part]) -> tuple[list[float], list[float]]:
    """For each seed how much more scratch has than pruned: dead units, and loss."""
    dead = [dead_of(each["scratch"]) - dead_of(each["pruned"]) for each in seeds]
    loss = [
        each["scratch"]["train_loss"] - each["pruned"]["train_loss"] for each in seeds
    ]
    return dead, loss


def _sparse(sparse: dict[str, list[Part]]) -> list[Claim]:
    """U2."""
    found = []
    for key, seeds in sparse.items():
        dead, loss = gaps(seeds)
        held = [gap > 0 for gap in dead]
        rho = rank_correlation(dead, loss)
        found += [
            Claim(
                "U2",
                f"at {key} scratch has more dead units than pruned (in >= 80 % of"
                " seeds; by)",
                dead,
                "",
                sum(held) >= 0.8 * len(held),
                held,
            ),
            judged(
                "U2c",
                "and the more it has, the worse its loss (Spearman of both differences"
                " over seeds, > 0)",
                "",
                [rho],
                lambda value: value > 0,
                "one of the differences is the same for all seeds",
            ),
            *(
                judged(
                    "-",
                    f"dead units of {name}, at {key}",
                    "",
                    [dead_of(each[name]) for each in seeds],
                )
                for name in seeds[0]
            ),
            judged("-", f"scratch above pruned, at {key} (nats)", "", loss),
        ]
    return found


def at_both_ends(path: Part, flags: list[dict[str, list[bool]]]) -> list[float] | None:
    """For each t the fraction, of the units flagged at both ends, that still are.

    >>> at_both_ends({}, [{"a": [True, True]}, {"a": [True, False]}, {"a": [True] * 2}])
    [1.0, 0.5, 1.0]
    """
    rows = [[x for values in each.values() for x in values] for each in flags]
    both = [
        i for i, (a, b) in enumerate(zip(rows[0], rows[-1], strict=True)) if a and b
    ]
    if not both:
        return None
    return [sum(row[i] for i in both) / len(both) for row in rows]


def dead_flags(path: Part) -> list[dict[str, list[bool]]]:
    """For each t, by group, which units are dead."""
    return [
        {group: [x < TOLERANCE for x in values] for group, values in each.items()}
        for each in path["penalty"]
    ]


def _middle(path: Part, flags: Any) -> float | None:
    still = at_both_ends(path, flags)
    return still and still[len(still) // 2]


def _paths(parts: list[Part]) -> list[Claim]:
    """U3."""

    def revived(part: Part, kind: str) -> float | None:
        still = _middle(part[kind], part[kind]["constant"])
        return None if still is None else 1 - still

    def dead(part: Part, kind: str) -> float | None:
        return _middle(part[kind], dead_flags(part[kind]))

    def difference(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a - b

    none = "no unit is constant, or dead, at both ends"
    curves = [revived(part, "curve") for part in parts]
    lines = [revived(part, "line") for part in parts]
    rows = [(dead(part, "line"), dead(part, "curve")) for part in parts]
    return [
        judged(
            "U3",
            "in the middle of the dense curve >= 1/4 of the units that are constant at"
            " both ends vary",
            "",
            curves,
            lambda value: value >= 0.25,
            none,
        ),
        judged(
            "U3l",
            "on the line fewer of them do (fewer by, as a fraction)",
            "",
            [difference(a, b) for a, b in zip(curves, lines, strict=True)],
            lambda value: value > 0,
            none,
        ),
        judged(
            "U3d",
            "of the units dead at both ends fewer are dead in the middle of the curve"
            " than of the line (fewer by)",
            "",
            [difference(a, b) for a, b in rows],
            lambda value: value > 0,
            none,
        ),
        *(
            judged(
                "-",
                f"barrier of the {kind} (nats)",
                "",
                [part[kind]["barrier"] for part in parts],
            )
            for kind in ("line", "curve")
        ),
        judged("-", "dead at both ends and in the middle of the line (fraction)", "",
               [a for a, _ in rows]),
        judged("-", "dead at both ends and in the middle of the curve (fraction)", "",
               [b for _, b in rows]),
    ]  # fmt: skip
