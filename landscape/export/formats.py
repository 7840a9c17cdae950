"""The kinds of files a network is written to, by the suffix; imports no JAX."""

import importlib.util
import json
from pathlib import Path
from typing import Any, NamedTuple

from landscape import buckets
from landscape.disk.files import check_writable, make_parent, write_atomically, writing
from landscape.disk.folders import folder_of
from landscape.errors import InputError, RunFailure, check_choice
from landscape.export.networks import Network

AGREE = 1e-4
"""Difference of logits, relative to the largest, above which a file is refused."""


class Format(NamedTuple):
    """A kind of file.

    Attributes:
      module: has `content(network) -> bytes` and `logits(content, network, images)`,
        which reads them back and computes the logits.
      packages: that it needs, as they are imported.
      beside: whether the description is in a file of its own, NAME.json.
    """

    module: str
    packages: tuple[str, ...]
    beside: bool = False


FORMATS = {
    ".onnx": Format("landscape.export.onnx_file", ("onnx", "onnxruntime")),
    ".stablehlo": Format("landscape.export.stablehlo", ("flatbuffers",), beside=True),
    ".safetensors": Format("landscape.export.tensors", ("safetensors",)),
    ".zip": Format("landscape.export.sparse_file", ("scipy",)),
}
"""By suffix."""


class Written(NamedTuple):
    """A file that was written, and how far its logits are from those of the network.

    Attributes:
      path: of the file.
      size: bytes in it.
      difference: the largest, over images and classes.
      largest: magnitude of the network's logits on the same images.
      count: number of images.
    """

    path: Path
    size: int
    difference: float
    largest: float
    count: int


def check(name: str) -> Path:
    """The path of a file to be written.

    Raises:
      InputError: the suffix is of no format, a package that it needs is not installed,
        or the file is there already or cannot be written.

    >>> check("small.onx")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: unknown suffix of a file '.onx': perhaps you meant \
'.onnx'? Allowed: .onnx, .safetensors, .stablehlo, .zip.
    """
    path = folder_of(name)
    if not path.suffix:
        raise InputError(
            f"the file {name} has no suffix, which tells its format: one of"
            f" {', '.join(FORMATS)}."
        )
    row = FORMATS[check_choice("suffix of a file", path.suffix, FORMATS)]
    missing = [each for each in row.packages if not importlib.util.find_spec(each)]
    if missing:
        raise InputError(
            f"{path.suffix} needs what is not installed here: pip install"
            f" {' '.join(missing)}"
        )
    for each in (path, _beside(path)) if row.beside else (path,):
        if each.exists():
            raise InputError(
                f"{each} is there already: remove it, or choose another name."
            )
    check_writable(path.parent, "choose another name")
    return path


def write(path: Path, network: Network, images: Any) -> Written:
    """Writes a network, reads the file back and compares its logits with the network's.

    Args:
      path: that `check` returned.
      network: it.
      images: [B, ...], on which the logits are compared.

    Raises:
      InputError: the network does something that the format, or its converter, cannot
        express.
      RunFailure: the file could not be written, or its logits are others; it is
        removed.
    """
    # Not above: what only checks a name does without JAX.
    import jax
    import numpy as np

    from landscape.machine.backend import in_full_precision

    row = FORMATS[path.suffix]
    module = importlib.import_module(row.module)
    content = module.content(network)
    with writing(path, "Nothing is exported."):
        make_parent(path)
        write_atomically(path, content)
        if row.beside:
            text = json.dumps(network.description, indent=2) + "\n"
            write_atomically(_beside(path), text)
    images = np.asarray(images, np.float32)
    ours = jax.jit(in_full_precision(network.logits))(network.variables, images)
    difference = np.abs(module.logits(path.read_bytes(), network, images) - ours).max()
    largest = np.abs(ours).max()
    if not difference <= AGREE * largest:
        for each in (path, _beside(path)):
            each.unlink(missing_ok=True)
            buckets.remove(each)
        raise RunFailure(
            f"{path} would give logits that differ by {difference:.2g} from those of"
            f" the network, which are up to {largest:.2g}: it is removed."
        )
    return Written(path, len(content), float(difference), float(largest), len(images))


def sparse_content(network: Network) -> bytes:
    """The bytes of a .zip of sparse matrices, see `landscape.export.sparse_file`."""
    return importlib.import_module(FORMATS[".zip"].module).content(network)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")
