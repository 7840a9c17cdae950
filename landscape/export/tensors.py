"""safetensors: the parameters alone, by the names of the leaves.

    tensors = safetensors.numpy.load_file("net.safetensors")
    tensors["params/Dense_0/kernel"]

Kernels are [in, out] and [height, width, in, out], as in Flax.
"""

import jax
import numpy as np
from safetensors import numpy as safetensors

from landscape.export.descriptions import as_text
from landscape.export.networks import Network
from landscape.trees import map_named, named_leaves


def content(network: Network) -> bytes:
    """The bytes of the file."""
    leaves = named_leaves(network.variables)
    arrays = {name: np.ascontiguousarray(leaf) for name, leaf in leaves.items()}
    return safetensors.save(arrays, as_text(network.description))


def logits(content: bytes, network: Network, images: np.ndarray) -> np.ndarray:
    """Of the network with the parameters of the file."""
    found = safetensors.load(content)
    variables = map_named(lambda name, leaf: found[name], network.variables)
    return np.asarray(jax.jit(network.logits)(variables, images))
