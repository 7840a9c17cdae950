"""The layers that read units, and what they make of a unit that is a constant.

Behind a constant input a layer puts out a constant, which its bias can hold, or the
mean of the batch norm that reads its output. At the border of a zero-padded image the
output is another one: no bias can hold both.
"""

import functools
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from landscape import layout, trees
from landscape.aliases import Params
from landscape.errors import InputError
from landscape.machine.backend import in_full_precision, operations
from landscape.objective import Objective
from landscape.one_line import one_line
from landscape.units.removal.network import Network
from landscape.units.sites import Site, sites_of
from landscape.units.structure import Spec
from landscape.units.taps import input_first


class Reader(NamedTuple):
    """A layer that reads units.

    Attributes:
      site: where it reads them, at its input.
      kernel: the leaf of its kernel.
      takes: the leaf that can hold a constant, in `params` its bias, in `batch_stats`
        the mean of the batch norm behind it; None if there is neither, or the layer is
        not linear.
      in_params: that leaf is one of `params`.
      epsilon: what batch norm adds to the variance; 0 without it.
      uniform: the output of a constant input is the same at all positions.
      module: the layer, bound to nothing.
      shape: of its input, without the batch.
    """

    site: Site
    kernel: str
    takes: str | None
    in_params: bool
    epsilon: float
    uniform: bool
    module: Any
    shape: tuple[int, ...]

    __repr__ = one_line


def readers_of(
    objective: Objective, spec: Spec, network: Network, image: Any
) -> dict[str, Reader]:
    """The layers that read units, by `sites_of(spec, params)`, in the order of calls.

    Args:
      objective: of a Linen model.
      spec: which axes are units.
      network: parameters and statistics.
      image: those of a batch, an array or its shape.

    Raises:
      InputError: a layer is called more than once or never.

    >>> from landscape.models import LeNet
    >>> from landscape.units import specification
    >>> model, x = LeNet((2, 3, 4), 5), np.ones((1, 16, 16, 1))
    >>> params = model.init(jax.random.key(0), x)["params"]
    >>> spec = specification(model, params)
    >>> found = readers_of(Objective(model), spec, Network(params, {}), x)
    >>> {name: (reader.takes, reader.uniform) for name, reader in found.items()}
    {'Conv_1': ('Conv_1/bias', True), 'Dense_0': ('Dense_0/bias', True), \
'Dense_1': ('Dense_1/bias', True)}
    """
    sites = sites_of(spec, network.params, rules=objective.rules)
    calls, norms = _calls(objective, network, sites, image)
    leaves = layout.leaves(network.params, objective.rules)
    stats = trees.named_leaves(network.batch_stats)
    found = {}
    for layer, (module, shape) in calls.items():
        kernel = next(k for k in leaves if layout.layer_name(k) == layer)
        biases = (n for n, leaf in leaves.items() if leaf.kind == "bias")
        bias = next((n for n in biases if n.rpartition("/")[0] == layer), None)
        norm, epsilon = norms.get(layer, ("", 0.0))
        mean = f"{norm}/mean"
        inputs = np.zeros((1, *shape), np.float32)
        inputs[..., 0] = 1
        own = _layer(network.params, layer)
        probe = _probe(own, kernel, leaves[kernel], bias)
        ahead, back = (
            np.asarray(_applied(module, probe, x)) for x in (inputs, -inputs)
        )
        linear = bool((ahead == -back).all())
        if linear and bias is not None:
            ones = _with(own, bias, np.ones_like)
            linear = bool((_applied(module, ones, 0 * inputs) == 1).all())
        takes = bias or (mean if mean in stats else None) if linear else None
        positions = ahead.reshape(-1, ahead.shape[-1])
        uniform = bool((positions == positions[0]).all())
        found[layer] = Reader(
            sites[layer],
            kernel,
            takes,
            bias is not None,
            epsilon,
            uniform,
            module,
            shape,
        )
    return found


def response(reader: Reader, params: Params, constants: np.ndarray) -> np.ndarray:
    """What constant units add to the output of a layer: [output positions, outputs].

    Args:
      reader: the layer.
      params: of the network.
      constants: [P * C], as `landscape.units.sites.expand` gives: of all inputs.
    """
    layer = _layer(params, reader.site.layer)
    if reader.in_params:
        layer = _with(layer, reader.takes, np.zeros_like)
    inputs = np.broadcast_to(constants, (1, *reader.shape))
    outputs = np.asarray(_applied(reader.module, layer, inputs))
    return outputs.reshape(-1, outputs.shape[-1])


def _calls(objective, network, sites, image):
    """Each reading layer's module and input shape; the norms that alone read them."""
    calls, norms, outputs_of = {}, {}, []

    def intercept(call, args, kwargs, context):
        if context.method_name != "__call__":
            return call(*args, **kwargs)
        path = "/".join(context.module.path)
        norm = isinstance(context.module, nn.BatchNorm)
        if norm or path in sites:
            args, kwargs = input_first(context.module, args, kwargs)
        if norm:
            # The norm of a layer gets its very output, and makes one use of it.
            found = path, context.module.epsilon
            norms.update({k: found for k, seen in outputs_of if seen is args[0]})
            args = (checkpoint_name(args[0], ""), *args[1:])
        outputs = call(*args, **kwargs)
        if path in sites:
            if path in calls:
                raise InputError(
                    f"{path} is called more than once: its inputs cannot be removed."
                )
            module = context.module.clone(parent=None)
            calls[path] = module, args[0].shape[1:]
            outputs = checkpoint_name(outputs, path)
            outputs_of.append((path, outputs))
        return outputs

    def run(params, batch_stats, image):
        with nn.intercept_methods(intercept):
            return objective.logits(params, image, batch_stats)[0]

    one = jax.eval_shape(lambda batch: batch[:1], image)
    program = jax.make_jaxpr(run)(network.params, network.batch_stats, one).jaxpr
    every = list(operations(program))
    read = [*program.outvars, *(v for eqn in every for v in eqn.invars)]
    uses = Counter(map(id, read))
    for eqn in every:
        if eqn.primitive.name == "name" and uses[id(eqn.outvars[0])] > 1:
            norms.pop(eqn.params["name"], None)
    for path in sites:
        if path not in calls:
            raise InputError(f"{path} is never called: its inputs cannot be removed.")
    return calls, norms


def _probe(layer: Params, kernel: str, leaf: layout.Leaf, bias: str | None) -> dict:
    """The layer with distinct integers in the window, the same in all channels.

    float32 holds their sums exactly, and other parts of a window have other sums.
    """
    pairs = zip(leaf.axes, leaf.shape, strict=True)
    window = [size if axis == "k" else 1 for axis, size in pairs]
    index = np.arange(1, math.prod(window) + 1)
    weights = ((7919 * index * index + 10473 * index) % 65521).reshape(window)
    probe = np.broadcast_to(weights, leaf.shape).astype(np.float32)
    layer = _with(layer, kernel, lambda _: probe)
    return layer if bias is None else _with(layer, bias, np.zeros_like)


def _layer(params: Params, layer: str) -> Params:
    for part in layer.split("/"):
        params = params[part]
    return params


def _with(layer: Params, leaf: str, values: Callable) -> dict:
    """The layer with other values of one leaf."""
    name = leaf.rpartition("/")[2]
    return {**layer, name: values(layer[name])}


@functools.partial(jax.jit, static_argnums=0)
def _applied(module, layer, inputs):
    return in_full_precision(module.apply)({"params": layer}, inputs)
