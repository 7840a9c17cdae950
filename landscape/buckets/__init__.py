"""Folders in buckets, gs://BUCKET/FOLDER: a program works on a copy on its own disk.

A folder of a bucket has a copy in a temporary folder of the process. What is there is
fetched before the copy is used, except the arrays of checkpoints, which are fetched
when one is read; what is written is sent file by file, in the order in which it is
written. An object of a bucket is replaced as a whole or not at all, so a kill leaves in
the bucket what it leaves on a disk.
"""

from landscape.buckets.leases import is_leased, leased
from landscape.buckets.names import copy_of, name_of, names_shown, shown
from landscape.buckets.transfer import (
    check_writable,
    fetch,
    fetch_file,
    remove,
    remove_unmarked,
    send,
)

__all__ = [
    "check_writable",
    "copy_of",
    "fetch",
    "fetch_file",
    "is_leased",
    "leased",
    "name_of",
    "names_shown",
    "remove",
    "remove_unmarked",
    "send",
    "shown",
]
