"""Optax optimizers by name, with the hyper-parameters of a run's settings."""

import inspect

import optax

from landscape.methods import OTHER_OPTIMIZERS, check_optimizer


def names() -> list[str]:
    """The functions of optax that make an optimizer from a learning rate alone.

    `landscape.methods.OPTIMIZERS` lists them without importing optax.
    """
    return [
        name
        for name, function in vars(optax).items()
        if inspect.isfunction(function)
        and not name.startswith("scale_by_")
        and name not in OTHER_OPTIMIZERS
        and _takes_only_a_rate(function)
    ]


def _takes_only_a_rate(function) -> bool:
    parameters = inspect.signature(function).parameters
    required = {n for n, p in parameters.items() if p.default is p.empty}
    return "learning_rate" in parameters and required <= {"learning_rate"}


def create(
    name: str,
    learning_rate: optax.ScalarOrSchedule,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    decoupled_decay: float = 0.0,
) -> optax.GradientTransformation:
    """The optimizer `optax.<name>`, given those of the settings that it takes.

    Raises:
      InputError: optax has no such optimizer, or it cannot honour a setting.

    >>> create("sgd", 0.1).init({"w": 1.0})[0].trace["w"]
    Array(0., dtype=float32, weak_type=True)
    """
    check_optimizer(name, nesterov, decoupled_decay)
    function = getattr(optax, name)
    takes = inspect.signature(function).parameters
    given = {}
    if "momentum" in takes:
        given["momentum"] = momentum
    if nesterov:
        given["nesterov"] = True
    # Decay is off unless asked for, also where optax has another default (adamw).
    if "weight_decay" in takes:
        given["weight_decay"] = decoupled_decay
    return function(learning_rate, **given)
