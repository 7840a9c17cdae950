"""What there is to choose from: sparse methods, models, data sets, and smaller choices.

The one registry, of plain strings: it imports nothing, so that a command line is
checked before anything heavy is loaded. A new method, model or data set is a row here
and a function, named as `module:function`, in a file of its own.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple


class Method(NamedTuple):
    """A way to make a network sparse, or to leave it dense.

    Attributes:
      name: the value of --method.
      solution: the name of the network that it finds, and of its run folder.
      updater: `(counts, params, **settings) -> Updater`, as `module:function`, of the
        entries that each kernel keeps in the end (none for a dense run), abstract
        parameters, and settings of the run.
      takes: what it takes from the run of --mask-from: nothing, "masks", or "masks"
        and "weights".
      settings: their names.
    """

    name: str
    solution: str
    updater: str
    takes: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


class Model(NamedTuple):
    """A network.

    Attributes:
      name: the value of --model.
      create: `(name, input_shape, num_classes, widths, activation) -> nn.Module`, as
        `module:function`; it refuses what does not fit.
      slow: whether a step takes long on a CPU, and progress is logged more often.
    """

    name: str
    create: str
    slow: bool = False


class DataSet(NamedTuple):
    """A data set.

    Attributes:
      name: the value of --dataset.
      read: a function that returns `landscape.data.raw.Raw`, as `module:function`.
      settings: its arguments, by their names in the run's settings.
      images: whether the inputs are images.
    """

    name: str
    read: str
    settings: tuple[str, ...] = ()
    images: bool = True


_UPDATERS = "landscape.sparsity.updaters"
METHODS = {
    row.name: row
    for row in (
        Method("dense", "dense", f"{_UPDATERS}.constant:static_of_settings"),
        Method(
            "pruning",
            "pruned",
            f"{_UPDATERS}.gradual:pruning_of_settings",
            settings=("pruning_steps", "global_pruning"),
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
        Method("static", "static", f"{_UPDATERS}.constant:static_of_settings"),
    )
}
SPARSE_METHODS = tuple(name for name in METHODS if name != "dense")

_MODELS = "landscape.models"
MODELS = {
    row.name: row
    for row in (
        Model("mlp", f"{_MODELS}.mlp:create"),
        Model("lenet300", f"{_MODELS}.mlp:create"),
        Model("lenet", f"{_MODELS}.lenet:create"),
        Model("lenet5", f"{_MODELS}.lenet:create"),
        Model("alexnet", f"{_MODELS}.alexnet:create", slow=True),
        Model("resnet20", f"{_MODELS}.resnet:create", slow=True),
        Model("resnet32", f"{_MODELS}.resnet:create", slow=True),
        Model("resnet56", f"{_MODELS}.resnet:create", slow=True),
    )
}

_BLOBS = ("blob_dim", "blob_classes", "blob_samples", "blob_variance", "data_seed")
DATA_SETS = {
    row.name: row
    for row in (
        DataSet("digits", "landscape.data.embedded:digits"),
        DataSet("blobs", "landscape.data.synthetic:blobs", _BLOBS, images=False),
    )
}
"""Those that need no download; every other name is one of tfds."""
TFDS = DataSet("tfds", "landscape.data.images:read", ("dataset", "data_dir"))

DISTRIBUTIONS = ("uniform", "er", "erk")
SCHEDULES = ("constant", "cosine", "step")
ACTIVATIONS = ("relu", "tanh")
INPUTS = ("standardize", "scale")


def resolve(path: str) -> Callable:
    """The function that `module:function` names; imports the module.

    >>> resolve("math:sqrt")(9.0)
    3.0
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
