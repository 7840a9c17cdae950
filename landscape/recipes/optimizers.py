"""Optax optimizers by name, with the hyper-parameters of a run's settings."""

import inspect

import optax

from landscape.registries.methods import check_optimizer

# Optax takes a number here where others take a schedule.
_CONSTANT_RATES = ("optimistic_adam", "rprop", "sm3")


def create(
    name: str,
    learning_rate: optax.ScalarOrSchedule,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    decoupled_decay: float = 0.0,
) -> optax.GradientTransformation:
    """The optimizer `optax.<name>`, given those of the settings that it takes.

    Where optax takes a constant rate alone (sm3, optimistic_adam), the optimizer is
    made again at each step with its rate. Rprop has a rate for each weight:
    the schedule's first one is where they start.

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
    if callable(learning_rate) and name in _CONSTANT_RATES:
        others = set(takes) - {"learning_rate"}
        function = optax.inject_hyperparams(function, static_args=others)
    return function(learning_rate, **given)
