"""Where in a log the next life begins: kept in the state directory, found again by content."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from pathlib import Path

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


class PositionFile:
    """One source's position on disk; replaced as a whole, and on the disk before it counts."""

    def __init__(self, state_dir: Path, source: str) -> None:
        """Keep the position of `source` (its name) in `state_dir`."""
        self.path = state_dir / f"{quote(source, safe='')}.json"

    def load(self) -> LogPosition | None:
        """Read the position; None when there is none yet.

        Raises:
            PanoError: when the file is there and cannot be read.
        """
        cure = "mend or remove it; without it the log is read from its beginning"
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=LogPosition)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PanoError(f"{self.path}: {error.strerror}", cure) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PanoError(f"{self.path}: not a position: {error}", cure) from error

    def store(self, position: LogPosition) -> None:
        """Replace the position; after this it survives a power cut.

        Raises:
            OSError: when it could not be stored; the old one is still there.
        """
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(position))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
