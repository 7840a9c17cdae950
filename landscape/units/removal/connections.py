"""Which units the kept weights connect, and which units they leave without any."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from landscape import layout, trees
from landscape.aliases import Masks, Params
from landscape.layout import Rules
from landscape.units.structure import Axis, Spec


class Connection(NamedTuple):
    """What one kernel connects.

    Attributes:
      kernel: its leaf.
      inputs, outputs: the groups on its axes; None: no units, as of images and logits.
      kept: [inputs, outputs], whether any weight between the two is kept; 1 in the
        place of what is no units.
    """

    kernel: str
    inputs: Axis | None
    outputs: Axis | None
    kept: np.ndarray


def connections(
    spec: Spec, params: Params, masks: Masks = None, rules: Rules = ()
) -> list[Connection]:
    """What each kernel of a network connects, and each embedding.

    >>> from landscape.units.structure import sequential
    >>> params = {"a": {"kernel": np.ones((3, 2))}, "b": {"kernel": np.ones((8, 5))}}
    >>> masks = {"a": {"kernel": np.array(True)}, "b": {"kernel": np.arange(40) < 5}}
    >>> masks["b"]["kernel"] = masks["b"]["kernel"].reshape(8, 5)
    >>> first, second = connections(sequential(params, ["a", "b"]), params, masks)
    >>> first.kept.shape, second.kept.tolist()
    ((1, 2), [[True], [False]])
    """
    kept = trees.named_leaves(masks) if masks is not None else {}
    found = []
    for name, leaf in layout.leaves(params, rules).items():
        if leaf.kind in ("kernel", "embedding") and name in spec.axes:
            mask = np.broadcast_to(np.asarray(kept.get(name, True)), leaf.shape)
            found.append(_connection(spec, name, leaf.axes, mask))
    return found


def _connection(spec: Spec, name: str, letters: str, mask: np.ndarray) -> Connection:
    ends, order, shape, axes = {}, [], [], spec.axes[name]
    for letter in "io":
        at = [i for i, a in enumerate(axes) if a is not None and letters[i] == letter]
        ends[letter] = axes[at[0]] if at else None
        order += at
        if at:
            shape += [ends[letter].positions, size_of(spec, ends[letter])]
        else:
            shape += [1, 1]
    others = [i for i in range(mask.ndim) if i not in order]
    mask = mask.transpose(*order, *others).reshape(*shape, -1)
    return Connection(name, ends["i"], ends["o"], mask.any(axis=(0, 2, 4)))


def size_of(spec: Spec, axis: Axis) -> int:
    """C, the units of an axis at each of its positions."""
    return sum(spec.sizes[group] for group in axis.names)


def at(axis: Axis | None, by_group: Mapping[str, np.ndarray]) -> np.ndarray:
    """Arrays [n] of groups side by side, [C]; [False] for what is no units."""
    if axis is None:
        return np.zeros(1, bool)
    return np.concatenate([by_group[group] for group in axis.names])


def without_output(
    spec: Spec, found: list[Connection], removed: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """By group, the units that no kept weight joins to a layer's units that are left.

    Units that no kernel reads count as having an output.
    """
    return _idle(spec, [(c.inputs, c.outputs, c.kept) for c in found], removed)


def without_input(
    spec: Spec, found: list[Connection], removed: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """By group, the units that read nothing of what is left: they are constants.

    Units that no kernel puts out count as having an input.
    """
    return _idle(spec, [(c.outputs, c.inputs, c.kept.T) for c in found], removed)


def _idle(spec, ends, removed):
    idle: dict[str, np.ndarray] = {}
    for mine, other, kept in ends:
        if mine is None:
            continue
        alone = ~kept[:, ~at(other, removed)].any(axis=1)
        stop = 0
        for group in mine.names:
            start, stop = stop, stop + spec.sizes[group]
            idle[group] = idle.get(group, True) & alone[start:stop]
    return {g: idle.get(g, np.zeros(n, bool)) for g, n in spec.sizes.items()}
