"""The units of one network permuted to match another's."""

from analysis.alignment.matching import match
from analysis.alignment.permutations import Permutations, apply
from landscape.units import Spec, specification

__all__ = [
    "Permutations",
    "Spec",
    "apply",
    "match",
    "specification",
]
