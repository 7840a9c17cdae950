"""The settings that single sparse methods have, one family a file.

Each class holds flags and `check`, which refuses values; `SparseRun` inherits them all.
"""

from landscape.config.methods.at_initialisation import AtInitialisation
from landscape.config.methods.dynamic import Dynamic
from landscape.config.methods.levels import Levels
from landscape.config.methods.n_of_m import NM
from landscape.config.methods.phases import Phases

FAMILIES = (AtInitialisation, Dynamic, NM, Phases, Levels)

__all__ = ["FAMILIES", "NM", "AtInitialisation", "Dynamic", "Levels", "Phases"]
