"""Data sets by name, the order of examples, and changes of training images."""

from landscape.data import augment, order
from landscape.data.dataset import Dataset, load

__all__ = ["Dataset", "augment", "load", "order"]
