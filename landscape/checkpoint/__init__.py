"""Checkpoints that are written as a whole and refused when damaged."""

from landscape.checkpoint.checkpoints import CheckpointError, restore, save
from landscape.checkpoint_tables import digest, leaves_digest, steps

__all__ = [
    "CheckpointError",
    "digest",
    "leaves_digest",
    "restore",
    "save",
    "steps",
]
