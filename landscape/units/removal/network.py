"""What a network holds, as one value that is removed from and shrunk."""

from typing import Any, NamedTuple

from landscape.aliases import Masks, Params
from landscape.one_line import one_line


class Network(NamedTuple):
    """Parameters with what has their units beside them.

    Attributes:
      params: parameters, zero where `masks` is False.
      batch_stats: running statistics of batch norm; {} without it.
      masks: booleans with the structure of `params`, True = kept; None keeps all.
    """

    params: Params
    batch_stats: Any
    masks: Masks = None

    __repr__ = one_line
