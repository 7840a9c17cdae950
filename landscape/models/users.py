"""Networks of the user's own: `--model package.module:factory`, and what is asked of
them.

`factory(input_shape, num_classes, **model_args)` returns a Flax Linen module, or what
makes a network of Flax NNX (`rngs` is its one argument left) or Equinox (`key` is). Its
module takes images [B, *input_shape] and gives logits [B, num_classes]; it may take
`train` (or another of `train_flag.NAMES`). It has the collections params and, perhaps,
batch_stats, and draws no random numbers in training.
"""

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
from flax import errors, nnx
from flax import linen as nn

from landscape import layout
from landscape.errors import InputError, with_article
from landscape.models.equinox_networks import FromEquinox, from_equinox
from landscape.models.nnx_networks import FromNNX, from_nnx
from landscape.models.train_flag import with_train
from landscape.users.code import arguments, call, check_arguments, resolve, told

FLAG, ARGS = "--model", "--model-args"
_GIVEN = "input_shape", "num_classes"
_COLLECTIONS = {"params", "batch_stats"}
_RANDOM = {"nnx": "rngs", "equinox": "key"}
"""What is random in a network of a library, as an argument of what makes it."""


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    model_args: tuple[str, ...] = (),
) -> nn.Module:
    """The network that `package.module:factory` makes; nothing is computed.

    The same arguments give the same module, which is equal to itself alone where its
    fields cannot be compared.

    Args:
      name: of the factory.
      input_shape: of one example.
      num_classes: number of logits.
      model_args: `KEY=VALUE`, the other arguments of the factory.

    Raises:
      InputError: there is no such factory, it fails, or what it returns is no network
        that can be trained here; one sentence says why.
    """
    factory = resolve(FLAG, name)
    return _create(factory, name, input_shape, num_classes, tuple(model_args))


def is_adapted(model: Any) -> bool:
    """Whether a module holds a network of NNX or Equinox: its layers are not Linen's.

    >>> is_adapted(from_nnx(nnx.Linear, 3, 2)), is_adapted(nn.Dense(2))
    (True, False)
    """
    return isinstance(model, FromNNX | FromEquinox)


@functools.lru_cache(maxsize=16)
def _create(factory, name, input_shape, num_classes, model_args) -> nn.Module:
    words = arguments(ARGS, model_args)
    if inspect.isclass(factory) and issubclass(factory, nn.Module):
        # Its first fields may be others than the two that a factory gets.
        shapes = dict(zip(_GIVEN, (input_shape, num_classes), strict=True))
        fields = inspect.signature(factory).parameters
        given = {key: shapes[key] for key in _GIVEN if key in fields}
        made = call(FLAG, name, factory, **given | words)
    elif inspect.isclass(factory) and (kind := _makes(factory)):
        taken = inspect.signature(factory.__init__)
        given = (None, input_shape, num_classes)
        check_arguments(FLAG, name, taken, given, {_RANDOM[kind]: None, **words})
        made = functools.partial(factory, input_shape, num_classes, **words)
    else:
        made = call(FLAG, name, factory, input_shape, num_classes, **words)
    try:
        model = _as_linen(made)
        check(model, input_shape, num_classes)
    except InputError as error:
        raise InputError(f"{FLAG} {name}: {error}") from error.__cause__
    return model


def _makes(made: Any) -> str:
    """The library whose network a callable makes from random numbers; "" if none."""
    base = made.func if isinstance(made, functools.partial) else made
    if inspect.isclass(base) and issubclass(base, nnx.Module):
        return "nnx"
    try:
        taken = inspect.signature(made).parameters
    except (TypeError, ValueError):
        return ""
    return next((kind for kind, word in _RANDOM.items() if word in taken), "")


def _as_linen(made: Any) -> nn.Module:
    if isinstance(made, nn.Module):
        return with_train(made)
    if isinstance(made, nnx.Module):
        raise InputError(
            f"the factory returned {with_article(type(made).__name__)} of NNX that has"
            " its weights already, and the seed of a run draws them: return what makes"
            f" it from rngs, as functools.partial({type(made).__name__}, ...) does."
        )
    kind = _makes(made) if callable(made) else ""
    if not kind or isinstance(made, jax.tree_util.Partial):
        raise InputError(
            "the factory must return a Flax Linen module, or what makes a network of"
            f" NNX from rngs or of Equinox from a key, not {_described(made)}."
        )
    try:
        return from_nnx(made) if kind == "nnx" else from_equinox(made)
    except InputError:
        raise
    except Exception as error:  # whatever a stranger's network raises
        raise InputError(f"the network cannot be made: {told(error)}") from error


def _described(made: Any) -> str:
    if inspect.isclass(made):
        return f"the class {made.__name__}"
    return "None" if made is None else with_article(type(made).__name__)


def check(model: nn.Module, input_shape: tuple[int, ...], num_classes: int) -> None:
    """Refuses a network that cannot be trained here; shapes alone are computed.

    Raises:
      InputError: it fails on images of this shape, its logits have another one, it has
        other collections than params and batch_stats, draws random numbers in training,
        or has leaves that `landscape.layout` does not know.

    >>> check(with_train(nn.Dense(3)), (4,), 2)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the logits of 2 inputs of shape (4,) must be floats \
of shape (2, 2), not float32 of shape (2, 3).
    """
    # Two, as what mixes examples shows its shape.
    image = jax.ShapeDtypeStruct((2, *input_shape), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))
    variables = _shapes(image, model.init, key, image)
    odd = sorted(variables.keys() - _COLLECTIONS)
    if odd:
        raise InputError(
            f"the network has the collections {', '.join(odd)}: params and batch_stats"
            " are those that a run keeps."
        )
    params = variables.get("params", {})
    if not jax.tree.leaves(params):
        raise InputError("the network has no parameters.")
    for train in (False, True):
        apply = functools.partial(
            model.apply, train=train, mutable=["batch_stats"] if train else False
        )
        logits = _shapes(image, apply, variables, image)
        logits = logits[0] if train else logits
        shape, dtype = getattr(logits, "shape", None), getattr(logits, "dtype", None)
        if shape != (2, num_classes) or not jnp.issubdtype(dtype, jnp.floating):
            found = f"{dtype} of shape {shape}" if shape is not None else f"{logits}"
            raise InputError(
                f"the logits of 2 inputs of shape {input_shape} must be floats of"
                f" shape (2, {num_classes}), not {found}."
            )
    try:
        leaves = layout.leaves(params, layout.rules_of(model))
    except InputError as error:
        raise InputError(
            f"{error} The rules of a --model of your own are its class attribute"
            " layout_rules."
        ) from None
    if not any(leaf.kind == "kernel" for leaf in leaves.values()):
        raise InputError(
            f"the network has no kernel, but {', '.join(leaves)}: its attribute"
            " layout_rules, a dict, can say which of them are."
        )


def _shapes(image: Any, function: Any, *args: Any) -> Any:
    try:
        return jax.eval_shape(function, *args)
    except errors.InvalidRngError as error:
        raise InputError(
            "the network draws random numbers when it is called, as dropout does, and"
            " the objective of a run has none: leave them out."
        ) from error
    except InputError:
        raise
    except Exception as error:  # whatever a stranger's network raises
        raise InputError(
            f"the network fails on images of shape {image.shape}: {told(error)}"
        ) from error
