"""Which units of a network can be exchanged: the `Spec` of each kind of network.

The CIFAR ResNets add a block's output to its input, so one permutation acts on the
residual stream wherever it is read or written. Their shortcuts between stages (option
A) append zero channels: the first 16 channels of the second stage ARE the first
stage's. Hence a stage's permutation must move the old channels as the stage before it
does, and may move the new ones only among themselves: 16, 16 and 32 channels move
freely ("stream_0" in all stages, "stream_1" from the second, "stream_2" in the third),
not 16, 32 and 64. A stage as wide as the one before has no such group of its own. The
channels between a block's two convolutions move freely.

Other symmetries (scales around relu and batch norm, signs around tanh) are no
permutations, and not covered.
"""

from typing import Any

from landscape import layout
from landscape.aliases import Params
from landscape.errors import InputError, with_article
from landscape.models import (
    MLP,
    VGG,
    AlexNet,
    LeNet,
    ResNet,
    WideResNet,
    layers_in_order,
)
from landscape.units.chains import Axis, Spec, declared, sequential


def specification(model: Any, params: Params) -> Spec:
    """The symmetry of an MLP, LeNet, AlexNet, VGG or (wide) ResNet of this repository.

    And that of any network whose attribute `unit_layers` names its layers and norms,
    all of them, one after another as in `sequential`. It covers parameters, masks
    (scalar leaves have no units), gradients and batch norm's statistics: whatever has
    the names of the leaves of one of them. Permutations are called after the layer
    whose outputs they permute; "stream_0" and so on for residual streams.

    Raises:
      InputError: the model is of another kind, or names not all of its layers.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> model = MLP((5, 3), 2)
    >>> shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 4)))
    >>> specification(model, shapes["params"]).sizes
    {'Dense_0': 5, 'Dense_1': 3}
    """
    if layers := getattr(model, "unit_layers", ()):
        return declared(params, layers, layout.rules_of(model))
    if isinstance(model, MLP) and model.batch_norm:
        return _normed(params, "Dense")
    if isinstance(model, MLP | LeNet | AlexNet):
        return sequential(params, layers_in_order(params))
    if isinstance(model, VGG):
        return _normed(params, "Conv")
    if isinstance(model, ResNet):
        return _residual(params, model.blocks)
    if isinstance(model, WideResNet):
        return _wide_residual(params, model.blocks)
    raise InputError(
        f"the symmetry of {with_article(type(model).__name__)} is not known here: name"
        " its layers, if they are one after another, in its class attribute unit_layers"
        " (docs/add_a_model.md), or in a notebook make its Spec by hand."
    )


def _normed(params, kind: str) -> Spec:
    """Of layers one after another, of which those of a kind have batch norm."""
    spec = sequential(params, layers_in_order(params))
    norms = {}
    for layer in (name for name in spec.sizes if name.startswith(kind)):
        norms |= _norm(layer.replace(kind, "BatchNorm"), Axis((layer,)))
    return Spec(spec.sizes, spec.axes | norms)


def _residual(params, blocks: int) -> Spec:
    channels = params["Conv_0"]["kernel"].shape[-1]
    stream = Axis(("stream_0",))
    sizes = {"stream_0": channels}
    axes = {"Conv_0/kernel": (None, None, None, stream)} | _norm("BatchNorm_0", stream)
    for index in range(3 * blocks):
        block = f"Block_{index}"
        wider = params[block]["Conv_1"]["kernel"].shape[-1]
        inner, before = Axis((block,)), stream
        sizes[block] = params[block]["Conv_0"]["kernel"].shape[-1]
        if wider > channels:
            new = f"stream_{index // blocks}"
            sizes[new], channels = wider - channels, wider
            stream = Axis((*stream.names, new))
        axes[f"{block}/Conv_0/kernel"] = (None, None, before, inner)
        axes[f"{block}/Conv_1/kernel"] = (None, None, inner, stream)
        axes |= _norm(f"{block}/BatchNorm_0", inner)
        axes |= _norm(f"{block}/BatchNorm_1", stream)
    axes |= {"Dense_0/kernel": (stream, None), "Dense_0/bias": (None,)}
    return Spec(sizes, axes)


def _wide_residual(params, blocks: int) -> Spec:
    stream = Axis(("stream_0",))
    sizes = {"stream_0": params["Conv_0"]["kernel"].shape[-1]}
    axes = {"Conv_0/kernel": (None, None, None, stream)}
    for index in range(3 * blocks):
        block = f"WideBlock_{index}"
        inner, before = Axis((block,)), stream
        sizes[block] = params[block]["Conv_0"]["kernel"].shape[-1]
        if "Conv_2" in params[block]:
            new = f"stream_{1 + index // blocks}"
            sizes[new] = params[block]["Conv_2"]["kernel"].shape[-1]
            stream = Axis((new,))
            axes[f"{block}/Conv_2/kernel"] = (None, None, before, stream)
        axes[f"{block}/Conv_0/kernel"] = (None, None, before, inner)
        axes[f"{block}/Conv_1/kernel"] = (None, None, inner, stream)
        axes |= _norm(f"{block}/BatchNorm_0", before)
        axes |= _norm(f"{block}/BatchNorm_1", inner)
    axes |= _norm("BatchNorm_0", stream)
    axes |= {"Dense_0/kernel": (stream, None), "Dense_0/bias": (None,)}
    return Spec(sizes, axes)


def _norm(layer: str, channels: Axis) -> dict[str, tuple[Axis]]:
    return {f"{layer}/{leaf}": (channels,) for leaf in ("scale", "bias", "mean", "var")}
