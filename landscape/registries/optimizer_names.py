"""The optimizers there are: those of optax that make steps as training here does.

Rows of `landscape.registries.methods`, the registry: plain strings, nothing heavy is
imported.
"""

from landscape.errors import InputError, check_choice

OPTIMIZERS = {
    "adabelief": ("nesterov",),
    "adadelta": ("weight_decay",),
    "adafactor": ("momentum",),
    "adagrad": (),
    "adam": ("nesterov",),
    "adamax": (),
    "adamaxw": ("weight_decay",),
    "adamw": ("nesterov", "weight_decay"),
    "adan": ("weight_decay",),
    "amsgrad": (),
    "fromage": (),
    "lamb": ("weight_decay",),
    "lars": ("momentum", "nesterov", "weight_decay"),
    "lion": ("weight_decay",),
    "novograd": ("weight_decay",),
    "optimistic_adam": ("nesterov",),
    "optimistic_adam_v2": ("nesterov",),
    "optimistic_gradient_descent": (),
    "radam": ("nesterov",),
    "rmsprop": ("momentum", "nesterov"),
    "rprop": (),
    "sgd": ("momentum", "nesterov"),
    "sign_sgd": (),
    "signum": (),
    "sm3": ("momentum",),
    "yogi": (),
}
"""Functions of optax that make an optimizer from a learning rate alone, with those of
the settings momentum, nesterov and weight_decay that they take."""

REFUSED_OPTIMIZERS = {
    "lbfgs": "it needs the loss at other points within a step",
    "polyak_sgd": "it makes its rate out of the loss",
    "noisy_sgd": "it keeps a random key of its own",
}
"""Functions of optax that look like these, and why they do not train here."""


def optimizers_with(setting: str) -> list[str]:
    """The optimizers that take a setting.

    >>> optimizers_with("momentum")
    ['adafactor', 'lars', 'rmsprop', 'sgd', 'sm3']
    """
    return [name for name, takes in OPTIMIZERS.items() if setting in takes]


def check_optimizer(name: str, nesterov: bool, decoupled_decay: float) -> None:
    """Refuses an optimizer that is not there, or that cannot honour a setting.

    Raises:
      InputError: names the value seen and those allowed.

    >>> check_optimizer("adagrad", nesterov=True, decoupled_decay=0.0)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the optimizer adagrad does not take --nesterov.
    """
    if name in REFUSED_OPTIMIZERS:
        raise InputError(
            f"the optimizer {name} is not among those of training:"
            f" {REFUSED_OPTIMIZERS[name]}."
        )
    takes = OPTIMIZERS[check_choice("optimizer", name, OPTIMIZERS)]
    if nesterov and "nesterov" not in takes:
        raise InputError(f"the optimizer {name} does not take --nesterov.")
    if decoupled_decay and "weight_decay" not in takes:
        raise InputError(f"the optimizer {name} does not take --decoupled-decay.")
