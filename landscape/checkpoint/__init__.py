"""Checkpoints that are written as a whole and refused when damaged."""

from landscape.checkpoint.checkpoints import CheckpointError, drop_after, restore, save
from landscape.disk.checkpoint_tables import steps

__all__ = ["CheckpointError", "drop_after", "restore", "save", "steps"]
