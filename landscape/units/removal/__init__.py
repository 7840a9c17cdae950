"""Removal of units: which can be removed, their constants, and smaller networks.

`plan_removal` says which units go and why others stay; `remove` carries the plan out in
the network's full size, `shrink` makes it smaller.
"""

from landscape.units.removal import budget, record
from landscape.units.removal.constants import constants_after
from landscape.units.removal.full_size import corrected, logit_error, remove, replaced
from landscape.units.removal.idle import idle_units
from landscape.units.removal.network import Network
from landscape.units.removal.plan import Plan, describe
from landscape.units.removal.planning import plan_removal
from landscape.units.removal.shrinking import shrink, take

__all__ = [
    "Network",
    "Plan",
    "budget",
    "constants_after",
    "corrected",
    "describe",
    "idle_units",
    "logit_error",
    "plan_removal",
    "record",
    "remove",
    "replaced",
    "shrink",
    "take",
]
