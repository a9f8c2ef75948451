"""The checkpoint: every count and the position of every source, in one file, of one moment.

    PANO checkpoint 1 <BLAKE2b of the rest, 32 hex digits>
    <MessagePack of `Checkpoint`>

It is written to a new file, synced and renamed, and the folder is synced, so that at every moment
the whole old one or the whole new one is there (rename(2), fsync(2)).
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"PANO checkpoint"
VERSION = 1  # of the file; metrics that change are told by their own state (`metrics.metric`)


class ScrapersState(msgspec.Struct, array_like=True):
    """Which checkpoint each scraper saw last, by who it is: when, in epoch seconds, and which.

    `forgotten` is the highest number among those that have not come for long. `minutes` are
    checkpoints of the last minutes, by time.
    """

    seen: dict[str, tuple[float, int]] = {}
    forgotten: int = 0
    minutes: list[tuple[float, int]] = []


class Checkpoint(msgspec.Struct):
    """One moment of a bridge; `parts` are the states of metrics and others, by name.

    `instance` names the bridge over all its lives.
    """

    number: int = 0
    time: float = 0.0
    program: str = ""
    parts: dict[str, msgspec.Raw] = {}
    positions: dict[str, msgspec.Raw] = {}
    scrapers: ScrapersState = msgspec.field(default_factory=ScrapersState)
    instance: str = ""


class CheckpointFile:
    """The newest checkpoint in a state directory."""

    def __init__(self, folder: Path) -> None:
        """Keep it in `folder`."""
        self.path = folder / "checkpoint"

    def load(self) -> Checkpoint | None:
        """Read it; None when there is none yet.

        Raises:
            PanoError: when it cannot be read, is damaged, of a newer version, or something else.
        """
        cure = "restore it from a copy, or remove it: then counters begin at zero"
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PanoError(f"{self.path}: {error.strerror}", cure) from error
        head, newline, body = data.partition(b"\n")
        words = head.removeprefix(MAGIC).split()
        if not head.startswith(MAGIC) or not newline or len(words) != len(("version", "digest")):
            raise PanoError(f"{self.path}: not a checkpoint, or cut short", cure)
        if words[0] != b"%d" % VERSION:
            raise PanoError(
                f"{self.path}: a checkpoint of version {words[0].decode(errors='replace')}, "
                f"this pano-bridge knows {VERSION}",
                "use the pano-bridge that wrote it, or remove it: then counters begin at zero",
            )
        if _digest(body) != words[1]:
            raise PanoError(f"{self.path}: damaged: its digest is not that of its content", cure)
        try:
            return msgspec.msgpack.decode(body, type=Checkpoint)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PanoError(f"{self.path}: not a checkpoint: {error}", cure) from error

    def size(self) -> int:
        """Tell how large it is, in bytes."""
        return self.path.stat().st_size

    def store(self, checkpoint: Checkpoint) -> None:
        """Replace it; after this it survives a power cut.

        Raises:
            OSError: when it could not be written; the old one is still there.
        """
        body = msgspec.msgpack.encode(checkpoint)
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb", buffering=0) as file:
            _write_all(file.fileno(), b"%b %d %b\n" % (MAGIC, VERSION, _digest(body)))
            _write_all(file.fileno(), body)
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).hexdigest().encode()
