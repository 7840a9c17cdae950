"""The widths of a network, read off the shapes of its parameters."""

from typing import Any

from landscape import layout
from landscape.aliases import Params
from landscape.errors import InputError
from landscape.models import vgg
from landscape.models.alexnet import AlexNet
from landscape.models.lenet import LeNet
from landscape.models.mlp import MLP
from landscape.models.resnet import ResNet
from landscape.models.wide_resnet import WideResNet
from landscape.registries.methods import MODELS

KINDS = {MLP: "mlp", LeNet: "lenet", AlexNet: "alexnet"}
"""Names of the networks of one depth, or of any."""


def layers_in_order(params: Params) -> list[str]:
    """Convolutions and dense layers of a network without blocks, first to last.

    >>> from landscape.layout import jnp
    >>> layers_in_order({f"Dense_{i}": {"kernel": jnp.ones((1, 1))} for i in (10, 9)})
    ['Dense_9', 'Dense_10']
    """
    names = [layout.layer_name(name) for name in layout.kernels(params)]

    def order(name):
        kind, _, index = name.partition("_")
        return kind, int(index)

    return sorted(names, key=order)


def widths_of(model: Any, params: Params) -> tuple[str, tuple[int, ...]]:
    """The name and the widths with which `create` makes a model of these parameters.

    Args:
      model: a network of `landscape.models`, of any widths: its kind and depth count.
      params: parameters, or their shapes, of that kind and depth.

    Returns:
      A row of `landscape.registries.methods.MODELS` that takes widths (mlp for
      lenet300, lenet for lenet5), and the widths: of ResNets those of the stages alone
      where those inside the blocks equal them. `model.clone(widths=...)` makes the
      module, too, with the activation of `model`.

    Raises:
      InputError: the model is of another kind, or of a depth without a name; or the
        convolution between the first two widths of a wide ResNet is as none of these
        widths has it (there is one exactly where the two differ).

    >>> import jax
    >>> from landscape.models import create, init
    >>> model = create("lenet5", (28, 28, 1), 10)
    >>> params, _ = init(model, jax.random.key(0), (28, 28, 1))
    >>> params["Dense_0"] = {"kernel": params["Dense_0"]["kernel"][:, :7]}
    >>> widths_of(model, params)
    ('lenet', (6, 16, 7, 84))
    """
    name = KINDS.get(type(model))
    if isinstance(model, MLP) and model.batch_norm:
        name = "mlp-bn"
    if isinstance(model, ResNet):
        name = f"resnet{6 * model.blocks + 2}"
    if isinstance(model, WideResNet):
        start = f"wrn-{6 * model.blocks + 4}-"
        name = next((each for each in MODELS if each.startswith(start)), None)
    if isinstance(model, vgg.VGG):
        name = {stages: name for name, stages in vgg.STAGES.items()}.get(model.stages)
    if name not in MODELS:
        raise InputError(
            f"no name of landscape.registries.methods makes {model!r}: it must be an"
            " MLP, LeNet, AlexNet, ResNet, WideResNet or VGG of a depth that is among"
            f" {', '.join(MODELS)}."
        )
    if isinstance(model, ResNet):
        return name, _residual("Block", model.blocks, params)
    if isinstance(model, WideResNet):
        first = _outputs(params["Conv_0"])
        rest = _residual("WideBlock", model.blocks, params)
        if ("Conv_2" in params["WideBlock_0"]) != (first != rest[0]):
            raise InputError(
                f"no widths make a wide ResNet whose first convolution has {first}"
                f" channels and its first stage {rest[0]}, with this shortcut between."
            )
        return name, (first, *rest)
    *hidden, _ = layers_in_order(params)
    return name, tuple(_outputs(params[layer]) for layer in hidden)


def _residual(block: str, blocks: int, params: Params) -> tuple[int, ...]:
    every = [params[f"{block}_{i}"] for i in range(3 * blocks)]
    stages = tuple(_outputs(block["Conv_1"]) for block in every[::blocks])
    inner = tuple(_outputs(block["Conv_0"]) for block in every)
    same = all(n == stages[i // blocks] for i, n in enumerate(inner))
    return stages if same else stages + inner


def _outputs(layer: Params) -> int:
    return layer["kernel"].shape[-1]
