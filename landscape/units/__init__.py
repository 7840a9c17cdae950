"""Units of a network: which axes of which leaves belong to one neuron or channel."""

from landscape.units.structure import Axis, Spec, sequential, specification

__all__ = [
    "Axis",
    "Spec",
    "sequential",
    "specification",
]
