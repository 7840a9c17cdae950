"""The settings of runs: frozen dataclasses, their checks, and their JSON form.

Imports nothing heavy, so that `--help` is quick and a bad value is refused before a
device is touched.
"""

from landscape.config.dense import DenseRun
from landscape.config.kinds import ONE, PAIRS, SEVERAL, Kind, kind_of, of_kind
from landscape.config.sparse import SparseRun
from landscape.config.stored import (
    ADDED,
    FORMAT_VERSION,
    RunConfig,
    from_dict,
    to_dict,
)
from landscape.config.training import TrainConfig
from landscape.config.units import BUDGETS, UnitsConfig, UnitsRun

__all__ = [
    "ADDED",
    "BUDGETS",
    "FORMAT_VERSION",
    "ONE",
    "PAIRS",
    "SEVERAL",
    "DenseRun",
    "Kind",
    "RunConfig",
    "SparseRun",
    "TrainConfig",
    "UnitsConfig",
    "UnitsRun",
    "from_dict",
    "kind_of",
    "of_kind",
    "to_dict",
]
