"""What the name of a data set means: one that is known, a function, or files.

Files of arrays, and folders of images, are named by their path on a command line. A run
keeps their own name (`shapes/` of a folder, `shapes.npz` of a file), and the folder
that they are in as its `data_dir`, so that they may move.
"""

import os
import re

from landscape.errors import InputError
from landscape.users.code import is_user_code


def is_function(name: str) -> bool:
    """Whether a data set is a function of the user's own.

    >>> is_function("my_data:spirals"), is_function("mnist:3.0.1")
    (True, False)
    """
    # What follows the colon of a tfds name is a version.
    return is_user_code(name) and not is_arrays(name) and not re.search(r":[\d*]", name)


def is_arrays(name: str) -> bool:
    """Whether a data set, as a run names it, is a folder or a file of arrays.

    >>> is_arrays("shapes/"), is_arrays("shapes.npz"), is_arrays("emnist/letters")
    (True, True, False)
    """
    return name.endswith(("/", ".npz"))


def short(name: str) -> str:
    """The name of the folder in which runs on a data set are.

    >>> [short(name) for name in ("digits", "my_data:spirals", "shapes/", "a.npz")]
    ['digits', 'spirals', 'shapes', 'a']
    """
    if is_function(name):
        return name.partition(":")[2]
    return name.removesuffix(".npz").removesuffix("/") if is_arrays(name) else name


def located(name: str, data_dir: str | None) -> tuple[str, str | None]:
    """The name and the `data_dir` that a run keeps, of those of a command line.

    A path is what ends with `/` or `.npz`, or begins with `/`, `./`, `../` or `~`,
    whatever folders there are: `emnist/letters` is a name of tfds. It starts from
    `data_dir` or else from the working directory.

    Raises:
      InputError: the path is absolute, and there is a `data_dir`; or it has no name; or
        one of them is in a bucket.

    >>> located("shapes/", "/data"), located("/data/shapes", None)
    (('shapes/', '/data'), ('shapes/', '/data'))
    >>> located("emnist/letters", "/data")
    ('emnist/letters', '/data')
    """
    for flag, value in (("dataset", name), ("data-dir", data_dir or "")):
        if "://" in value:
            raise InputError(
                f"--{flag} {value} is in a bucket: copy it to a disk of this machine."
            )
    if is_function(name) or not _is_path(name):
        return name, data_dir
    path = os.path.expanduser(name)
    if data_dir is not None:
        if os.path.isabs(path):
            raise InputError(
                f"--dataset {name} is an absolute path, so that --data-dir {data_dir}"
                " says nothing: name one of them, or only the end of the path."
            )
        path = os.path.join(os.path.expanduser(data_dir), path)
    folder, last = os.path.split(os.path.abspath(path))
    if not last:
        raise InputError(f"--dataset {name} has no name: name a folder inside of it.")
    return last if name.endswith(".npz") else f"{last}/", folder


def path_of(name: str, data_dir: str | None) -> str:
    """The path of files of arrays, of what a run keeps.

    >>> path_of("shapes/", "/data")
    '/data/shapes'
    """
    return os.path.normpath(os.path.join(data_dir or "", name))


def holds_data(path: str) -> bool:
    """Whether there is a folder with .npy files, or one with a folder `train`."""
    try:
        there = os.listdir(path)
    except OSError:
        return False
    return "train" in there or any(each.endswith(".npy") for each in there)


def _is_path(name: str) -> bool:
    begins = name.startswith(("/", "./", "../", "~/"))
    return is_arrays(name) or name in (".", "..", "~") or begins
