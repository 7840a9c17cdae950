"""Checkpoints that are written as a whole and refused when damaged."""

from landscape.checkpoint.checkpoints import (
    CheckpointError,
    digest,
    leaves_digest,
    restore,
    save,
    steps,
)

__all__ = [
    "CheckpointError",
    "digest",
    "leaves_digest",
    "restore",
    "save",
    "steps",
]
