"""Units that the kept weights leave without input or output."""

from collections.abc import Mapping

import numpy as np

from landscape.aliases import Masks, Params
from landscape.layout import Rules
from landscape.units.removal.connections import (
    connections,
    without_input,
    without_output,
)
from landscape.units.structure import Spec


def idle_units(
    spec: Spec, params: Params, masks: Masks, rules: Rules = ()
) -> dict[str, dict[str, np.ndarray]]:
    """By group, booleans [n]: "no input", "no output", and "cut off".

    A unit without an input has no kept weight into it, so that it is a constant; one
    without an output has none out of it. Cut off are these, and those that are joined
    to cut-off units alone: no path of kept weights leads from the images through them
    to the logits. In a residual network the identity joins units too: those of a
    stream are idle if no kernel of the stream reads, or puts out, any of them.

    >>> from landscape.units.structure import sequential
    >>> params = {n: {"kernel": np.ones((2, 2))} for n in ("a", "b", "c")}
    >>> masks = {n: {"kernel": np.ones((2, 2), bool)} for n in params}
    >>> masks["a"]["kernel"] = np.array([[True, False], [True, False]])
    >>> masks["b"]["kernel"] = np.array([[True, False], [False, True]])
    >>> found = idle_units(sequential(params, ["a", "b", "c"]), params, masks)
    >>> found["a"]["no input"].tolist(), found["b"]["no input"].tolist()
    ([False, True], [False, False])
    >>> found["b"]["cut off"].tolist()
    [False, True]
    """
    found = connections(spec, params, masks, rules)
    none = {group: np.zeros(n, bool) for group, n in spec.sizes.items()}
    no_input = without_input(spec, found, none)
    no_output = without_output(spec, found, none)
    cut = _union(no_input, no_output)
    while True:
        more = _union(without_input(spec, found, cut), without_output(spec, found, cut))
        more = _union(cut, more)
        if all((more[group] == cut[group]).all() for group in cut):
            break
        cut = more
    return {
        group: {
            "no input": no_input[group],
            "no output": no_output[group],
            "cut off": cut[group],
        }
        for group in spec.sizes
    }


def _union(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    return {group: a[group] | b[group] for group in a}
