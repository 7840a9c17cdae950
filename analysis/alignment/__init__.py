"""The units of one network permuted to match another's."""

from analysis.alignment.matching import match
from analysis.alignment.permutations import Permutations, apply
from analysis.alignment.symmetry import check_symmetry
from landscape.units import Axis, Spec, sequential, specification

__all__ = [
    "Axis",
    "Permutations",
    "Spec",
    "apply",
    "check_symmetry",
    "match",
    "sequential",
    "specification",
]
