"""Logs that were compressed: gzip, bzip2, xz and Zstandard, told by their first bytes."""

from __future__ import annotations

import bz2
import errno
import lzma
import os
import zlib
from io import FileIO
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PIECE = 1 << 14  # compressed bytes at one time, which bounds what a bomb unfolds to
BEGINNING = 4096
SUFFIXES = ("gz", "bz2", "xz", "zst")


class DamagedError(Exception):
    """A compressed file that cannot be read further."""


class Decompressor(Protocol):
    """What zlib, bz2, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool:
        """Tell whether the stream is at its end."""

    @property
    def unused_data(self) -> bytes:
        """Give what came after that."""

    def decompress(self, data: bytes, /) -> bytes:
        """Give what `data` unfolds to."""


def _gzip() -> Decompressor:
    return zlib.decompressobj(wbits=31)


def _zstd() -> Decompressor:
    try:
        import zstandard
    except ImportError as error:
        missing = "needs the package zstandard: pip install 'pano-glue[zstd]'"
        raise OSError(errno.ENOTSUP, missing) from error
    return cast("Decompressor", zstandard.ZstdDecompressor().decompressobj())


FORMATS: dict[bytes, Callable[[], Decompressor]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
    b"\x28\xb5\x2f\xfd": _zstd,
}
MAGIC_BYTES = max(map(len, FORMATS))


class CompressedFile:
    """Reads a compressed file forwards; what is appended to it later is read, too."""

    def __init__(self, file: FileIO, make: Callable[[], Decompressor]) -> None:
        """Read `file` from its beginning."""
        self._file = file
        self._make = make
        self._stream: Decompressor | None = None
        self._left = b""  # compressed, after the end of a stream
        self._ahead = b""  # unfolded, and not handed over yet
        self.beginning = b""  # the first `BEGINNING` bytes, as far as they were read
        make()  # says at once when it cannot be made

    @property
    def cut(self) -> bool:
        """Tell whether the end of the file is in the middle of a stream."""
        return self._stream is not None

    def fileno(self) -> int:
        """Give the descriptor of the compressed file."""
        return self._file.fileno()

    def tell(self) -> int:
        """Tell how many compressed bytes were taken."""
        return self._file.tell()

    def read(self, size: int) -> bytes:
        """Give about `size` bytes, perhaps more; b"" when there is no more for now.

        Raises:
            DamagedError: when the content is not what its first bytes say.
        """
        pieces = [self._ahead] if self._ahead else []
        self._ahead = b""
        while sum(map(len, pieces)) < size:
            data = self._left or self._file.read(PIECE)
            if not data:
                break
            self._left = b""
            try:
                pieces.append(self._unfolded(data))
            except Exception as error:  # each library has its own
                if isinstance(error, OSError) and error.errno:
                    raise
                if pieces:  # first what was good before it
                    self._left = data
                    break
                raise DamagedError(f"{error or type(error).__name__}") from error
        made = b"".join(pieces)
        if len(self.beginning) < BEGINNING:
            self.beginning = (self.beginning + made)[:BEGINNING]
        return made

    def skip(self, size: int) -> None:
        """Pass by `size` bytes, or as many as there are.

        Raises:
            DamagedError: see `read`.
        """
        while size > 0 and (made := self.read(PIECE)):
            self._ahead = made[size:]
            size -= len(made)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _unfolded(self, data: bytes) -> bytes:
        if self._stream is None:
            data = data.lstrip(b"\0")  # padding, as tar and dd leave it
            if not data:
                return b""
            self._stream = self._make()
        made = self._stream.decompress(data)
        if self._stream.eof:
            self._left = self._stream.unused_data
            self._stream = None
        return made


def open_log(path: Path) -> FileIO | CompressedFile:
    """Open a log for reading bytes, decompressed when it is compressed.

    Raises:
        OSError: when it cannot be opened.
    """
    file = FileIO(path)
    try:
        magic = os.pread(file.fileno(), MAGIC_BYTES, 0)
        for first, make in FORMATS.items():
            if magic.startswith(first):
                return CompressedFile(file, make)
    except OSError:
        file.close()
        raise
    return file
