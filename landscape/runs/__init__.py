"""A run folder: what a training leaves behind, read back in one call.

    run = landscape.runs.load("runs/pruned")        # or runs/pruned@2000, @init

The folder holds config.json, sources.json, metrics.jsonl, timings.jsonl, checkpoints/,
summary.json and layers.txt once it is finished, figures/ and analysis/. It is where
`train` and `analysis` meet. A program parses RUN@STEP once, into a `Ref`; everything
below takes that.
"""

from landscape.runs import sources
from landscape.runs.fingerprints import FREE, fingerprint, step_of
from landscape.runs.folder import (
    CHECKPOINTS,
    CONFIG,
    EXPORTED,
    FIGURES,
    LAYERS,
    METRICS,
    SUMMARY,
    TIMINGS,
    files_below,
    find,
    read_config,
)
from landscape.runs.loading import Description, Run, describe, load
from landscape.runs.records import read_end, read_metrics, read_summary
from landscape.runs.refs import Ref, parse

__all__ = [
    "CHECKPOINTS",
    "CONFIG",
    "EXPORTED",
    "FIGURES",
    "FREE",
    "LAYERS",
    "METRICS",
    "SUMMARY",
    "TIMINGS",
    "Description",
    "Ref",
    "Run",
    "describe",
    "files_below",
    "find",
    "fingerprint",
    "load",
    "parse",
    "read_config",
    "read_end",
    "read_metrics",
    "read_summary",
    "sources",
    "step_of",
]
