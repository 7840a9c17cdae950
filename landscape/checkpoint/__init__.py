"""Checkpoints that are never half there, and never believed when damaged."""

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
