"""How an evaluation is cut up: chunks of examples, groups of rows, the shortcut.

All of it is read off the traced function, before anything is computed: the size of its
activations, what in its result depends on the data, and what is linear in the points.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from analysis.evaluation import jaxprs, linear_part
from analysis.evaluation.cached_engine import trace
from analysis.evaluation.engine import Layout
from landscape.aliases import Batch, Params
from landscape.derivatives import num_examples
from landscape.errors import InputError
from landscape.machine.backend import on_cpu

# Bytes of a chunk's widest value and all that is cached. On a CPU they should stay in
# the second cache: MLPs and LeNets took 1.3 to 1.7 times as long with four times this.
CHUNK = 5 * 2**18
CHUNK_ELSEWHERE = 2**26
MIN_CHUNK_SIZE = 16
# Bytes of a device for the widest values of all points that are vmapped together.
GROUP = 2**29


class Options(NamedTuple):
    """What the caller wants; see `combinations.evaluate`.

    Attributes:
      scalars: whether the function must return scalars and nothing else.
    """

    order: str
    chunk_size: int | None
    mesh: Mesh | None
    shortcut: bool | None
    scalars: bool


def choose(
    loss_fn: Callable,
    points: Sequence[Params],
    num_rows: int,
    extras: tuple,
    batch: Batch,
    options: Options,
) -> Layout:
    """The layout of one batch; arguments as those of `engine.weighted_sums`.

    Raises:
      InputError: scalars are asked for, and the function returns something else.
    """
    program, size = trace(loss_fn, points, extras, batch), num_examples(batch)
    shapes = [
        jax.ShapeDtypeStruct(program.shape(atom), program.dtype(atom))
        for atom in program.outputs
    ]
    result = program.structure.unflatten(shapes)
    values = result.values() if isinstance(result, dict) else [result]
    one_each = jax.tree_util.all_leaves(list(values))
    if options.scalars and (any(leaf.shape for leaf in shapes) or not one_each):
        raise InputError("the loss function must return a scalar or a dict of scalars.")
    found = jaxprs.dependent(program.operations, program.arguments[-1])
    on_data = tuple(
        # What is printed on the way would be printed again by a second pass.
        not program.pure or bool(found.intersection(jaxprs.numbers([atom])))
        for atom in program.outputs
    )
    cut = linear_part.NOTHING
    if program.pure and options.shortcut is not False:
        _, linear, other, data = program.arguments
        cut = linear_part.split(program, linear, other, data)
        if not (options.shortcut or cut.pays(len(points))):
            cut = linear_part.NOTHING
    widest = _widest(program, cut)
    cached = sum(jaxprs.size_in_bytes(program.avals[number]) for number in cut.cached)
    chunk_size = options.chunk_size or _chunk_size(
        (widest + len(points) * cached) / size, size, options.mesh
    )
    chunk_size = min(chunk_size, size)
    parts = size / chunk_size * (1 if options.mesh is None else options.mesh.size)
    return Layout(
        chunk_size,
        _group(widest / parts, num_rows, options.order),
        result,
        on_data,
        bool(cut.cached),
    )


def _widest(program, cut) -> int:
    """Bytes of the largest value that depends on the data, once the cut is made."""
    rest = jaxprs.needed(program.operations, program.outputs, cut.cached)
    found = jaxprs.dependent(rest, (*program.arguments[-1], *cut.cached))
    made = {out for operation in rest for out in operation.outputs}
    sizes = [jaxprs.size_in_bytes(program.avals[number]) for number in found & made]
    return max(sizes, default=1)


def _chunk_size(bytes_per_example: float, size: int, mesh: Mesh | None) -> int:
    limit = CHUNK if on_cpu() else CHUNK_ELSEWHERE
    limit *= 1 if mesh is None else mesh.size
    largest = min(max(int(limit / bytes_per_example), MIN_CHUNK_SIZE), size)
    if mesh is not None:
        return max(largest - largest % mesh.size, mesh.size)
    # An even split saves the compilation of the last, smaller chunk.
    even = (n for n in range(largest, largest // 2, -1) if size % n == 0)
    return next(even, largest)


def _group(widest: float, num_rows: int, order: str) -> int | None:
    """How many rows are vmapped together; None: each after the other.

    >>> _group(2.0**27, 100, "vmap")
    4
    """
    if order == "sequential" or (order == "auto" and on_cpu()):
        return None
    return min(max(int(GROUP / widest), 1), num_rows)
