"""Means over a data set whose examples are divided among the devices of a mesh.

Each device differentiates its own examples, and what it finds is added up over the
devices once: one all-reduce of the size of the parameters for each product, and no
example leaves its device. Examples that are left when they do not divide are on each.
"""

from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jax.tree_util import Partial

from landscape.aliases import Batch
from landscape.callables import Static
from landscape.derivatives import (
    Product,
    WeightedSum,
    added,
    linearized,
    num_examples,
    sums_of,
    total_weight,
    weighted,
)
from landscape.machine.division import put

DIVIDED, WHOLE = PartitionSpec("data"), PartitionSpec()


def linear_product(
    mesh: Mesh, linearize: Partial, leaves: tuple, parts: list
) -> Product:
    """The mean of `linearize(leaves, part)` over parts on the devices, made here."""
    divided, rest = _sorted(mesh, parts)
    maps, weights = _linearized(mesh, linearize, leaves, divided)
    others = [linearized(linearize, leaves, part) for part in rest]
    counts = [total_weight(part) for part in rest]
    fractions = _fractions(weights, counts)
    product = Static(_mean_of_maps, (mesh,))
    return Partial(product, (maps, fractions[0]), (others, fractions[1]))


def average_over(
    mesh: Mesh,
    chunk_size: int | None,
    scan: bool,
    function: Partial,
    args: tuple,
    parts: list,
) -> Any:
    """`landscape.derivatives.average` of `function(*args, part)` over parts.

    Args:
      mesh: of the devices.
      chunk_size: examples that one call of `function` sees, of all devices together.
      scan: the chunks of all parts go in compiled loops, each device by itself; else
        each part is one call. Parts of NumPy are sent to the devices when they are
        needed.
      function, args, parts: as there.
    """
    size = None if chunk_size is None else chunk_size // mesh.size
    divided, rest = _sorted(mesh, parts)
    # One call for all of them where they are compiled together.
    calls = [divided] if scan else [[part] for part in divided]
    sums = []
    for some in filter(None, calls):
        if any(isinstance(x, np.ndarray) for x in jax.tree.leaves(some)):
            some = [put(mesh, part) for part in some]
        sums.append(_sums(mesh, size, scan, function, args, some))
    terms = [] if not sums else [_total(mesh, reduce(added, sums))]
    if rest:
        terms.append(sums_of(function, args, rest, size, scan))
    return reduce(added, terms).mean()


def mean_in_chunks(
    mesh: Mesh,
    chunk_size: int | None,
    scan: bool,
    linearize: Partial,
    leaves: tuple,
    parts: list,
    v: tuple,
) -> tuple:
    """The mean of `linearize(leaves, part)(v)`; arguments as in `average_over`."""
    function = Partial(_differentiate, linearize)
    mean = average_over(mesh, chunk_size, scan, function, (leaves, v), parts)
    return _as_typed(mean, v)


def _differentiate(linearize, leaves, v, batch) -> Any:
    return linearize(leaves, batch)(v)


@jax.jit
def _as_typed(tree: Any, like: Any) -> Any:
    return jax.tree.map(lambda x, v: x.astype(v.dtype), tree, like)


def _sorted(mesh: Mesh, parts: list) -> tuple[list, list]:
    divided = [part for part in parts if num_examples(part) % mesh.size == 0]
    return divided, [part for part in parts if num_examples(part) % mesh.size]


def _shard_map(mesh: Mesh, function: Any, inputs: tuple, outputs: Any) -> Any:
    # Gradients are of the device's own examples: JAX is not to add them up itself.
    return jax.shard_map(
        function, mesh=mesh, in_specs=inputs, out_specs=outputs, check_vma=False
    )


def _stacked(tree: Any) -> Any:
    """What each device has for itself becomes a row of an array of all devices."""
    return jax.tree.map(lambda x: jnp.asarray(x)[None], tree)


def _own(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[0], tree)


@partial(jax.jit, static_argnums=0)
def _linearized(mesh, linearize, leaves, parts: list[Batch]) -> tuple[list, list]:
    def local(linearize, leaves, parts):
        maps = [linearize(leaves, part) for part in parts]
        return _stacked((maps, [total_weight(part) for part in parts]))

    if not parts:
        return [], []
    mapped = _shard_map(mesh, local, (WHOLE, WHOLE, DIVIDED), DIVIDED)
    return mapped(linearize, leaves, parts)


@jax.jit
def _fractions(weights: list, counts: list) -> tuple[list, list]:
    total = sum(w.sum() for w in weights) + sum(counts)
    return [w / total for w in weights], [count / total for count in counts]


@partial(jax.jit, static_argnums=0)
def _mean_of_maps(mesh, divided, rest, v):
    def terms(maps, fractions, v):
        pairs = zip(maps, fractions, strict=True)
        return [weighted(linear(v), fraction).total for linear, fraction in pairs]

    def local(divided, v):
        return jax.lax.psum(reduce(added, terms(*_own(divided), v)), "data")

    found = terms(*rest, v)
    if divided[0]:
        found += [_shard_map(mesh, local, (DIVIDED, WHOLE), WHOLE)(divided, v)]
    return _as_typed(reduce(added, found), v)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _sums(mesh, size, scan, function, args, parts) -> WeightedSum:
    """[devices, ...], the sums over the examples of each device."""

    def local(function, args, parts):
        return _stacked(sums_of(function, args, parts, size, scan))

    mapped = _shard_map(mesh, local, (WHOLE, WHOLE, DIVIDED), DIVIDED)
    return mapped(function, args, parts)


@partial(jax.jit, static_argnums=0)
def _total(mesh, sums: WeightedSum) -> WeightedSum:
    def local(sums):
        return jax.lax.psum(_own(sums), "data")

    return _shard_map(mesh, local, (DIVIDED,), WHOLE)(sums)
