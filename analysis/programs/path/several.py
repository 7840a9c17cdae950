"""Several paths in one figure: which of them differ by seeds alone, and their names."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from analysis.programs import results
from analysis.programs.path.text import shape
from analysis.programs.text import describe_data, short_names
from landscape import runs

SEEDS = ("seed", "order_seed", "workdir", "mask_from", "data_dir")
"""Settings in which the runs of several seeds differ."""


def gathered(
    found: Sequence[tuple[dict[str, Any], Path]],
) -> tuple[dict[str, Any], results.Arrays]:
    """The result and the arrays of several paths, of each one's result and folder."""
    arrays = {
        f"{i}/{name}": array
        for i, (_, folder) in enumerate(found)
        for name, array in results.read_together(folder).items()
        if not name.startswith("control")
    }
    every = [result for result, _ in found]
    together = {
        "paths": every,
        "folders": [str(folder) for _, folder in found],
        "seeds_of": seeds_of([(each["run_a"], each["run_b"]) for each in every]),
    }
    return together, arrays


def seeds_of(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """For each pair of runs the first one whose runs differ from its by seeds alone."""
    keys = [tuple(map(_settings, pair)) for pair in pairs]
    return [keys.index(key) for key in keys]


def _settings(name: str) -> tuple[int | None, dict[str, Any]]:
    ref = runs.parse(name)
    settings = asdict(runs.read_config(ref.folder))
    return ref.step, {k: v for k, v in settings.items() if k not in SEEDS}


def draw(result: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    """The figure of several paths.

    Args:
      result: "paths" are the results of each, "seeds_of" is what `seeds_of` says.
      arrays: `{i}/{name}`, those of the i-th path.
    """
    from landscape import figures

    found = result["paths"]
    labels, ends = names(found, result["seeds_of"])
    grouped: dict[tuple[str, str], list[int]] = {}
    for i, each in enumerate(found):
        grouped.setdefault((labels[i], each.get("split", "train")), []).append(i)
    curves = [
        figures.Curve(
            label,
            arrays[f"{chosen[0]}/ts"],
            np.stack([arrays[f"{i}/loss"] + arrays[f"{i}/l2"] for i in chosen]),
            np.stack([arrays[f"{i}/accuracy"] for i in chosen]),
            split,
        )
        for (label, split), chosen in grouped.items()
    ]
    data = " and ".join(dict.fromkeys(map(describe_data, found)))
    dataset = f"{found[0].get('dataset')}: "
    data = data.replace(f" and {dataset}", " and ")
    return figures.several_paths(curves, ends, _title(found, labels, data))


def names(
    found: Sequence[dict[str, Any]], first: Sequence[int]
) -> tuple[list[str], tuple[str, str]]:
    """A label for each path, and what the solutions at t = 0 and t = 1 are called.

    Paths of one kind between runs that differ by seeds have one label.

    Args:
      found: the results.
      first: see `seeds_of`.

    >>> line = {"kind": "line", "align": False, "subspace": "sparse"}
    >>> found = [line | {"run_a": f"a{i}", "run_b": f"b{i}"} for i in range(2)]
    >>> names(found, [0, 0])
    (['straight line, 2 seeds', 'straight line, 2 seeds'], ('a', 'b'))
    >>> names(found, [0, 1])[0]
    ['a0 to b0', 'a1 to b1']
    """
    short = short_names([r[end] for r in found for end in ("run_a", "run_b")])
    pairs = list(zip(short[::2], short[1::2], strict=True))
    groups = {
        i: list(dict.fromkeys(p for p, j in zip(pairs, first, strict=True) if j == i))
        for i in dict.fromkeys(first)
    }
    called = {
        i: tuple(map(_common, zip(*each, strict=True))) for i, each in groups.items()
    }
    shapes = [shape(result) for result in found]
    labels = []
    for i, kind in zip(first, shapes, strict=True):
        words = [] if len(groups) == 1 else [" to ".join(called[i])]
        words += [kind] if len(set(shapes)) > 1 or len(groups) == 1 else []
        words += [f"{len(groups[i])} seeds"] if len(groups[i]) > 1 else []
        labels.append(", ".join(words))
    one = next(iter(called.values())) if len(groups) == 1 else None
    return labels, one or ("first run", "second run")


def _common(every: Sequence[str]) -> str:
    """What the names of several seeds begin with."""
    if len(set(every)) == 1:
        return every[0]
    same = itertools.takewhile(
        lambda letters: len(set(letters)) == 1, zip(*every, strict=False)
    )
    start = "".join(letters[0] for letters in same)
    return re.sub(r"[-_/@]?(seed)?[-_]?[0-9]*$", "", start) or every[0]


def _title(found, labels: list[str], data: str) -> str:
    shapes = list(dict.fromkeys(map(shape, found)))
    seeds = any("seeds" in label for label in labels)
    parts = [shapes[0]] if len(shapes) == 1 and shapes[0] not in labels else []
    parts += [data] + (["mean and range over seeds"] if seeds else [])
    return "; ".join(parts)
