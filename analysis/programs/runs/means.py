"""Runs that differ by seeds alone, as one: mean and standard deviation over them."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from analysis.programs.runs.rows import MEASURES, Row
from landscape.tables import counted


class Group(NamedTuple):
    """Runs that differ by seeds alone.

    Attributes:
      rows: the runs, in their order.
      values: what they share; `run` and `state` are of all of them.
      numbers: name of a number -> its values in the finished runs.
    """

    rows: list[Row]
    values: dict[str, Any]
    numbers: dict[str, list[float]]

    @property
    def seeds(self) -> int:
        """The number of finished runs, which means are over."""
        return sum(row.finished for row in self.rows)


def groups(rows: Sequence[Row]) -> list[Group]:
    """The runs by what they share, in the order of the first of each.

    The seed of a run, its order, and the folders in which it and the run whose masks it
    has are do not count: that other run's own settings do.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.recipe, []).append(row)
    return [_group(members) for members in found.values()]


def _group(members: list[Row]) -> Group:
    finished = [row.values for row in members if row.finished]
    numbers = {
        name: [v[name] for v in finished if v.get(name) is not None]
        for name in MEASURES
    }
    numbers = {name: values for name, values in numbers.items() if values}
    first = members[0].values
    shared = {
        name: value
        for name, value in first.items()
        if name not in MEASURES
        and all(row.values.get(name) == value for row in members)
    }
    shared["run"] = braced([str(row.folder) for row in members])
    if len(members) > 1:
        states = f"{len(finished)} of {counted(len(members), 'run')} finished"
        shared["state"] = shared.get("state", states)
    return Group(members, shared, numbers)


def mean(values: Sequence[float]) -> float:
    """The mean; NaN if a value is not finite.

    >>> mean([1.0, 2.0]), mean([1.0, float("inf")])
    (1.5, nan)
    """
    if not all(map(math.isfinite, values)):
        return math.nan
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample (n - 1); None of one, NaN as the mean.

    >>> deviation([1.0, 3.0]), deviation([1.0])
    (1.4142135623730951, None)
    """
    if len(values) < 2:
        return None
    middle = mean(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1))


def braced(names: Sequence[str]) -> str:
    """Names as one, as a shell writes it.

    >>> braced(["runs/a-seed0", "runs/a-seed1"]), braced(["runs/a"])
    ('runs/a-seed{0,1}', 'runs/a')
    >>> braced([f"s{i}/net" for i in range(9)]), braced(["a1", "b2"])
    ('s{0,1,...,8}/net', '{a1,b2}')
    """
    if len(names) == 1:
        return names[0]
    start = _shared(names)
    rest = [name[start:] for name in names]
    end = _shared([name[::-1] for name in rest])
    middles = [name[: len(name) - end] for name in rest]
    if len(middles) > 4:
        middles = [*middles[:2], "...", middles[-1]]
    first = names[0]
    return f"{first[:start]}{{{','.join(middles)}}}{first[len(first) - end :]}"


def _shared(names: Sequence[str]) -> int:
    """Letters that all names begin with."""
    columns = zip(*names, strict=False)
    return len(list(itertools.takewhile(lambda c: len(set(c)) == 1, columns)))


def value(group: Group, name: str) -> Any:
    """What a group has in a column: of a number the mean, else what its runs share."""
    if name in group.numbers:
        return mean(group.numbers[name])
    return group.values.get(name)
