"""What there is to choose from: sparse methods, models, data sets, and smaller choices.

The one registry, of plain strings: it imports nothing heavy, so that a command line is
checked before JAX is loaded. A new method is a row here, a new model one of
`landscape.registries.architectures`, a new data set one of
`landscape.registries.data_sets`, and a function, named as `module:function`, in a file
of its own.
"""

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from landscape.errors import InputError, check_choice
from landscape.registries.architectures import ACTIVATIONS as ACTIVATIONS
from landscape.registries.architectures import MODELS as MODELS
from landscape.registries.architectures import Model as Model
from landscape.registries.architectures import check_model as check_model
from landscape.registries.architectures import check_remat as check_remat
from landscape.registries.architectures import model_row as model_row
from landscape.registries.data_sets import DATA_SETS as DATA_SETS
from landscape.registries.data_sets import TFDS as TFDS
from landscape.registries.data_sets import DataSet as DataSet
from landscape.registries.data_sets import check_data as check_data
from landscape.registries.data_sets import data_row as data_row
from landscape.registries.optimizer_names import OPTIMIZERS as OPTIMIZERS
from landscape.registries.optimizer_names import (
    REFUSED_OPTIMIZERS as REFUSED_OPTIMIZERS,
)
from landscape.registries.optimizer_names import check_optimizer as check_optimizer
from landscape.registries.optimizer_names import optimizers_with as optimizers_with
from landscape.users.code import arguments, check_name, is_user_code


class Method(NamedTuple):
    """A way to make a network sparse, or to leave it dense.

    Attributes:
      name: the value of --method.
      solution: the name of the network that it finds, and of its run folder.
      updater: `(counts, params, **settings) -> Updater`, as `module:function`, of the
        entries that each kernel keeps in the end (none for a dense run), abstract
        parameters, and settings of the run.
      takes: what it takes from the run of --mask-from: nothing, or its final "masks",
        and perhaps its "weights" (of step 0, or --rewind-to) or its "solution" (the
        final weights); or the "level" before it, whose masks it makes smaller; or
        "network", that of the run of --from with fewer units.
      optional: whether it takes them only where there is a --mask-from.
      settings: their names.
      dense_gradients: the steps that need the gradient of all weights, not of the kept
        ones alone: "never", "always", "unknown", or the property of the run's settings
        that gives them; see `landscape.sparsity.training_cost`.
      score: the score of weights that it has; "" if --score says which.
    """

    name: str
    solution: str
    updater: str
    takes: tuple[str, ...] = ()
    optional: bool = False
    settings: tuple[str, ...] = ()
    score: str = ""
    dense_gradients: str = "never"

    def taken(self, mask_from: str | None) -> tuple[str, ...]:
        """What a run takes, given its --mask-from."""
        return () if self.optional and mask_from is None else self.takes


_UPDATERS = "landscape.sparsity.updaters"
_REPLACEMENT = (
    *("update_interval", "last_update", "drop_fraction", "drop_schedule"),
    *("schedule", "steps", "warmup", "decay_steps", "decay_factor"),
)
AT_INITIALISATION = {"snip": "taylor1_abs", "grasp": "grasp", "synflow": "synflow"}
"""Methods that find their masks at step 0, and the scores by which they do."""
METHODS = {
    row.name: row
    for row in (
        Method("dense", "dense", f"{_UPDATERS}.constant:static_of_settings"),
        Method(
            "pruning",
            "pruned",
            f"{_UPDATERS}.gradual:pruning_of_settings",
            settings=("pruning_steps", "global_pruning", "score", "score_examples"),
        ),
        Method(
            "lottery",
            "lottery",
            f"{_UPDATERS}.constant:fixed_of_settings",
            takes=("masks", "weights"),
        ),
        Method(
            "scratch",
            "scratch",
            f"{_UPDATERS}.constant:fixed_of_settings",
            takes=("masks",),
        ),
        Method(
            "restart",
            "restart",
            f"{_UPDATERS}.constant:fixed_of_settings",
            takes=("masks", "solution"),
        ),
        Method(
            "imp",
            "imp",
            f"{_UPDATERS}.levels:level_of_settings",
            takes=("level", "weights"),
            optional=True,
            settings=("global_pruning",),
        ),
        Method(
            "static",
            "static",
            f"{_UPDATERS}.constant:static_of_settings",
            takes=("masks", "solution"),
            optional=True,
        ),
        Method(
            "small-dense", "small-dense", f"{_UPDATERS}.constant:static_of_settings"
        ),
        Method(
            "set",
            "set",
            f"{_UPDATERS}.evolution:evolving_of_settings",
            takes=("masks", "solution"),
            optional=True,
            settings=_REPLACEMENT,
        ),
        Method(
            "rigl",
            "rigl",
            f"{_UPDATERS}.rigged:rigl_of_settings",
            takes=("masks", "solution"),
            optional=True,
            settings=_REPLACEMENT,
            dense_gradients="mask_updates",
        ),
        Method(
            "nm",
            "nm",
            f"{_UPDATERS}.n_of_m:n_of_m_of_settings",
            settings=("pattern", "pruning_steps"),
        ),
        Method(
            "ste",
            "ste",
            f"{_UPDATERS}.straight_through:straight_through_of_settings",
            settings=("pattern", "pruning_steps", "global_pruning"),
            dense_gradients="always",
        ),
        Method(
            "acdc",
            "acdc",
            f"{_UPDATERS}.acdc:acdc_of_settings",
            settings=("phase_starts", "global_pruning"),
        ),
        *(
            Method(
                name,
                name,
                f"{_UPDATERS}.at_initialisation:of_settings",
                settings=("rounds_of_scores", "per_layer"),
                score=score,
            )
            for name, score in AT_INITIALISATION.items()
        ),
        Method(
            "units",
            "small",
            f"{_UPDATERS}.constant:fixed_of_settings",
            takes=("network",),
        ),
    )
}


def method_row(name: str) -> Method:
    """The row of a method: of the registry, or one of the user's own.

    The solution of one of the user's own is called as its function. At which steps it
    needs the gradient of all weights is not known.

    >>> method_row("rigl").solution, method_row("my_methods:wave").solution
    ('rigl', 'wave')
    """
    if is_user_code(name):
        settings = ("method", "method_args", "steps")
        path = "landscape.users.method:of_settings"
        return Method(
            name, name.partition(":")[2], path, (), False, settings, "", "unknown"
        )
    return METHODS[name]


def check_method(name: str, allowed: Iterable[str]) -> None:
    """Refuses a method that is none of `allowed`, nor one of the user's own.

    Raises:
      InputError: names the value seen and those allowed.
    """
    if is_user_code(name):
        check_name("--method", name)
    else:
        check_choice("method", name, [*allowed, "package.module:updater"])


def check_method_args(names: Sequence[str], words: Sequence[str]) -> None:
    """Refuses arguments that are no KEY=VALUE, or that none of the methods gets.

    Raises:
      InputError: names the value seen.
    """
    if words and not any(map(is_user_code, names)):
        raise InputError(
            f"--method-args {' '.join(words)} goes with a --method of your own"
            f" (package.module:updater), not {' '.join(names)}."
        )
    arguments("--method-args", words)


DENSE_METHODS = ("dense", "small-dense")
"""Those whose networks keep all their weights."""
SPARSE_METHODS = tuple(name for name in METHODS if name not in ("dense", "units"))

DISTRIBUTIONS = ("uniform", "er", "erk")
SCHEDULES = ("constant", "cosine", "step")
INPUTS = ("standardize", "scale")
PRECISIONS = ("float32", "bfloat16")
INITIALISATIONS = tuple(
    f"{name}_{shape}"
    for name in ("glorot", "he", "lecun")
    for shape in ("normal", "uniform")
)
"""Functions of jax.nn.initializers."""
SPARSE_INITS = ("dense", "layer", "unit")


def resolve(path: str) -> Callable:
    """The function that `module:function` names; imports the module.

    >>> resolve("math:sqrt")(9.0)
    3.0
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
