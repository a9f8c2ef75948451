"""Where in a log the next life begins: found again by content, not by name."""

from __future__ import annotations

import hashlib

import msgspec

HEAD = 1024  # bytes that tell one log file from another; its first record has a time and a uid


class LogPosition(msgspec.Struct, frozen=True):
    """A file and the offset of its first byte that was not counted.

    The file is told by its inode and by a digest of its first `head_bytes` bytes, because an inode
    is used again, a truncated file keeps it, and a compressed copy has another.
    """

    inode: int
    offset: int
    head_bytes: int
    head: str


def digest(head: bytes) -> str:
    """Digest the beginning of a file."""
    return hashlib.blake2b(head, digest_size=16).hexdigest()
