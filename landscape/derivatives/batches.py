"""What a data set may be, and what a batch counts.

The definition is that of `landscape.derivatives`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import weighting
from landscape.aliases import Batch, Batches
from landscape.arrays import check_arrays, check_integer
from landscape.errors import InputError
from landscape.trees import leaf_name


def as_batches(batches: Batches, chunk_size: int | None = None) -> list:
    """The list of batches that `batches` stands for, checked.

    Raises:
      InputError: there is none, a leaf is no array, leading axes within a batch differ,
        weights that are not finite or add up to 0, or a chunk size below 1.

    >>> len(as_batches({"image": jnp.ones((5, 2)), "label": jnp.ones(5)}))
    1
    """
    if chunk_size is not None:
        check_integer(chunk_size, "chunk_size")
        if chunk_size < 1:
            raise InputError(f"chunk_size must be at least 1, not {chunk_size}.")
    one = isinstance(batches, Mapping | tuple) or hasattr(batches, "shape")
    batches = [] if batches is None else batches
    batches = [batches] if one or not isinstance(batches, Iterable) else list(batches)
    if not batches:
        raise InputError("an average needs at least one batch, not none.")
    for batch in batches:
        check_batch(batch)
    _check_total([weighting.of_batch(batch) for batch in batches])
    return batches


def check_batch(batch: Batch) -> None:
    """Raises InputError unless it is a pytree of arrays, examples leading.

    >>> check_batch([jnp.ones((3, 2)), np.array(["a", "b", "c"])])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: 1 in a batch must be an array of numbers, not one of \
<U1: leave it out, or convert it to NumPy.
    """
    check_arrays(batch, "a batch", "leave it out, or convert it to NumPy")
    leaves = jax.tree_util.tree_leaves_with_path(batch)
    lengths = {jnp.shape(leaf)[:1]: leaf_name(path) for path, leaf in leaves}
    if len(lengths) != 1 or () in lengths or (0,) in lengths:
        seen = (
            f"{n[0] if n else 'none'}{f' of {name}' if name else ''}"
            for n, name in sorted(lengths.items())
        )
        raise InputError(
            "the arrays of a batch must have one leading axis of equal, positive"
            f" length, not {', '.join(seen) or 'no array'}."
        )
    weight = weighting.of_batch(batch)
    if weight is not None and not _is_real(weight):
        raise InputError('batch["weight"] must be one array of real numbers.')


def _is_real(weight: Any) -> bool:
    if not jax.tree_util.all_leaves([weight]):
        return False
    dtype = jnp.result_type(weight)
    return any(
        jnp.issubdtype(dtype, kind) for kind in (jnp.bool_, jnp.integer, jnp.floating)
    )


def _check_total(weights: list) -> None:
    """Refuses weights that leave no mean, where their values are known."""
    if any(w is None or isinstance(w, jax.core.Tracer) for w in weights):
        return
    if not all(getattr(w, "is_fully_addressable", True) for w in weights):
        return
    total = sum(float(np.sum(np.asarray(w, np.float64))) for w in weights)
    if not np.isfinite(total) or total == 0:
        raise InputError(
            f"the weights of the examples add up to {total:g}, and no mean is left."
        )


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
    dtypes = [jnp.result_type(x) for x in leaves]
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


def same_twice(batches: Batches) -> Batches:
    """`batches`, if two passes over them begin with the same batch.

    Raises:
      InputError: they do not: a loader shuffles, augments or is used up.

    >>> same_twice([jnp.ones(2)])
    [Array([1., 1.], dtype=float32)]
    """
    plain = isinstance(batches, Mapping | tuple | list) or hasattr(batches, "shape")
    if plain or not isinstance(batches, Iterable) or isinstance(batches, Iterator):
        return batches
    first, second = (list(islice(batches, 1)) for _ in range(2))
    one, two = (jax.tree.map(_bits, batch) for batch in (first, second))
    if jax.tree.structure(one) != jax.tree.structure(two) or not all(
        map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(two))
    ):
        raise InputError(
            "two passes over the batches differ: does the loader shuffle or augment?"
            " Give a list of batches."
        )
    return batches


def _bits(leaf: Any) -> np.ndarray:
    is_key = jnp.issubdtype(getattr(leaf, "dtype", None), jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf)


def examples(batches: list[Batch]) -> Batch | None:
    """A batch of at least two examples; None if there is one in total."""
    for batch in batches:
        if num_examples(batch) > 1:
            return batch
    some = joinable(batches)[:8]
    return joined(some) if len(some) > 1 else None
