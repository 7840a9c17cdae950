"""The data sets there are, and how each is read.

Rows of `landscape.registries.methods`, the registry: plain strings, nothing heavy is
imported.
"""

from collections.abc import Sequence
from typing import NamedTuple

from landscape.errors import InputError
from landscape.registries.data_names import is_arrays, is_function
from landscape.users.code import arguments, check_name


class DataSet(NamedTuple):
    """A data set.

    Attributes:
      name: the value of --dataset.
      read: a function that returns `landscape.data.raw.Raw`, as `module:function`.
      settings: its arguments, by their names in the run's settings.
      images: whether the inputs are images, with a value of fully lit pixels; None if
        the set itself has to be asked.
      num_train: examples in the training split, or the setting that says how many;
        None if the set itself has to be asked.
    """

    name: str
    read: str
    settings: tuple[str, ...] = ()
    images: bool | None = True
    num_train: int | str | None = None


_BLOBS = ("blob_dim", "blob_classes", "blob_samples", "blob_variance", "data_seed")
DATA_SETS = {
    row.name: row
    for row in (
        DataSet("digits", "landscape.data.embedded:digits", num_train=1297),
        DataSet(
            "blobs", "landscape.data.synthetic:blobs", _BLOBS, False, "blob_samples"
        ),
    )
}
"""Those that need no download; every other name is one of tfds."""
TFDS = DataSet("tfds", "landscape.data.images:read", ("dataset", "data_dir"))
FUNCTION = DataSet(
    "function",
    "landscape.data.user_function:read",
    ("dataset", "data_args", "data_dir", "data_seed"),
    images=None,
)
ARRAYS = DataSet(
    "arrays", "landscape.data.array_files:read", ("dataset", "data_dir"), images=None
)


def data_row(name: str) -> DataSet:
    """The row of a data set: of the registry, or that of all sets of its kind.

    >>> [data_row(name).name for name in ("digits", "my_data:spirals", "a/", "mnist")]
    ['digits', 'function', 'arrays', 'tfds']
    """
    if is_function(name):
        return FUNCTION
    return ARRAYS if is_arrays(name) else DATA_SETS.get(name, TFDS)


def check_data(name: str, words: Sequence[str]) -> None:
    """Refuses what is no name of a function, and arguments that no function gets.

    Raises:
      InputError: names the flag, the value seen and those allowed.

    >>> check_data("digits", ["samples=9"])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --data-args samples=9 goes with a --dataset of your \
own (package.module:function), not digits.
    """
    if is_function(name):
        check_name("--dataset", name)
    elif words:
        raise InputError(
            f"--data-args {' '.join(words)} goes with a --dataset of your own"
            f" (package.module:function), not {name}."
        )
    arguments("--data-args", words)
