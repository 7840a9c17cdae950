"""A traced function as the nodes of an ONNX graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from landscape.errors import InputError
from landscape.export import onnx_operators

Value = np.ndarray | str
"""What is known, or the name of what is computed."""

_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
"""Where an operation has a program of its own."""


class Graph:
    """Nodes and constants, as they are added.

    Args:
      input_name: of the images.
      batch: the symbol of their number.
      names: of constants, by `id`.
    """

    def __init__(self, input_name: str, batch: Any, names: Mapping[int, str]):
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._input, self._batch, self._names = input_name, batch, names
        self._constants: dict[int, tuple[str, np.ndarray]] = {}

    def run(
        self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Value]
    ) -> list[Value]:
        """The outputs of a program; what depends on constants alone is computed now.

        Raises:
          InputError: an operation has no counterpart in `onnx_operators`.
        """
        known = dict(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
        known |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(atom):
            return np.asarray(atom.val) if hasattr(atom, "val") else known[atom]

        for eqn in jaxpr.eqns:
            outputs = self._outputs(eqn, [read(atom) for atom in eqn.invars])
            known |= dict(zip(eqn.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _outputs(self, eqn: Any, inputs: list[Value]) -> Sequence[Value]:
        for name in _INNER:
            if (inner := eqn.params.get(name)) is not None:
                program = getattr(inner, "jaxpr", inner)
                return self.run(program, getattr(inner, "consts", ()), inputs)
        sizes = (size for var in eqn.outvars for size in var.aval.shape)
        known = not any(isinstance(value, str) for value in inputs)
        if known and not any(map(self._is_batch, sizes)):
            found = eqn.primitive.bind(*inputs, **eqn.params)
            found = found if eqn.primitive.multiple_results else [found]
            return [np.asarray(each) for each in found]
        name = eqn.primitive.name
        if (operator := onnx_operators.OPERATORS.get(name)) is None:
            raise InputError(
                f"the operation {name} of the network has no counterpart in ONNX here:"
                " export .stablehlo, or add it to landscape/export/onnx_operators.py."
            )
        return [operator(self, eqn, *inputs)]

    def add(self, kind: str, *inputs: Value, **attributes: Any) -> str:
        """A node with one output; its name."""
        output = f"{kind}_{len(self.nodes)}"
        names = [x if isinstance(x, str) else self._constant(x) for x in inputs]
        self.nodes.append(helper.make_node(kind, names, [output], output, **attributes))
        return output

    def reshape(self, value: Value, shape: Sequence[Any]) -> Value:
        """A value with another shape, of which one size may be the number of images."""
        if not isinstance(value, str):
            return value.reshape(shape)
        sizes = [-1 if self._is_batch(size) else size for size in shape]
        return self.add("Reshape", value, np.asarray(sizes, np.int64))

    def broadcast(self, value: Value, shape: Sequence[Any]) -> Value:
        """A value [...] of as many axes as `shape`, repeated to it."""
        if any(map(self._is_batch, shape)):
            batch = self.add("Shape", self._input, start=0, end=1)
            sizes = [batch if self._is_batch(n) else np.array([n]) for n in shape]
            return self.add("Expand", value, self.add("Concat", *sizes, axis=0))
        if not isinstance(value, str):
            return np.broadcast_to(value, shape)
        return self.add("Expand", value, np.asarray(shape, np.int64))

    def name_output(self, value: Value, name: str) -> None:
        """Calls a value of the graph by a name of the caller."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name))

    def _is_batch(self, size: Any) -> bool:
        """Whether a size is the number of images, which is not known.

        Raises:
          InputError: it is another expression of it.
        """
        if isinstance(size, int | np.integer):
            return False
        if size != self._batch:
            raise InputError(
                f"an axis of size {size} cannot be exported to ONNX here: it depends"
                " on the number of images."
            )
        return True

    def _constant(self, value: np.ndarray) -> str:
        if id(value) not in self._constants:
            name = self._names.get(id(value), f"constant_{len(self._constants)}")
            # Kept, so that no other array gets its id.
            self._constants[id(value)] = (name, value)
            self.initializers.append(numpy_helper.from_array(value, name))
        return self._constants[id(value)][0]
