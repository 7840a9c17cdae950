"""At how many positions of its output each kernel of a network is applied."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.traverse_util import flatten_dict

from landscape import layout
from landscape.layout import Rules

_SAME_ENTRIES = {
    "convert_element_type",
    "copy",
    "expand_dims",
    "optimization_barrier",
    "reshape",
    "rev",
    "squeeze",
    "transpose",
}
"""Operations that give a kernel's entries in another shape, order or dtype."""
_OF_ENTRIES = {"abs", "add", "div", "mul", "neg", "select_n", "sign", "sub", "tanh"}
"""Operations entry by entry."""


def positions(
    model: nn.Module, input_shape: Sequence[int], rules: Rules = ()
) -> dict[str, int | None]:
    """The number of output positions of each kernel, by the kernel's leaf name.

    Height times width of the output for a convolution, 1 for a dense layer, the length
    of the sequence for one of attention: a forward pass makes positions * kernel.size
    multiplications. Where no submodule is called with the kernel (networks of NNX and
    Equinox) they are counted in the traced forward pass, in which a kernel that is
    rescaled or shifted, entry by entry, is still that kernel. None where a kernel is in
    no product or convolution that this finds. Shapes alone are computed.
    `rules` are for leaves that `landscape.layout` does not know, beside those of the
    model itself.

    Raises:
      InputError: a leaf is not known.

    >>> from landscape.models import create
    >>> positions(create("lenet", (28, 28, 1), 10, (8, 16)), (28, 28, 1))
    {'Conv_0/kernel': 576, 'Conv_1/kernel': 64, 'Dense_0/kernel': 1}
    """

    def run(key):
        return model.init_with_output(
            key, jnp.zeros((1, *input_shape)), capture_intermediates=True
        )[1]

    variables = jax.eval_shape(run, jax.random.key(0, impl="threefry2x32"))
    calls = flatten_dict(variables["intermediates"])
    found, counted = {}, None
    rules = dict(rules) | dict(layout.rules_of(model))
    for name, leaf in sorted(layout.kernels(variables["params"], rules).items()):
        *layer, _ = name.split("/")
        outputs = calls.get((*layer, "__call__"), ())
        if layer and outputs and all(hasattr(each, "ndim") for each in outputs):
            # Batch first, what one position puts out last: heads and sizes of
            # attention.
            last = len(leaf.sizes("o"))
            found[name] = sum(
                math.prod(output.shape[1 : output.ndim - last]) for output in outputs
            )
            continue
        counted = counted or _multiplications(model, variables, input_shape, rules)
        found[name], rest = divmod(counted[name], math.prod(leaf.shape))
        if rest or not found[name]:
            found[name] = None
    return found


def _is_rescaled(kind: str, names: list, shapes: list, equation: Any) -> bool:
    """Whether an operation changes each entry of one kernel alone, as a weight norm."""
    if kind not in _OF_ENTRIES or sum(each is not None for each in names) != 1:
        return False
    kernel = shapes[next(i for i, each in enumerate(names) if each is not None)]
    return getattr(equation.outvars[0].aval, "shape", ()) == kernel


def _multiplications(
    model: nn.Module, variables: Any, input_shape: Sequence[int], rules: Rules
) -> Counter[str]:
    """Those of one example with the entries of each leaf, by its name."""
    names = list(layout.leaves(variables["params"], rules))
    leaves, tree = jax.tree.flatten(variables["params"])
    kept = ("batch_stats",) if "batch_stats" in variables else ()
    stats = {name: variables[name] for name in kept}

    def logits(leaves, stats, image):
        own = {"params": tree.unflatten(leaves), **stats}
        return model.apply(own, image)

    image = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    program = jax.make_jaxpr(logits)(leaves, stats, image).jaxpr
    counts: Counter[str] = Counter()
    known = dict(zip(program.invars, names, strict=False))
    _count(program, known, 1, counts)
    return counts


def _count(program: Any, known: dict[Any, str], times: int, counts: Counter) -> None:
    """Adds the multiplications of a program in which some variables are kernels."""
    for equation in program.eqns:
        kind, params = equation.primitive.name, equation.params
        # Of numbers that are written into the program none is a kernel.
        names = [None if hasattr(v, "val") else known.get(v) for v in equation.invars]
        name = next(filter(None, names), None)
        shapes = [getattr(v.aval, "shape", ()) for v in equation.invars]
        size = math.prod(getattr(equation.outvars[0].aval, "shape", ()))
        if name is None:
            continue
        if kind == "dot_general":
            (axes, _), _ = params["dimension_numbers"]
            counts[name] += times * size * math.prod(shapes[0][a] for a in axes)
        elif kind == "conv_general_dilated":
            outputs = shapes[1][params["dimension_numbers"].rhs_spec[0]]
            counts[name] += times * size * math.prod(shapes[1]) // outputs
        elif kind in _SAME_ENTRIES or _is_rescaled(kind, names, shapes, equation):
            known[equation.outvars[0]] = name
        for inner in params.values():
            inner = getattr(inner, "jaxpr", inner)
            if len(getattr(inner, "invars", ())) == len(names):
                pairs = zip(inner.invars, names, strict=True)
                own = {v: each for v, each in pairs if each is not None}
                _count(inner, own, times * params.get("length", 1), counts)
                for outer, v in zip(equation.outvars, inner.outvars, strict=False):
                    if not hasattr(v, "val") and v in own:
                        known[outer] = own[v]
