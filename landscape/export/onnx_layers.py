"""Products, convolutions and pooling in ONNX, whose images are [N, C, ...]."""

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape.errors import InputError


def dot(graph, eqn, x, y):
    (over_x, over_y), batches = eqn.params["dimension_numbers"]
    ndims = [len(atom.aval.shape) for atom in eqn.invars]
    if ndims[1] == 2 and (*over_x, *over_y) == (ndims[0] - 1, 0) and not batches[0]:
        return graph.add("MatMul", x, y)
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    left = [next(letters) for _ in range(ndims[0])]
    right = [next(letters) for _ in range(ndims[1])]
    for i, j in zip((*batches[0], *over_x), (*batches[1], *over_y), strict=True):
        right[j] = left[i]
    shared = [left[i] for i in batches[0]]
    out = [each for each in left if each not in right]
    out += [each for each in right if each not in left]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(shared + out)}"
    return graph.add("Einsum", x, y, equation=equation)


def convolution(graph, eqn, x, kernel):
    """Images as ONNX has them, [N, C, ...], and back."""
    settings = eqn.params
    require(eqn, settings["batch_group_count"] == 1)
    require(eqn, all(n == 1 for n in settings["lhs_dilation"]))
    lhs, rhs, out = settings["dimension_numbers"]
    low, high = zip(*settings["padding"], strict=True)
    y = graph.add(
        "Conv",
        _transposed(graph, x, lhs),
        _transposed(graph, kernel, rhs),
        strides=settings["window_strides"],
        pads=low + high,
        dilations=settings["rhs_dilation"],
        group=settings["feature_group_count"],
    )
    return _transposed(graph, y, np.argsort(out).tolist())


def pool(kind: str, **attributes: Any) -> Callable:
    """Windows over all axes but the first and last."""

    def pool(graph, eqn, x):
        settings = eqn.params
        window, strides = settings["window_dimensions"], settings["window_strides"]
        padding = settings["padding"]
        require(eqn, window[0] == window[-1] == strides[0] == strides[-1] == 1)
        require(eqn, not any(padding[0] + padding[-1]))
        dilations = settings["window_dilation"] + settings["base_dilation"]
        require(eqn, all(n == 1 for n in dilations))
        low, high = zip(*padding[1:-1], strict=True)
        first = [0, len(window) - 1, *range(1, len(window) - 1)]
        y = graph.add(
            kind,
            _transposed(graph, x, first),
            kernel_shape=window[1:-1],
            strides=strides[1:-1],
            pads=low + high,
            **attributes,
        )
        y = _transposed(graph, y, np.argsort(first).tolist())
        if kind == "MaxPool":
            return y
        return graph.add("Mul", y, np.array(np.prod(window), np.float32))

    return pool


def _transposed(graph, x, axes):
    if list(axes) == sorted(axes):
        return x
    if not isinstance(x, str):
        return np.ascontiguousarray(x.transpose(axes))
    return graph.add("Transpose", x, perm=list(axes))


def require(eqn: Any, holds: bool) -> None:
    if not holds:
        raise InputError(
            f"the operation {eqn.primitive.name} of the network has settings that are"
            " not known to its counterpart in ONNX here: export .stablehlo."
        )
