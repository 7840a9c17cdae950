"""From a function, parameters and data to an operator: what every kind shares."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.tree_util import Partial

from analysis.curvature import memory_plan
from analysis.curvature.coordinates import Space, kept_entries
from analysis.curvature.operator_algebra import Operator
from landscape import devices
from landscape.derivatives import as_batches, as_partial, examples, same_twice
from landscape.errors import InputError


class Options(TypedDict, total=False):
    """The keywords of every operator; what they mean: `analysis.curvature.hessian`."""

    mask: Any
    layers: str | Sequence[str] | None
    memory: int | None
    chunk_size: int | None
    mesh: Mesh | None
    check: bool


class Setting(NamedTuple):
    """Parameters and data, checked.

    Attributes:
      params: all parameters.
      space: their shapes, and which leaves vary.
      kept: the entries kept of these; None: all.
      batches: a list.
      memory, chunk_size, mesh, check: the options.
    """

    params: Any
    space: Space
    kept: jax.Array | None
    batches: list
    memory: int | None
    chunk_size: int | None
    mesh: Mesh | None
    check: bool

    def checked(self, check: Callable, function: Callable) -> "Setting":
        """Itself, after `check(function, params, some examples)` if that is wanted."""
        batch = examples(self.batches) if self.check else None
        if batch is not None:
            check(function, self.params, batch)
        return self


def settle(
    params: Any,
    batches: Any,
    *,
    mask: Any = None,
    layers: str | Sequence[str] | None = None,
    memory: int | None = None,
    chunk_size: int | None = None,
    mesh: Mesh | None = None,
    check: bool = True,
) -> Setting:
    """Parameters, data and options that fit together.

    Raises:
      InputError: they do not; see `analysis.curvature.hessian`.
    """
    params = jax.tree.map(jnp.asarray, params)
    space = Space.of(params, layers)
    kept = kept_entries(params, mask, layers, space)
    if memory is not None and memory < 1:
        raise InputError(f"memory must be at least 1 byte, not {memory}.")
    if mesh is not None and chunk_size is not None and chunk_size % mesh.size:
        raise InputError(
            f"chunk_size {chunk_size} is not divisible by the {mesh.size} devices."
        )
    batches = same_twice(batches) if check else batches
    return Setting(
        params,
        space,
        None if kept is None else jnp.asarray(kept, jnp.int32),
        as_batches(batches, chunk_size),
        memory,
        chunk_size,
        mesh,
        check,
    )


def build(
    setting: Setting, map_of: Callable, function: Callable, *rest: Callable
) -> Operator:
    """The mean over the data of the maps `map_of(function, *rest, params, batch)`."""
    return _build(setting, map_of, function, rest)[0]


def build_with_mean(
    setting: Setting,
    map_of: Callable,
    function: Callable,
    rest: Sequence[Callable],
    mean_of: Callable,
) -> tuple[Operator, tuple]:
    """The operator and the mean over the data of `mean_of(function, params, batch)`.

    It is taken in the same chunks, on the same devices; a gradient in the leaves that
    vary, say.
    """
    op, plan, function, leaves = _build(setting, map_of, function, rest)
    mean = memory_plan.spread(setting.mesh, Partial(mean_of, function))
    return op, plan.average(mean, leaves)


def _build(setting, map_of, function, rest):
    params, kept, mesh = setting.params, setting.kept, setting.mesh
    rest = [as_partial(f) for f in rest]
    function = as_partial(function)
    if mesh is not None:
        everything = (params, kept, function, rest)
        params, kept, function, rest = devices.replicate(mesh, everything)
    leaves = setting.space.leaves(params)
    # What does not vary goes along as an argument; what varies is not held twice.
    fixed = [
        None if i in setting.space.moving else leaf
        for i, leaf in enumerate(jax.tree.leaves(params))
    ]
    function = memory_plan.embedded(function, setting.space, fixed)
    linearize = memory_plan.spread(mesh, Partial(map_of, function, *rest))
    plan = memory_plan.plan(
        linearize, leaves, setting.batches, setting.memory, setting.chunk_size, mesh
    )
    product = plan.product(linearize, leaves)
    size = setting.space.size if kept is None else len(kept)
    op = Operator(product, kept, setting.space, size, plan.scannable, plan.how)
    return op, plan, function, leaves
