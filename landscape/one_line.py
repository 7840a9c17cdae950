"""What holds arrays, as one line: the `repr` of what a notebook shows."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

ITEMS = 4
"""Items of a list or dict without arrays up to which they are shown."""


def one_line(value: Any) -> str:
    """A NamedTuple's name and fields: of arrays dtype and shape, of pytrees the size.

    A class takes it as its `__repr__`.

    >>> from typing import NamedTuple
    >>> class Point(NamedTuple):
    ...     params: dict
    ...     loss: float
    ...     rows: list
    ...     __repr__ = one_line
    >>> Point({"a": np.zeros((2, 3)), "b": np.zeros(4)}, 1 / 3, np.zeros((5, 2)))
    Point(params=<2 leaves, 10 entries>, loss=0.333333, rows=float64[5, 2])
    """
    pairs = zip(value._fields, value, strict=True)
    fields = ", ".join(f"{name}={short(field)}" for name, field in pairs)
    return f"{type(value).__name__}({fields})"


def short(value: Any) -> str:
    """One value in a few words.

    >>> short(np.float32(2)), short([0.5, "a"]), short(list(range(9))), short(len)
    ('2', "[0.5, 'a']", '<9 items>', 'len')
    """
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        if value.shape or not isinstance(value, np.ndarray | np.generic):
            return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
        return f"{value.item():.6g}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None or isinstance(value, bool | int | str):
        return repr(value)
    if isinstance(value, Mapping | list | tuple | set):
        return _collection(value)
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return type(value).__name__


def _collection(value: Any) -> str:
    # Here, as modules that work without JAX define NamedTuples.
    import jax

    leaves = jax.tree.leaves(value)
    shapes = [leaf.shape for leaf in leaves if hasattr(leaf, "shape")]
    if shapes:
        count = f"{len(leaves)} {'leaf' if len(leaves) == 1 else 'leaves'}"
        entries = sum(map(math.prod, shapes))
        return f"<{count}, {entries:,} {'entry' if entries == 1 else 'entries'}>"
    if hasattr(value, "_fields"):
        return type(value).__name__
    if len(value) > ITEMS:
        return f"<{len(value)} items>"
    if isinstance(value, Mapping):
        parts = [f"{key!r}: {short(item)}" for key, item in value.items()]
        return "{" + ", ".join(parts) + "}"
    inner = ", ".join(map(short, value))
    if isinstance(value, tuple):
        return f"({inner}{',' * (len(value) == 1)})"
    return f"[{inner}]" if isinstance(value, list) else "{" + inner + "}"
