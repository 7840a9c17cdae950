"""What is to be removed from a network, as `plan_removal` finds it, and in words."""

from typing import NamedTuple

import numpy as np

from landscape.one_line import one_line
from landscape.tables import counted
from landscape.units.removal.readers import Reader
from landscape.units.structure import Spec


class Plan(NamedTuple):
    """Which units go, which stay, and why.

    Attributes:
      spec: of the network that they go from.
      shapes: of the leaves of its parameters and statistics.
      layers: by group, the layers that put its units out: they go together.
      readers: the layers that read units, by site.
      removed: by group, booleans [n].
      constants: by site, [C]: what takes the place of the removed units; 0 for others.
      reasons: by group, units that go: "chosen", "no output" or "no input".
      stays: by group, units that were to go and stay, by why.
      approximate: layers whose outputs are not those behind the constants.
    """

    spec: Spec
    shapes: dict[str, tuple[int, ...]]
    layers: dict[str, tuple[str, ...]]
    readers: dict[str, Reader]
    removed: dict[str, np.ndarray]
    constants: dict[str, np.ndarray]
    reasons: dict[str, dict[str, tuple[int, ...]]]
    stays: dict[str, dict[str, tuple[int, ...]]]
    approximate: tuple[str, ...]

    __repr__ = one_line


def describe(plan: Plan) -> list[str]:
    """The plan in sentences: which units go, in which layers, and which stay and why.

    >>> from landscape.units.structure import Axis
    >>> plan = Plan(
    ...     Spec({"a": 3, "b": 2}, {}),
    ...     {},
    ...     {"a": ("Conv_0", "Conv_1"), "b": ("Dense_0",)},
    ...     {},
    ...     {"a": np.array([True, False, True]), "b": np.zeros(2, bool)},
    ...     {},
    ...     {"a": {"chosen": (0,), "no input": (2,)}},
    ...     {"b": {"Dense_1 pads with zeros": (1,)}},
    ...     (),
    ... )
    >>> for line in describe(plan):
    ...     print(line)
    a: 2 of 3 units go, in Conv_0 and Conv_1 together: 1 chosen (0), 1 no input (2).
    b: 1 unit stays (1): Dense_1 pads with zeros.
    """
    lines = []
    for group, size in plan.spec.sizes.items():
        if gone := int(plan.removed[group].sum()):
            layers = plan.layers[group]
            together = f", in {listed(layers)} together" if layers[1:] else ""
            kinds = (
                f"{len(units)} {kind} ({_indices(units)})"
                for kind, units in plan.reasons[group].items()
            )
            verb = "goes" if gone == 1 else "go"
            lines.append(
                f"{group}: {gone} of {counted(size, 'unit')} {verb}{together}:"
                f" {', '.join(kinds)}."
            )
        for reason, units in plan.stays.get(group, {}).items():
            verb = "stays" if len(units) == 1 else "stay"
            lines.append(
                f"{group}: {counted(len(units), 'unit')} {verb} ({_indices(units)}):"
                f" {reason}."
            )
    return lines


def listed(names: tuple[str, ...]) -> str:
    """Names in a sentence.

    >>> listed(("a",)), listed(("a", "b", "c"))
    ('a', 'a, b and c')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _indices(units: tuple[int, ...], most: int = 12) -> str:
    shown = ", ".join(map(str, units[:most]))
    return shown if len(units) <= most else f"{shown}, ..."
