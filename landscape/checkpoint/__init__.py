"""Checkpoints that are written as a whole and refused when damaged."""

from landscape.checkpoint.checkpoints import (
    CheckpointError,
    digest,
    restore,
    save,
    steps,
)

__all__ = [
    "CheckpointError",
    "digest",
    "restore",
    "save",
    "steps",
]
