"""Data sets by name, as NumPy arrays on the host: this room imports no JAX."""

from landscape.data import pixels, raw, streaming
from landscape.data.counts import check
from landscape.data.dataset import Dataset, load

__all__ = ["Dataset", "check", "load", "pixels", "raw", "streaming"]
