"""The networks there are: their names, and the widths and activations that they take.

Rows of `landscape.registries.methods`, the registry: plain strings, nothing heavy is
imported.
"""

from collections.abc import Sequence
from typing import NamedTuple

from landscape.errors import InputError, check_choice, typed
from landscape.users.code import arguments, check_name, is_user_code


class Widths(NamedTuple):
    """The widths that a network takes.

    Attributes:
      numbers: how many, one of these, rising.
      meaning: what they are the widths of.
      more: whether it takes more than the last of the numbers, too.
      stages: how many of the first are stages, none narrower than the one before.
    """

    numbers: tuple[int, ...]
    meaning: str
    more: bool = False
    stages: int = 0

    @property
    def allowed(self) -> str:
        """The numbers, in words."""
        numbers = " or ".join(map(str, self.numbers))
        return f"at least {numbers}" if self.more else numbers

    def takes(self, number: int) -> bool:
        """Whether it takes as many."""
        return number in self.numbers or (self.more and number > self.numbers[-1])


class Model(NamedTuple):
    """A network.

    Attributes:
      name: the value of --model.
      create: `(name, input_shape, num_classes, widths, activation) -> nn.Module`, as
        `module:function`; it refuses what does not fit.
      slow: whether a step takes long on a CPU, and progress is logged more often.
      widths: the --widths that it takes; None if it has its own.
      activations: those that it can have.
      images: whether it needs images of shape (height, width, channels).
      blocks: whether it is made of blocks, which --remat computes twice.
    """

    name: str
    create: str
    slow: bool = False
    widths: Widths | None = None
    activations: tuple[str, ...] = ("relu",)
    images: bool = True
    blocks: bool = False


ACTIVATIONS = ("relu", "tanh")

_MODELS = "landscape.models"
_DENSE = {"activations": ACTIVATIONS, "images": False}
_HIDDEN = Widths((1,), "of its hidden layers", more=True)
_LENET = Widths((2,), "of 2 convolutions, then of dense layers", more=True)
_ALEXNET = Widths((4,), "of 2 convolutions, then of 2 dense layers")


def _resnet(layers: int) -> Model:
    blocks = (layers - 2) // 2
    meaning = "of the 3 stages, then of the inside of each block"
    widths = Widths((3, 3 + blocks), meaning, stages=3)
    name, create = f"resnet{layers}", f"{_MODELS}.resnet:create"
    return Model(name, create, True, widths, blocks=True)


def _wide_resnet(layers: int, factor: int) -> Model:
    blocks = (layers - 4) // 2
    meaning = "of the first convolution and the 3 stages, then of the inside of each"
    widths = Widths((4, 4 + blocks), f"{meaning} block")
    name = f"wrn-{layers}-{factor}"
    return Model(name, f"{_MODELS}.wide_resnet:create", True, widths, blocks=True)


def _vgg(layers: int) -> Model:
    meaning = "of its convolutions, then of dense layers"
    widths = Widths((layers - 3,), meaning, more=True)
    name = f"vgg{layers}"
    return Model(name, f"{_MODELS}.vgg:create", True, widths, blocks=True)


MODELS = {
    row.name: row
    for row in (
        Model("mlp", f"{_MODELS}.mlp:create", widths=_HIDDEN, **_DENSE),
        Model("mlp-bn", f"{_MODELS}.mlp:create", widths=_HIDDEN, **_DENSE),
        Model("lenet300", f"{_MODELS}.mlp:create", **_DENSE),
        Model("lenet", f"{_MODELS}.lenet:create", False, _LENET, ACTIVATIONS),
        Model("lenet5", f"{_MODELS}.lenet:create", activations=ACTIVATIONS),
        Model("alexnet", f"{_MODELS}.alexnet:create", True, _ALEXNET),
        *(_resnet(layers) for layers in (8, 20, 32, 56)),
        *(_wide_resnet(*kind) for kind in ((10, 1), (16, 4), (22, 2), (28, 10))),
        *(_vgg(layers) for layers in (11, 16)),
        *(
            Model(name, f"{_MODELS}.bottleneck_resnet:create", True, blocks=True)
            for name in ("resnet50", "resnet50-v1")
        ),
    )
}


def model_row(name: str) -> Model:
    """The row of a model: of the registry, or one of the user's own.

    >>> model_row("lenet5").images, model_row("my_models:cnn").create
    (True, 'my_models:cnn')
    """
    if is_user_code(name):
        return Model(name, name, images=False)
    return MODELS[name]


def check_model(
    name: str,
    widths: Sequence[int],
    activation: str,
    model_args: Sequence[str] = (),
) -> None:
    """Refuses a network that is not there, or that cannot have these widths.

    Of one of the user's own the form of its name alone is looked at.

    Raises:
      InputError: names the value seen and those allowed.

    >>> check_model("mlp", (300, 100), "tanh")
    >>> check_model("resnet8", (4, 8), "relu")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: resnet8 takes 3 or 6 widths (of the 3 stages, then of \
the inside of each block), not 4 8.
    """
    check_choice("activation", activation, ACTIVATIONS)
    words = arguments("--model-args", model_args)
    if is_user_code(name):
        check_name("--model", name)
        for flag, given in (
            ("--widths", widths),
            ("--activation", activation != "relu"),
        ):
            if given:
                raise InputError(
                    f"{flag} is of the models of this repository: {name} takes its own"
                    " arguments, by --model-args."
                )
        return
    check_choice("model", name, [*MODELS, "package.module:factory"])
    row = model_row(name)
    if words:
        raise InputError(
            f"--model-args {' '.join(model_args)} go with a --model of your own"
            f" (package.module:factory), not {name}."
        )
    if widths:
        _check_widths(row, tuple(widths))
    if activation not in row.activations:
        raise InputError(
            f"{name} has the activation {' or '.join(row.activations)}, not"
            f" {activation}."
        )


def check_remat(name: str) -> None:
    """Refuses --remat of a network without blocks.

    Raises:
      InputError: names those that have them.

    >>> check_remat("resnet20")
    """
    if is_user_code(name):
        raise InputError(
            f"--remat is of the models of this repository: {name} can wrap its own"
            " blocks in flax.linen.remat or jax.checkpoint."
        )
    if not model_row(name).blocks:
        others = ", ".join(each.name for each in MODELS.values() if each.blocks)
        raise InputError(
            f"--remat needs a network of blocks ({others}), and {name} has none."
        )


def _check_widths(row: Model, widths: tuple[int, ...]) -> None:
    name, takes = row.name, row.widths
    if takes is None:
        others = ", ".join(each.name for each in MODELS.values() if each.widths)
        raise InputError(
            f"{name} has its own widths, so --widths must be empty, not"
            f" {typed(widths)}; {others} take them."
        )
    if not takes.takes(len(widths)):
        raise InputError(
            f"{name} takes {takes.allowed} widths ({takes.meaning}), not"
            f" {typed(widths)}."
        )
    if min(widths) < 1:
        raise InputError(f"--widths must be at least 1 each, not {typed(widths)}.")
    stages = widths[: takes.stages]
    if list(stages) != sorted(stages):
        raise InputError(
            f"no stage of {name} may be narrower than the one before, as those of"
            f" --widths {typed(stages)}."
        )
