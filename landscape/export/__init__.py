"""Trained networks as files: ONNX, StableHLO, safetensors, and matrices of SciPy.

    path = export.check("small.onnx")
    network = export.network_of(run, ref)    # or Network(...), of a Linen module
    export.write(path, network, images)

A file holds the logits of images in eval mode, in float32, with the parameters inside,
for any number of images, and what a stranger needs to use it (`descriptions`).
"""

from landscape.export.formats import FORMATS, Written, check, sparse_content, write
from landscape.export.networks import Network, network_of
from landscape.export.reading import read_run

__all__ = [
    "FORMATS",
    "Network",
    "Written",
    "check",
    "network_of",
    "read_run",
    "sparse_content",
    "write",
]
