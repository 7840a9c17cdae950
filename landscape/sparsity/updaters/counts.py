"""Numbers of kept entries, and whether they fit the parameters."""

from typing import Any

from landscape import trees
from landscape.errors import InputError, check_choice


def pruned_leaves(counts: dict[str, int], params: Any) -> dict[str, int]:
    """Sizes of the leaves that lose entries, by name, in the order of the tree.

    Raises:
      InputError: a name is not a leaf of `params`, or a count is not in 1 ... size.

    >>> import numpy as np
    >>> params = {"a": np.ones((4, 5)), "b": np.ones(5)}
    >>> pruned_leaves({"a": 7, "b": 5}, params)
    {'a': 20}
    """
    sizes = {name: leaf.size for name, leaf in trees.named_leaves(params).items()}
    for name, count in counts.items():
        check_choice("parameter", name, sizes)
        if not 1 <= count <= sizes[name]:
            raise InputError(
                f"{name} can keep 1 to {sizes[name]} of its entries, not {count}."
            )
    return {name: n for name, n in sizes.items() if counts.get(name, n) < n}
