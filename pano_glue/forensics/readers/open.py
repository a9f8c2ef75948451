"""Bytes of a log, compressed or not, as far as they can be had."""

from __future__ import annotations

import gzip
import zlib
from typing import IO, TYPE_CHECKING, Self, cast

from pano_glue.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
BLOCK = 1 << 20


def compression(path: Path) -> str:
    """Tell by a file's first bytes how it is compressed: `gzip`, `zstd` or `none`."""
    with path.open("rb") as file:
        begin = file.read(4)
    if begin.startswith(GZIP):
        return "gzip"
    return "zstd" if begin == ZSTD else "none"


def blocks(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, uncompressed.

    Raises:
        EOFError: after all that could be had, when the file is cut or damaged.
        OSError: when it cannot be read.
    """
    with _opened(path) as file:
        while True:
            try:
                block = file.read(BLOCK)
            except (EOFError, zlib.error, gzip.BadGzipFile, _zstd_error()) as error:
                raise EOFError(str(error)) from error
            if not block:
                return
            yield block


def head(path: Path, size: int = 1 << 16) -> bytes:
    """Give a file's first bytes, uncompressed; fewer when it is cut there."""
    got = b""
    try:
        for block in blocks(path):
            got += block
            if len(got) >= size:
                break
    except EOFError:
        pass
    return got[:size]


def _opened(path: Path) -> IO[bytes]:
    kind = compression(path)
    if kind == "none":
        return path.open("rb")
    return cast("IO[bytes]", _Gzip(path) if kind == "gzip" else _zstd(path))


class _Gzip:
    """A gzip file of one or more members; gives all before a cut, which gzip.open does not."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._member = zlib.decompressobj(wbits=31)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Give about `size` bytes; none at the end."""
        while True:
            compressed = self._member.unconsumed_tail or self._member.unused_data
            if self._member.eof:
                compressed = compressed.lstrip(b"\0") or self._file.read(size)
                if not compressed.strip(b"\0"):
                    return b""
                self._member = zlib.decompressobj(wbits=31)
            elif not compressed:
                compressed = self._file.read(size)
                if not compressed:
                    raise EOFError("the archive is cut")
            if got := self._member.decompress(compressed, size):
                return got


def _zstd(path: Path) -> IO[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise SettingError(f"{path} is zstd", "pip install 'pano-glue[forensics]'") from error
    return cast("IO[bytes]", zstandard.open(path, "rb"))


def _zstd_error() -> type[Exception]:
    try:
        import zstandard
    except ImportError:
        return EOFError
    return zstandard.ZstdError
