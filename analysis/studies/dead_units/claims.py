"""Checks C2.1 to C2.10 of paper 2, and what was found.

The thresholds were set before anything was measured here. The thesis' own numbers are
not available, except the model five times smaller of its abstract.
"""

from analysis.studies.claims import Claim
from analysis.studies.dead_units.joint_claims import joint_claims
from analysis.studies.dead_units.runs import Measured
from analysis.studies.dead_units.shrink_claims import shrink_claims
from analysis.studies.dead_units.unit_claims import dead_claims, unit_claims
from analysis.studies.dead_units.weight_claims import weight_claims


def claims(measured: Measured) -> list[Claim]:
    """All of them."""
    return [
        *weight_claims(measured),
        *unit_claims(measured),
        *shrink_claims(measured.shrunk),
        *dead_claims(measured),
        *joint_claims(measured),
    ]
