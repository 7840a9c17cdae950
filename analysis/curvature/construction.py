"""From functions, parameters and data to an operator: what every kind shares."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.tree_util import Partial

from analysis.curvature import memory_plan
from analysis.curvature.coordinates import Coordinates, kept_entries
from analysis.curvature.leaf_products import less_outer_product
from analysis.curvature.operator_algebra import Operator
from landscape.aliases import Batch, Batches, Masks, Params
from landscape.arrays import check_arrays, on_device
from landscape.callables import Static
from landscape.derivatives import as_batches, examples, same_twice
from landscape.errors import InputError
from landscape.machine import devices
from landscape.machine.backend import in_full_precision


class Options(TypedDict, total=False):
    """The keywords of every operator; what they mean: `analysis.curvature.hessian`."""

    mask: Masks | None
    layers: str | Sequence[str] | None
    memory: int | None
    chunk_size: int | None
    mesh: Mesh | None
    check: bool


def construct(
    map_of: Callable,
    functions: Sequence[Callable],
    params: Params,
    batches: Batches,
    *,
    kind: str,
    checker: Callable[[Params, Batch], None],
    data_of: Callable[[Params, list], list] | None = None,
    mean_of: Callable | None = None,
    mask: Masks | None = None,
    layers: str | Sequence[str] | None = None,
    memory: int | None = None,
    chunk_size: int | None = None,
    mesh: Mesh | None = None,
    check: bool = True,
) -> Operator:
    """The mean over the data of the linear maps `map_of(*functions, params, batch)`.

    Args:
      map_of: `hessian_map` or `gauss_newton_map` of `landscape.derivatives`.
      functions: what it takes before params and batch; of these the first alone is a
        function of the parameters, `functions[0](params, batch)`.
      kind: of the operator, a word or two.
      checker: with `check` it is called with params and a few examples, and raises.
      data_of: `data_of(params, batches)`, the batches that are differentiated on, if
        these are not the batches given.
      mean_of: `mean_of(functions[0], params, batch)`, a gradient: the outer product of
        its mean over the data is subtracted.
      mask, layers, memory, chunk_size, mesh, check: see `analysis.curvature.hessian`.

    Raises:
      InputError: they do not fit together; see `analysis.curvature.hessian`.
    """
    check_arrays(params, "the parameters")
    params = on_device(params)
    coordinates = Coordinates.of(params, layers)
    kept = kept_entries(coordinates, mask)
    kept = None if kept is None else jnp.asarray(kept, jnp.int32)
    _check_sizes(memory, chunk_size, mesh)
    batches = as_batches(same_twice(batches) if check else batches, chunk_size)
    if check and (batch := examples(batches)) is not None:
        checker(params, batch)
    if data_of is not None:
        batches = data_of(params, batches)
    functions = [in_full_precision(function) for function in functions]
    if mesh is not None:
        everything = (params, kept, functions)
        params, kept, functions = devices.replicate(mesh, everything)
    leaves = coordinates.leaves(params)
    function = _of_leaves(functions[0], coordinates, params)
    linearize = Partial(map_of, function, *functions[1:])
    plan = memory_plan.plan(linearize, leaves, batches, memory, chunk_size, mesh)
    product = plan.product(linearize, leaves)
    if mean_of is not None:
        mean_of = in_full_precision(Partial(mean_of, function))
        product = less_outer_product(product, plan.average(mean_of, leaves))
    how = plan.scannable, plan.description
    return Operator(product, kept, coordinates, *how, kind, plan.workspace)


def _check_sizes(memory, chunk_size, mesh) -> None:
    if memory is not None and memory < 1:
        raise InputError(f"memory must be at least 1 byte, not {memory}.")
    if mesh is not None and chunk_size is not None and chunk_size % mesh.size:
        raise InputError(
            f"chunk_size {chunk_size} is not divisible by the {mesh.size} devices."
        )


def _of_leaves(function: Partial, coordinates: Coordinates, params: Params) -> Partial:
    """`function` of the leaves that vary alone: (leaves, batch) -> value."""
    # What does not vary goes along as an argument; what varies is not held twice.
    fixed = [
        None if i in coordinates.varying else leaf
        for i, leaf in enumerate(jax.tree.leaves(params))
    ]
    return Partial(Static(_at_leaves, (coordinates,)), function, fixed)


def _at_leaves(coordinates, function, fixed, leaves, batch) -> Any:
    return function(coordinates.tree(leaves, fixed), batch)
