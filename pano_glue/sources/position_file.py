"""A source's position in the state directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote

import msgspec

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from pathlib import Path

Position = TypeVar("Position")


class PositionFile(Generic[Position]):
    """One source's position on disk; replaced as a whole, and on the disk before it counts."""

    def __init__(self, state_dir: Path, source: str, kind: type[Position]) -> None:
        """Keep the position of `source` (its name), a `kind`, in `state_dir`."""
        self.path = state_dir / f"{quote(source, safe='')}.json"
        self._decoder = msgspec.json.Decoder(kind)

    def load(self) -> Position | None:
        """Read the position; None when there is none yet.

        Raises:
            PanoError: when the file is there and cannot be read.
        """
        cure = "mend or remove it; without it the source begins as if it were new"
        try:
            return self._decoder.decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PanoError(f"{self.path}: {error.strerror}", cure) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PanoError(f"{self.path}: not a position: {error}", cure) from error

    def store(self, position: Position) -> None:
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
