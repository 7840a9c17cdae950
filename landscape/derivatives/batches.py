"""What a data set may be, and what a batch counts.

The definition is that of `landscape.derivatives`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import weighting
from landscape.aliases import Batch, Batches
from landscape.errors import InputError


def as_batches(batches: Batches, chunk_size: int | None = None) -> list:
    """The list of batches that `batches` stands for, checked.

    Raises:
      InputError: there is none, leading axes within a batch differ, or the chunk size
        is below 1.

    >>> len(as_batches({"image": jnp.ones((5, 2)), "label": jnp.ones(5)}))
    1
    """
    if chunk_size is not None and chunk_size < 1:
        raise InputError(f"chunk_size must be at least 1, not {chunk_size}.")
    one = isinstance(batches, Mapping | tuple) or hasattr(batches, "shape")
    batches = [batches] if one or not isinstance(batches, Iterable) else list(batches)
    if not batches:
        raise InputError("an average needs at least one batch, not none.")
    for batch in batches:
        lengths = sorted({jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(batch)})
        if len(lengths) != 1 or lengths[0] in ((), (0,)):
            raise InputError(
                "the arrays of a batch must have one leading axis of equal, positive"
                f" length, not {', '.join(str(n[0]) if n else '()' for n in lengths)}."
            )
    return batches


def joinable(batches: list[Batch]) -> list[Batch]:
    """Those that can be joined with the first: of its structure, dtypes and shapes.

    The numbers of examples may differ.

    >>> len(joinable([jnp.ones((2, 3)), jnp.ones((5, 3)), jnp.ones((2, 4))]))
    2
    """
    return [batch for batch in batches if _kind(batch) == _kind(batches[0])]


def joined(batches: list[Batch]) -> Batch:
    """One batch of all examples; of NumPy arrays where all are of NumPy.

    Raises:
      InputError: they differ in structure, dtypes, or shapes beyond the leading axis.

    >>> joined([np.ones((2, 3)), np.ones((5, 3))]).shape
    (7, 3)
    """
    if len(batches) == 1:
        return batches[0]
    if len(joinable(batches)) < len(batches):
        raise InputError(
            "batches to be joined must have one structure, and arrays of one dtype and"
            " of one shape beyond the leading axis."
        )

    def concatenated(*arrays):
        on_host = all(isinstance(x, np.ndarray) for x in arrays)
        return (np if on_host else jnp).concatenate(arrays)

    return jax.tree.map(concatenated, *batches)


def _kind(batch: Batch) -> Any:
    leaves, structure = jax.tree.flatten(batch)
    # Of NumPy arrays the dtypes that they will have on a device.
    dtypes = [jax.dtypes.canonicalize_dtype(x.dtype) for x in leaves]
    return structure, dtypes, [x.shape[1:] for x in leaves]


def num_examples(batch: Batch) -> int:
    """The length of the leading axis of a batch."""
    return jnp.shape(jax.tree.leaves(batch)[0])[0]


def total_weight(batch: Batch) -> jax.Array:
    """What a batch counts: the sum of its weights, or its number of examples.

    >>> float(total_weight({"image": jnp.ones((3, 2)), "weight": jnp.array([1, 1, 0])}))
    2.0
    """
    weight = weighting.of_batch(batch)
    if weight is None:
        return jnp.asarray(num_examples(batch), float)
    return weighting.of_examples(weight).sum()
