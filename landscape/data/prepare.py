"""Downloads a data set of tfds and writes it in the form that is read here.

    python -m landscape.data.prepare mnist --data-dir DIR

Needs the network and TensorFlow (`pip install -e .[prepare]`, 1.4 GB), once; reading
needs neither. A set that is there already is left alone.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import importlib.util
from dataclasses import dataclass
from typing import ClassVar

from landscape.cli import Positional, launch, parse
from landscape.data import images
from landscape.errors import InputError, RunFailure
from landscape.registries.methods import DATA_SETS


@dataclass(frozen=True)
class Config:
    """What to prepare, and where to."""

    GROUPS: ClassVar[dict[str, str]] = {"data_dir": "data"}

    name: Positional[str]
    """An image-classification set of tfds: mnist, fashion_mnist, cifar10, ..."""
    data_dir: str | None = None
    """Where tfds keeps its prepared sets; default: its own default."""


def run(config: Config) -> None:
    """Prepares the set unless it is there.

    Raises:
      InputError: the set is unknown, not one of image classification, or TensorFlow
        is missing.
      RunFailure: the download or the preparation failed.
    """
    if config.name in DATA_SETS:
        print(f"{config.name} needs no preparation.")
        return
    builder = images.open_builder(config.name, config.data_dir)
    if images.is_prepared(builder):
        print(f"{config.name} is prepared already: {builder.data_dir}")
        return
    # tfds would find out after the download.
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            f"preparing {config.name!r} needs TensorFlow (reading it does not): run"
            " `pip install -e .[prepare]`."
        )
    try:
        builder.download_and_prepare(file_format="array_record")
    except Exception as error:  # the network, the disk, and each builder's own code
        raise RunFailure(f"{config.name} could not be prepared: {error}") from error
    print(f"{config.name} is prepared: {builder.data_dir}")


if __name__ == "__main__":
    launch(lambda: run(parse(Config, __doc__)))
