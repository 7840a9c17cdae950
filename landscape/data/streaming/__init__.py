"""Data sets that are read while a network is trained: image files, decoded in time."""

from landscape.data.streaming.batches import Stream, ahead, batch
from landscape.data.streaming.sources import Source, of_builder, of_folder

__all__ = ["Source", "Stream", "ahead", "batch", "of_builder", "of_folder"]
