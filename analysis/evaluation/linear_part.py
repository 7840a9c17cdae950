"""The exact shortcut for the loss at many combinations of a few points.

At the combination sum_i c_i p_i whatever is linear in the parameters is the same
combination of its values at the points p_i: the first layer's pre-activations above
all. So a loss function is cut in two: what is linear in the parameters is computed once
a point p_i, and only the rest at every combination. Whether an operation is linear is
read off the traced function, so the function and the framework it uses may be any.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from analysis.evaluation import jaxprs
from analysis.evaluation.jaxprs import Constant, Operation, Program

# What a value is in terms of the parameters: always zero, independent of them, linear
# (homogeneous: twice the parameters, twice the value), or none of these.
ZERO, FIXED, LINEAR, OTHER = range(4)

# The value is linear in the first operand, and depends on no parameter else.
_IN_FIRST = {
    "broadcast_in_dim", "convert_element_type", "copy", "copy_p", "cumsum", "div",
    "dynamic_slice", "expand_dims", "neg", "reduce_sum", "reduce_window_sum",
    "reshape", "rev", "slice", "squeeze", "transpose",
}  # fmt: skip
# A sum, or a choice among operands that are all linear (or zero).
_IN_ALL = {"add", "add_any", "concatenate", "pad", "stack", "sub"}
# A product: linear if one operand is and the others are fixed.
_PRODUCTS = {"conv_general_dilated", "dot_general", "mul"}
_CONTRACTIONS = {"conv_general_dilated", "dot_general"}

# A combination reads k cached numbers where a contraction makes many multiplications
# of numbers already read. On a CPU LeNet-5's first layer (120 operations an entry)
# halved the time at k = 3; ResNet-20's (54) made no difference.
MIN_FLOPS_PER_NUMBER = 24


class Split(NamedTuple):
    """A loss function cut in two.

    Attributes:
      cached: numbers of the values that are linear in the parameters, depend on the
        data and are read by the rest of the program.
      first: the operations that compute them.
      flops: multiplications and additions of the contractions in `first`.
      size: entries of all cached values.
    """

    cached: tuple[int, ...]
    first: tuple[Operation, ...]
    flops: int
    size: int

    def pays(self, num_points: int) -> bool:
        """Whether caching the values at that many points is expected to save time."""
        return self.flops > MIN_FLOPS_PER_NUMBER * num_points * self.size > 0


NOTHING = Split((), (), 0, 0)
"""A function left whole."""


def split(
    program: Program, linear: Iterable[int], other: Iterable[int], data: Iterable[int]
) -> Split:
    """Cuts a program.

    Args:
      program: the loss function.
      linear: numbers of the parameters of which there will be combinations.
      other: numbers of arguments that change with the combination in another way.
      data: numbers of the arguments that hold the examples.

    >>> def loss(w, x):
    ...     return jnp.mean(jnp.tanh(x @ w["a"] + w["b"]) ** 2)
    >>> w = {"a": jnp.ones((100, 3)), "b": jnp.ones(3)}
    >>> program = jaxprs.trace(loss, w, jnp.ones((5, 100)))
    >>> params, images = program.arguments
    >>> cut = split(program, params, (), images)
    >>> [operation.name for operation in cut.first]
    ['dot_general', 'broadcast_in_dim', 'add']
    >>> cut.flops, cut.size, cut.pays(2)
    (3000, 15, True)
    """
    known = dict.fromkeys(program.avals, OTHER)
    known |= {i: FIXED for arg in program.arguments for i in arg}
    known |= dict.fromkeys(other, OTHER)
    known |= {i: LINEAR for i in linear if _wide(program, i)}
    known |= {i: OTHER for i in linear if not _wide(program, i)}
    for operation in program.operations:
        kind = _kind(operation, known)
        for number in operation.outputs:
            small = kind == LINEAR and not _wide(program, number)
            known[number] = OTHER if small else kind

    on_data = jaxprs.dependent(program.operations, data)

    def cacheable(atom):
        return not isinstance(atom, Constant) and known[atom] == LINEAR

    taken = list(filter(cacheable, program.outputs))
    for operation in program.operations:
        if any(known[number] != LINEAR for number in operation.outputs):
            taken += filter(cacheable, operation.inputs)
    # What does not depend on the data is combined from the parameters anyway.
    cached = tuple(dict.fromkeys(number for number in taken if number in on_data))
    first = jaxprs.needed(program.operations, cached)
    flops = sum(
        _flops(program, operation)
        for operation in first
        if operation.name in _CONTRACTIONS
        and on_data.intersection(operation.outputs)
        and known[operation.outputs[0]] == LINEAR
    )
    size = sum(int(np.prod(program.avals[number].shape)) for number in cached)
    return Split(cached, first, flops, size)


def _wide(program, number) -> bool:
    """Whether it is float32 or wider: each value in half precision is rounded."""
    dtype = program.avals[number].dtype
    return jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize >= 4


def _kind(operation: Operation, known: Mapping[int, int]) -> int:
    kinds = [
        (ZERO if _is_zero(atom.value) else FIXED)
        if isinstance(atom, Constant)
        else known[atom]
        for atom in operation.inputs
    ]
    name = operation.name
    if OTHER in kinds:
        return OTHER
    if LINEAR not in kinds:
        # Zeros are followed where they are made: a padding's value, say.
        keeps = name in _IN_FIRST and name != "div"
        return ZERO if keeps and kinds and kinds[0] == ZERO else FIXED
    if name in _IN_FIRST:
        return LINEAR if LINEAR not in kinds[1:] else OTHER
    if name in _IN_ALL:
        return LINEAR if FIXED not in kinds else OTHER
    if name == "select_n":
        fine = kinds[0] != LINEAR and FIXED not in kinds[1:]
        return LINEAR if fine else OTHER
    if name in _PRODUCTS:
        return LINEAR if kinds.count(LINEAR) == 1 else OTHER
    return OTHER


def _is_zero(value) -> bool:
    return isinstance(value, int | float | np.generic | np.ndarray) and not np.any(
        value
    )


def _flops(program: Program, operation: Operation) -> int:
    """Twice the multiplications of a contraction."""
    left, right = (
        atom.value if isinstance(atom, Constant) else program.avals[atom]
        for atom in operation.inputs[:2]
    )
    out = program.avals[operation.outputs[0]]
    if operation.name == "dot_general":
        (contracted, _), _ = operation.params["dimension_numbers"]
        depth = np.prod([left.shape[axis] for axis in contracted])
    else:
        channels = operation.params["dimension_numbers"].rhs_spec[0]
        depth = np.prod(right.shape) / right.shape[channels]
    return int(2 * depth * np.prod(out.shape))
