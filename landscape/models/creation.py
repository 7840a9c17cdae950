"""Networks by name, and what the other rooms ask of any network."""

import functools
import zlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from landscape import layout
from landscape.errors import InputError
from landscape.machine.backend import on_cpu
from landscape.models import users
from landscape.registries.methods import MODELS, check_model, resolve
from landscape.users.code import is_user_code


def create(
    name: str,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Sequence[int] = (),
    activation: str = "relu",
    model_args: Sequence[str] = (),
) -> nn.Module:
    """The network called `name`; nothing is computed.

    Args:
      name: a row of `landscape.registries.methods.MODELS`: mlp, mlp-bn (with batch
        norm), lenet300 (mlp of 300 and 100), lenet, lenet5 (lenet of 6, 16, 120 and
        84), alexnet, resnet20, vgg16, ...; or package.module:factory, one of the user's
        own (see `landscape.models.users`).
      input_shape: of one example: (height, width, channels), or any shape for an MLP,
        which flattens it.
      num_classes: number of logits.
      widths: as many as the row says, of what it says; without them the model has its
        own: mlp is lenet300 and lenet is lenet5. lenet300 and lenet5 take none.
      activation: relu, or tanh for mlp, mlp-bn, lenet300, lenet and lenet5.
      model_args: `KEY=VALUE` arguments of a factory.

    Returns:
      A Flax Linen module: `module.apply(variables, image, train=False)` gives logits
      [B, num_classes].

    Raises:
      InputError: a value is not allowed, or does not fit the others.

    >>> create("mlp", (100,), 5, widths=(30, 30)).widths
    (30, 30)
    """
    check_model(name, widths, activation, model_args)
    input_shape, widths = tuple(input_shape), tuple(widths)
    if not input_shape or min(input_shape) < 1:
        raise InputError(f"an input shape has sizes of at least 1, not {input_shape}.")
    if num_classes < 1:
        raise InputError(f"{name} needs at least 1 class, not {num_classes}.")
    if is_user_code(name):
        return users.create(name, input_shape, num_classes, tuple(model_args))
    create_model = resolve(MODELS[name].create)
    return create_model(name, input_shape, num_classes, widths, activation)


def init(
    model: nn.Module,
    key: jax.Array,
    input_shape: Sequence[int],
    initialisation: str | None = None,
) -> tuple[Any, Any]:
    """The parameters at initialisation, and batch norm's statistics ({} without it).

    float32; a function of the key and the shapes alone. The draws are compiled and the
    forward pass that finds the shapes is left out; calls with an equal model and shape
    share the compiled code. With an `initialisation`, one of
    `landscape.registries.methods.INITIALISATIONS`, every kernel is drawn by that
    function of jax.nn.initializers, from the key and its own name.

    >>> params, batch_stats = init(create("mlp", (4,), 2), jax.random.key(0), (4,))
    >>> sorted(params), batch_stats
    (['Dense_0', 'Dense_1', 'Dense_2'], {})
    """
    # Else JAX_THREEFRY_PARTITIONABLE would decide on the weights of a seed.
    with jax.threefry_partitionable(True):
        if isinstance(key, jax.core.Tracer):
            variables = _drawn(model, input_shape, initialisation, key)
        else:
            settings = model, tuple(input_shape), initialisation
            variables = _compiled_init(*settings, on_cpu())(key)
    return variables["params"], variables.get("batch_stats", {})


@functools.lru_cache(maxsize=32)
def shapes(model: nn.Module, input_shape: tuple[int, ...]) -> Any:
    """The shapes of a network's parameters; touches no device.

    >>> shapes(create("mlp", (4,), 2, (3,)), (4,))["Dense_0"]["kernel"].shape
    (4, 3)
    """

    def params():
        return init(model, jax.random.key(0, impl="threefry2x32"), input_shape)[0]

    return jax.eval_shape(params)


@functools.lru_cache(maxsize=16)
def _compiled_init(
    model: nn.Module,
    input_shape: tuple[int, ...],
    initialisation: str | None,
    quick: bool,
):
    # A CPU spends 0.4 s on compiling each draw, 10 s on those of ResNet-20: a third of
    # that with fewer optimisations, and the same bits.
    options = {"xla_backend_optimization_level": 1} if quick else None
    return jax.jit(
        functools.partial(_drawn, model, input_shape, initialisation),
        compiler_options=options,
    )


def _drawn(model, input_shape, initialisation, key):
    variables = model.init(key, jnp.zeros((1, *input_shape)))
    if initialisation is None:
        return variables
    leaves, treedef = jax.tree.flatten(variables["params"])
    known = layout.leaves(variables["params"], layout.rules_of(model))
    for i, (name, leaf) in enumerate(known.items()):
        if leaf.kind == "kernel":
            axes = [tuple(j for j, a in enumerate(leaf.axes) if a == c) for c in "io"]
            draw = getattr(jax.nn.initializers, initialisation)(*axes)
            own = jax.random.fold_in(key, zlib.crc32(name.encode()))
            leaves[i] = draw(own, leaf.shape, leaves[i].dtype)
    return {**variables, "params": treedef.unflatten(leaves)}


def check_images(name: str, input_shape: tuple[int, ...], smallest: int = 1) -> None:
    """Refuses examples that are no images, or smaller than a network needs.

    Raises:
      InputError: the shape is not (height, width, channels), of at least `smallest`
        rows and columns.
    """
    if len(input_shape) != 3:
        raise InputError(
            f"{name} needs images of shape (height, width, channels), not inputs of"
            f" shape {input_shape}."
        )
    if min(input_shape[:2]) < smallest:
        raise InputError(
            f"{name} needs images of at least {smallest}x{smallest},"
            f" not {input_shape[0]}x{input_shape[1]}."
        )
