"""Checkpoints that are written as a whole and refused when damaged."""

from landscape.checkpoint.checkpoints import CheckpointError, restore, save
from landscape.checkpoint_tables import steps

__all__ = ["CheckpointError", "restore", "save", "steps"]
