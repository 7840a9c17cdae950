"""A function as a flat list of JAX's primitive operations, for inspection and cutting.

Calls of functions that are themselves jitted, checkpointed or have custom derivatives
are inlined, so such a list is for evaluation, not for differentiation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

# The parameter that holds what is called, by the primitive's name.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}


class Constant(NamedTuple):
    """A literal of the program, or a value that it closes over."""

    value: Any


class Operation(NamedTuple):
    """`outputs = name(inputs)`; a value is known by its number, or is a constant.

    `function` computes it, and `params` are those of JAX's primitive operation.
    """

    name: str
    params: Mapping
    function: Callable
    inputs: tuple
    outputs: tuple[int, ...]


class Program(NamedTuple):
    """A traced function.

    Attributes:
      arguments: for each argument the numbers of its leaves.
      operations: in the order of execution.
      outputs: a number or a constant for each leaf of the result.
      avals: abstract value (shape, dtype) by number.
      structure: pytree structure of the result.
      pure: whether the function has no effect besides its result (no printing, no
        ordered callback).
    """

    arguments: tuple[tuple[int, ...], ...]
    operations: tuple[Operation, ...]
    outputs: tuple
    avals: Mapping[int, Any]
    structure: Any
    pure: bool

    def shape(self, atom: Any) -> tuple[int, ...]:
        """The shape of a value or a constant."""
        constant = isinstance(atom, Constant)
        return np.shape(atom.value) if constant else self.avals[atom].shape

    def dtype(self, atom: Any) -> np.dtype:
        """The dtype of a value or a constant."""
        constant = isinstance(atom, Constant)
        return jnp.result_type(atom.value) if constant else self.avals[atom].dtype


def trace(function: Callable, *args: Any) -> Program:
    """The program of `function(*args)`; args are pytrees of arrays or of their shapes.

    >>> program = trace(jax.jit(lambda x: 2 * jax.nn.relu(x)), 1.0)
    >>> [operation.name for operation in program.operations]
    ['max', 'mul']
    """
    closed, result = jax.make_jaxpr(function, return_shape=True)(*args)
    avals, operations = {}, []

    def fresh(variables: Iterable) -> tuple[int, ...]:
        numbers = range(len(avals), len(avals) + len(variables := list(variables)))
        avals.update(zip(numbers, (v.aval for v in variables), strict=True))
        return tuple(numbers)

    def inlined(jaxpr, constants, inputs):
        known = dict(zip(jaxpr.constvars, map(Constant, constants), strict=True))
        known |= dict(zip(jaxpr.invars, inputs, strict=True))

        def atom(v):
            return Constant(v.val) if isinstance(v, Literal) else known[v]

        for eqn in jaxpr.eqns:
            inputs, inner = tuple(map(atom, eqn.invars)), _called(eqn)
            if inner is None:
                outputs = fresh(eqn.outvars)
                name, function = eqn.primitive.name, _function(eqn)
                operation = Operation(name, eqn.params, function, inputs, outputs)
                operations.append(operation)
            elif isinstance(inner, ClosedJaxpr):
                outputs = inlined(inner.jaxpr, inner.consts, inputs)
            else:
                outputs = inlined(inner, (), inputs)
            known |= dict(zip(eqn.outvars, outputs, strict=True))
        return tuple(map(atom, jaxpr.outvars))

    leaves = fresh(closed.jaxpr.invars)
    outputs = inlined(closed.jaxpr, closed.consts, leaves)
    sizes = [len(jax.tree.leaves(arg)) for arg in args]
    ends = np.cumsum(sizes)
    return Program(
        arguments=tuple(
            leaves[end - size : end] for end, size in zip(ends, sizes, strict=True)
        ),
        operations=tuple(operations),
        outputs=outputs,
        avals=avals,
        structure=jax.tree.structure(result),
        pure=not closed.effects,
    )


def _called(eqn):
    return eqn.params.get(_CALLS.get(eqn.primitive.name))


def _function(eqn) -> Callable:
    """What one equation computes, as a function of its inputs."""
    bound = eqn.primitive.get_bind_params(eqn.params)
    # Before JAX 0.10 the functions it calls came apart from the parameters.
    functions, params = bound if isinstance(bound, tuple) else ((), bound)

    def function(*inputs):
        result = eqn.primitive.bind(*functions, *inputs, **params)
        return result if eqn.primitive.multiple_results else [result]

    return function


def numbers(atoms: Iterable) -> list[int]:
    """The values among `atoms` that are not constants."""
    return [atom for atom in atoms if not isinstance(atom, Constant)]


def needed(
    operations: Sequence[Operation], outputs: Iterable, given: Iterable[int] = ()
) -> tuple[Operation, ...]:
    """The operations that `outputs` need if the values `given` are there already."""
    given, wanted, kept = set(given), set(numbers(outputs)), []
    wanted -= given
    for operation in reversed(operations):
        if wanted.intersection(operation.outputs):
            kept.append(operation)
            wanted |= set(numbers(operation.inputs)) - given
    return tuple(reversed(kept))


def dependent(operations: Sequence[Operation], sources: Iterable[int]) -> set[int]:
    """The values that depend on `sources`, which are among them."""
    found = set(sources)
    for operation in operations:
        if found.intersection(numbers(operation.inputs)):
            found.update(operation.outputs)
    return found


def run(
    operations: Sequence[Operation], values: Mapping[int, Any], outputs: Iterable
) -> list:
    """Executes the operations from `values` by number; returns those of `outputs`."""
    values = dict(values)

    def read(atom):
        return atom.value if isinstance(atom, Constant) else values[atom]

    for operation in operations:
        result = operation.function(*map(read, operation.inputs))
        values.update(zip(operation.outputs, result, strict=True))
    return [read(atom) for atom in outputs]


def size_in_bytes(aval: Any) -> int:
    """The bytes of an array of this shape and dtype."""
    return int(np.prod(aval.shape)) * aval.dtype.itemsize
