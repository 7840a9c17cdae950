""".zip: kernels as sparse matrices in SciPy's own format, all else as NumPy arrays.

    file = zipfile.ZipFile("net.zip")
    scipy.sparse.load_npz(file.open("params/Dense_0/kernel.npz"))

A pruned kernel is a matrix [outputs, inputs] in CSR whose columns are the window's
positions, then the input channels (kh kw c_in), and whose stored entries are those that
the mask keeps, zeros among them. A layer puts out matrix @ inputs. Every other leaf is
NAME.npy, also a kernel that keeps all its weights, with the axes that it has in the
network; description.json says so, and the rest. Each member can be read after `unzip`,
by SciPy or NumPy alone.
"""

import io
import json
import math
import zipfile
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import sparse

from landscape import layout
from landscape.errors import InputError
from landscape.export.networks import Network
from landscape.layout import Leaf, Rules
from landscape.trees import map_named, named_leaves

DESCRIPTION = "description.json"
KERNELS = (
    "NAME.npz: a pruned kernel as a scipy.sparse CSR matrix (outputs, inputs), of a"
    " convolution (outputs, height x width x channels); a layer puts out matrix @"
    " inputs + bias. NAME.npy: every other array as it is in the network, a kernel of"
    " Flax with its outputs last."
)
"""What description.json says of the kernels' axes."""
_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every member, so that equal networks are equal files."""


class Content(NamedTuple):
    """What is in a file.

    Attributes:
      description: as of `landscape.export.descriptions`.
      leaves: arrays and matrices, by the name of the leaf.
    """

    description: dict[str, Any]
    leaves: dict[str, Any]


def content(network: Network) -> bytes:
    """The bytes of the file."""
    kept = named_leaves(network.masks) if network.masks is not None else {}
    kernels = layout.kernels(network.variables["params"], network.rules)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:

        def add(name, content, compression):
            member = zipfile.ZipInfo(name, _DATE)
            member.compress_type = compression
            file.writestr(member, content)

        description = network.description | {"kernels": KERNELS}
        text = json.dumps(description, indent=2) + "\n"
        add(DESCRIPTION, text, zipfile.ZIP_DEFLATED)
        for name, leaf in named_leaves(network.variables).items():
            collection, _, own = name.partition("/")
            mask = np.asarray(kept.get(own, True)) if collection == "params" else True
            buffer = io.BytesIO()
            if own in kernels and not np.all(mask):
                found = matrix(leaf, mask, kernels[own])
                sparse.save_npz(buffer, found, compressed=True)
                add(f"{name}.npz", buffer.getvalue(), zipfile.ZIP_STORED)
            else:
                np.save(buffer, leaf)
                add(f"{name}.npy", buffer.getvalue(), zipfile.ZIP_DEFLATED)
    return target.getvalue()


def read(content: bytes) -> Content:
    """What `content` wrote.

    Raises:
      InputError: it is no such file.
    """
    leaves: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            description = json.loads(file.read(DESCRIPTION))
            for member in file.namelist():
                name, _, suffix = member.rpartition(".")
                data = io.BytesIO(file.read(member))
                if suffix == "npz":
                    leaves[name] = sparse.load_npz(data)
                elif suffix == "npy":
                    leaves[name] = np.load(data)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise InputError(f"it holds no sparse network ({error}).") from None
    return Content(description, leaves)


def variables(found: Content, like: Any, rules: Rules = ()) -> Any:
    """The variables of a network, of shapes as in `like`, to the bit.

    Raises:
      InputError: a leaf is missing, or has another shape.
    """
    kernels = layout.kernels(like["params"], rules)

    def leaf(name, shape):
        if name not in found.leaves:
            raise InputError(f"it has no {name}.")
        value = found.leaves[name]
        if sparse.issparse(value):
            value = kernel(value, kernels[name.removeprefix("params/")])
        if value.shape != shape.shape:
            raise InputError(f"its {name} has shape {value.shape}, not {shape.shape}.")
        return value

    return map_named(leaf, like)


def masks(found: Content, params: Any, rules: Rules = ()) -> Any:
    """Masks of the parameters: True for the stored entries, and for what is dense."""
    kernels = layout.kernels(params, rules)

    def leaf(name, value):
        stored = found.leaves[f"params/{name}"]
        if not sparse.issparse(stored):
            return np.array(True)
        ones = sparse.csr_array(
            (np.ones(stored.nnz, bool), stored.indices, stored.indptr), stored.shape
        )
        return kernel(ones, kernels[name])

    return map_named(leaf, params)


def matrix(kernel: Any, mask: Any, leaf: Leaf) -> sparse.csr_array:
    """A kernel as [outputs, inputs], whose stored entries are those of the mask.

    >>> kernel = np.arange(4.0).reshape(2, 2)
    >>> found = matrix(kernel, kernel != 1, Leaf("kernel", (2, 2), "io"))
    >>> found.nnz, found.toarray().tolist()
    (3, [[0.0, 2.0], [0.0, 3.0]])
    """
    order, rows = _order(leaf)
    values, kept = (
        np.broadcast_to(np.asarray(x), leaf.shape).transpose(order).reshape(rows, -1)
        for x in (kernel, mask)
    )
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    columns = np.nonzero(kept)[1]
    return sparse.csr_array((values[kept], columns, starts), values.shape)


def kernel(found: sparse.csr_array, leaf: Leaf) -> np.ndarray:
    """The inverse of `matrix`, zero where nothing is stored.

    Entry by entry, since sums would lose the sign of a zero.
    """
    order, _ = _order(leaf)
    whole = np.zeros(found.shape, found.dtype)
    rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
    whole[rows, found.indices] = found.data
    shape = [leaf.shape[axis] for axis in order]
    return whole.reshape(shape).transpose(np.argsort(order))


def _order(leaf: Leaf) -> tuple[list[int], int]:
    """Axes with outputs first, then window, then inputs; and the number of outputs."""
    order = [at for letter in "oki" for at, a in enumerate(leaf.axes) if a == letter]
    return order, math.prod(leaf.sizes("o"))


def logits(content: bytes, network: Network, images: np.ndarray) -> np.ndarray:
    """Of the network with the parameters of the file."""
    found = variables(read(content), network.variables, network.rules)
    return np.asarray(jax.jit(network.logits)(found, images))
