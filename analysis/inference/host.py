"""A traced forward pass that NumPy executes, operation by operation."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from analysis.evaluation import jaxprs
from analysis.inference.elementary import ELEMENTARY
from analysis.inference.products import PRODUCTS, Pruned


def host_program(
    function: Callable, variables: Any, images: Any, pruned: Pruned = lambda w: w
) -> Callable[[np.ndarray], np.ndarray]:
    """`images -> logits` in NumPy, for as many images as there are here.

    What depends on the variables alone is computed once. An operation without a
    counterpart in NumPy is executed by JAX, which is right and slow.

    Args:
      function: `(variables, images) -> logits`.
      variables: a pytree of arrays.
      images: [B, ...], or their shape and dtype.
      pruned: from the kernel of a dense or convolutional layer, as a matrix [outputs,
        inputs], to what multiplies in its place: an array, or a matrix of SciPy.

    >>> kernel = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    >>> forward = lambda kernel, x: jax.nn.relu(x @ kernel)
    >>> from analysis.inference.products import sparse_kernels
    >>> x = np.array([[-1.0, 3.0]], np.float32)
    >>> host_program(forward, kernel, x, sparse_kernels)(x).tolist()
    [[0.0, 6.0]]
    """
    program = jaxprs.trace(function, variables, images)
    own, (image,) = program.arguments
    known = dict(zip(own, map(np.asarray, jax.tree.leaves(variables)), strict=True))
    (output,) = program.outputs
    steps, varies = [], jaxprs.dependent(program.operations, [image])
    for operation in jaxprs.needed(program.operations, program.outputs):
        if not varies.intersection(operation.outputs):
            found = jaxprs.run([operation], known, operation.outputs)
            known |= dict(zip(operation.outputs, map(np.asarray, found), strict=True))
        else:
            steps.append(_step(operation, program, known, pruned))

    def run(images: np.ndarray) -> np.ndarray:
        values = {image: images}
        for inputs, call, outputs in steps:
            found = call(*(values.get(n, at) for n, at in inputs))
            for number, value in zip(outputs, found, strict=True):
                values[number] = value
        return values[output]

    return run


def _step(operation, program, known, pruned):
    """Inputs (a number, or a value), what computes, and numbers of the outputs."""
    inputs = [
        (None, np.asarray(atom.value))
        if isinstance(atom, jaxprs.Constant)
        else (None, known[atom]) if atom in known else (atom, None)
        for atom in operation.inputs
    ]  # fmt: skip
    product = PRODUCTS.get(operation.name)
    if product is not None and inputs[0][0] is not None and inputs[1][0] is None:
        call = product(operation.params, inputs[1][1], pruned)
        if call is not None:
            return inputs[:1], lambda x: (call(x),), operation.outputs
    make = ELEMENTARY.get(operation.name)
    avals = [program.avals[number] for number in operation.outputs]
    call = make and make(operation.params, avals[0])
    if call is not None:
        return inputs, lambda *x: (call(*x),), operation.outputs

    def by_jax(*values):
        return [np.asarray(x) for x in operation.function(*values)]

    return inputs, by_jax, operation.outputs
