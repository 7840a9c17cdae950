"""Data sets that are read while a network is trained: image files, decoded in time."""

from landscape.data.streaming.batches import Stream, ahead, batch, check_damage
from landscape.data.streaming.loading import open_sources, split_of
from landscape.data.streaming.sources import Source, of_builder, of_folder, subset
from landscape.data.streaming.splits import StreamedSplit

__all__ = [
    "Source",
    "Stream",
    "StreamedSplit",
    "ahead",
    "batch",
    "check_damage",
    "of_builder",
    "of_folder",
    "open_sources",
    "split_of",
    "subset",
]
