"""Where in a log the next life begins: its files are found again by content, not by name.

A file is told by a digest of its first bytes, because an inode is used again, a truncated file
keeps it, and a copy, compressed or restored, has another. Times of change tell nothing at all.
"""

from __future__ import annotations

import hashlib

import msgspec

from pano_glue.sources.tsv import Layout  # noqa: TC001 - msgspec reads the annotations

HEAD = 4096  # bytes that tell one file from another; its first record has a time and a uid
MARKS = 512  # files that are remembered; three weeks of hours


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One file and the offset, decompressed, of its first byte that was not counted.

    `head` is a digest of its first `head_bytes` bytes, `time` that of its first record (epoch
    seconds). `layout` is the TSV header in force at `offset` where it is not that of the file's
    beginning. A file is `done` when it was read to its end and left.
    """

    inode: int = 0
    offset: int = 0
    head_bytes: int = 0
    head: bytes = b""
    time: float = 0.0
    done: bool = False
    layout: Layout | None = None


class LogPosition(msgspec.Struct, frozen=True, array_like=True):
    """The file being read, other files by the time of their first record, and where all begins.

    What has no mark and begins before `floor` (epoch seconds) was there before the bridge, or was
    read so long ago that its mark is gone.
    """

    current: Mark
    others: tuple[Mark, ...] = ()
    floor: float = 0.0


def digest(head: bytes) -> bytes:
    """Digest the beginning of a file."""
    return hashlib.blake2b(head, digest_size=16).digest()


def bounded(marks: tuple[Mark, ...], floor: float) -> tuple[tuple[Mark, ...], float]:
    """Keep the newest `MARKS` marks; returns them and the floor that stands for the others."""
    ordered = tuple(sorted(marks, key=lambda mark: mark.time))
    forgotten = ordered[:-MARKS]
    return ordered[-MARKS:], max([floor, *(mark.time for mark in forgotten)])
