"""The units of one network permuted to match another's."""

from analysis.alignment.matching import match
from analysis.alignment.permutations import Permutations, apply
from landscape.units import Axis, Spec, sequential, specification

__all__ = [
    "Axis",
    "Permutations",
    "Spec",
    "apply",
    "match",
    "sequential",
    "specification",
]
