"""Checkpoints that are written as a whole and refused when damaged."""

from landscape.checkpoint.checkpoints import CheckpointError, restore, save
from landscape.checkpoint_tables import digest, steps

__all__ = [
    "CheckpointError",
    "digest",
    "restore",
    "save",
    "steps",
]
