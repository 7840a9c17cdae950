"""Operations of JAX in ONNX (operator set 18), by the names of their primitives.

Each is `(graph, eqn, *values) -> value`, where a value is a NumPy array or the name of
a node's output. Networks of images, in whatever framework of JAX they are written, need
few more; what is not here is refused by name.
"""

from collections.abc import Callable

import numpy as np
from onnx import helper

from landscape.export import onnx_layers


def _plain(kind: str) -> Callable:
    return lambda graph, eqn, *values: graph.add(kind, *values)


def _composed(*kinds: str) -> Callable:
    """One operator after another."""

    def compose(graph, eqn, *values):
        for kind in kinds:
            values = (graph.add(kind, *values),)
        return values[0]

    return compose


def _max(graph, eqn, x, y):
    """Relu where it is one, which runtimes join with what is before it."""
    for value, other in ((x, y), (y, x)):
        if not isinstance(other, str) and not other.any():
            return graph.add("Relu", value)
    return graph.add("Max", x, y)


def _logical(kind: str) -> Callable:
    def logical(graph, eqn, x, y):
        onnx_layers.require(eqn, eqn.invars[0].aval.dtype == bool)
        return graph.add(kind, x, y)

    return logical


def _power(graph, eqn, x):
    return graph.add("Pow", x, np.array(eqn.params["y"], eqn.invars[0].aval.dtype))


def _square(graph, eqn, x):
    return graph.add("Mul", x, x)


def _expm1(graph, eqn, x):
    """tanh(x / 2) (exp(x) + 1), which is exact around 0 as well."""
    half, one = np.array([0.5, 1.0], eqn.invars[0].aval.dtype)
    tanh = graph.add("Tanh", graph.add("Mul", x, half))
    return graph.add("Mul", tanh, graph.add("Add", graph.add("Exp", x), one))


def _select(graph, eqn, which, *cases):
    onnx_layers.require(eqn, len(cases) == 2 and eqn.invars[0].aval.dtype == bool)
    return graph.add("Where", which, cases[1], cases[0])


def _clamp(graph, eqn, low, x, high):
    return graph.add("Min", graph.add("Max", x, low), high)


def _cast(graph, eqn, x):
    dtype = np.dtype(eqn.params["new_dtype"])
    return graph.add("Cast", x, to=helper.np_dtype_to_tensor_dtype(dtype))


def _same(graph, eqn, x):
    return x


def _reshape(graph, eqn, x, *sizes):
    """Also of squeeze and expand_dims; a symbol among the sizes is an input, too."""
    return graph.reshape(x, eqn.outvars[0].aval.shape)


def _broadcast(graph, eqn, x, *sizes):
    shape = eqn.params["shape"]
    ones = [1] * len(shape)
    before = eqn.invars[0].aval.shape
    for axis, size in zip(eqn.params["broadcast_dimensions"], before, strict=True):
        ones[axis] = size
    x = graph.reshape(x, ones)
    return x if tuple(ones) == tuple(shape) else graph.broadcast(x, shape)


def _transpose(graph, eqn, x):
    return graph.add("Transpose", x, perm=eqn.params["permutation"])


def _concatenate(graph, eqn, *values):
    return graph.add("Concat", *values, axis=eqn.params["dimension"])


def _slice(graph, eqn, x):
    starts, ends = eqn.params["start_indices"], eqn.params["limit_indices"]
    return _cut(graph, eqn, x, starts, ends, eqn.params["strides"])


def _gather(graph, eqn, x, indices):
    """x[:, 1:], x[:, 0] and the like, which are this where the batch is a symbol."""
    settings, shape = eqn.params, eqn.invars[0].aval.shape
    onnx_layers.require(eqn, not isinstance(indices, str) and indices.ndim == 1)
    starts, sizes = [0] * len(shape), settings["slice_sizes"]
    axes = settings["dimension_numbers"].start_index_map
    for axis, start in zip(axes, indices.tolist(), strict=True):
        onnx_layers.require(eqn, 0 <= start <= shape[axis] - sizes[axis])
        starts[axis] = start
    ends = [start + size for start, size in zip(starts, sizes, strict=True)]
    x = _cut(graph, eqn, x, starts, ends, None)
    return graph.reshape(x, eqn.outvars[0].aval.shape)


def _cut(graph, eqn, x, starts, ends, steps):
    steps = steps or (1,) * len(starts)
    shape = eqn.invars[0].aval.shape
    cut = [
        (start, end, axis, step)
        for axis, (start, end, step) in enumerate(zip(starts, ends, steps, strict=True))
        if (start, step) != (0, 1) or end != shape[axis]
    ]
    return graph.add("Slice", x, *np.array(cut, np.int64).T) if cut else x


def _pad(graph, eqn, x, value):
    low, high, inner = zip(*eqn.params["padding_config"], strict=True)
    onnx_layers.require(eqn, not any(inner))
    if not any(low + high):
        return x
    return graph.add("Pad", x, np.array(low + high, np.int64), value)


def _reduced(kind: str) -> Callable:
    def reduce(graph, eqn, x):
        axes = np.array(eqn.params["axes"], np.int64)
        return graph.add(kind, x, axes, keepdims=0)

    return reduce


OPERATORS: dict[str, Callable] = {
    **{
        name: _plain(kind)
        for name, kind in (
            ("add", "Add"), ("sub", "Sub"), ("mul", "Mul"), ("div", "Div"),
            ("min", "Min"), ("pow", "Pow"), ("neg", "Neg"), ("abs", "Abs"),
            ("exp", "Exp"), ("log", "Log"), ("sqrt", "Sqrt"), ("tanh", "Tanh"),
            ("erf", "Erf"), ("logistic", "Sigmoid"), ("sign", "Sign"), ("eq", "Equal"),
            ("ge", "GreaterOrEqual"), ("gt", "Greater"), ("le", "LessOrEqual"),
            ("lt", "Less"), ("not", "Not"), ("is_finite", "IsFinite"),
        )
    },
    "add_any": _plain("Add"), "ne": _composed("Equal", "Not"),
    "rsqrt": _composed("Sqrt", "Reciprocal"), "max": _max, "integer_pow": _power,
    "square": _square, "expm1": _expm1, "and": _logical("And"), "or": _logical("Or"),
    "select_n": _select, "clamp": _clamp, "convert_element_type": _cast, "copy": _same,
    "stop_gradient": _same, "reshape": _reshape, "squeeze": _reshape,
    "expand_dims": _reshape, "broadcast_in_dim": _broadcast, "transpose": _transpose,
    "concatenate": _concatenate, "slice": _slice, "gather": _gather, "pad": _pad,
    "reduce_sum": _reduced("ReduceSum"), "reduce_max": _reduced("ReduceMax"),
    "reduce_min": _reduced("ReduceMin"), "dot_general": onnx_layers.dot,
    "conv_general_dilated": onnx_layers.convolution,
    "reduce_window_max": onnx_layers.pool("MaxPool"),
    "reduce_window_sum": onnx_layers.pool("AveragePool", count_include_pad=1),
}  # fmt: skip
