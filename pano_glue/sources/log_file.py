"""One file of a log, plain or gzip, JSON or TSV, as whole JSON lines."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.sources.lines import BLOCK, LineReader
from pano_glue.sources.log_position import HEAD, LogPosition, digest
from pano_glue.sources.tsv import TsvHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

GZIP = b"\x1f\x8b"
DAMAGED = (OSError, EOFError, zlib.error)  # what reading a broken gzip file raises


def open_log(path: Path) -> io.FileIO | gzip.GzipFile:
    """Open a log for reading bytes, decompressed when it is gzip.

    Raises:
        PanoError: when it cannot be opened.
    """
    try:
        file = io.FileIO(path)
    except OSError as error:
        raise PanoError(f"{path}: {error.strerror}", "name a log that can be read") from error
    if os.pread(file.fileno(), len(GZIP), 0) == GZIP:
        return gzip.GzipFile(fileobj=file)
    return file


def head_of(path: Path, size: int) -> bytes:
    """Read the first `size` bytes of a log, decompressed; fewer where it has no more.

    Raises:
        PanoError: when it cannot be opened.
    """
    with open_log(path) as file:
        try:
            return file.read(size)
        except DAMAGED:
            return b""


class JsonLines:
    """Whole lines of a stream as JSON lines, converted when the stream begins as TSV."""

    def __init__(
        self,
        name: str,
        read: Callable[[int], bytes],
        limit: int,
        fields: Collection[str] | None = None,
        offset: int = 0,
    ) -> None:
        """Read through `read(size)`, which stands at `offset`; `name` is for errors.

        Of TSV only `fields` are converted, or all.
        """
        self._name = name
        self._fields = fields
        self._lines = LineReader(read, limit, offset)
        self._header: TsvHeader | None = None

    @property
    def offset(self) -> int:
        """The offset of the first byte not handed over."""
        return self._lines.offset

    def learn(self, beginning: bytes) -> None:
        """Take the header of a TSV log from its `beginning`, when reading starts after it."""
        if beginning[:1] == b"#":
            self._header = TsvHeader(self._name, self._fields)
            for line in beginning.splitlines():
                if not line.startswith(b"#"):
                    return
                self._header.json_lines(line)

    def next(self) -> bytes:
        """Return whole JSON lines; b"" at the end of what is there now."""
        while lines := self._lines.next():
            if made := self._json(lines):
                return made
        return b""

    def rest(self) -> bytes:
        """Return the half line at the end, once no more will follow."""
        return self._json(self._lines.rest())

    def _json(self, lines: bytes) -> bytes:
        if self._header is None:
            if lines[:1] != b"#":
                return lines
            self._header = TsvHeader(self._name, self._fields)
        return self._header.json_lines(lines)


class LogFile:
    """A log on disk, read to its end as often as it grows."""

    def __init__(
        self,
        path: Path,
        limit: int,
        fields: Collection[str] | None = None,
        position: LogPosition | None = None,
    ) -> None:
        """Open `path` at `position`, or at its beginning; `limit` and `fields` as for `JsonLines`.

        Raises:
            PanoError: when it cannot be opened.
        """
        self._name = str(path)
        self._file = open_log(path)
        self.compressed = isinstance(self._file, gzip.GzipFile)
        self.inode = os.fstat(self._file.fileno()).st_ino
        self._head = b""
        self.last = position
        offset = position.offset if position is not None else 0
        self.lines = JsonLines(self._name, self._read, limit, fields, offset)
        if position is not None:
            beginning = head_of(path, BLOCK)
            self._head = beginning[: position.head_bytes]
            self.lines.learn(beginning)
            self._file.seek(offset)

    def position(self) -> LogPosition:
        """Tell what was handed over."""
        if len(self._head) < HEAD:
            self._head = self._beginning(min(HEAD, self.lines.offset))
        head = digest(self._head)
        self.last = LogPosition(self.inode, self.lines.offset, len(self._head), head)
        return self.last

    def truncated(self) -> bool:
        """Tell whether the file no longer begins as it did, or is shorter than what was read."""
        if self.compressed:
            return False
        size = os.fstat(self._file.fileno()).st_size
        return size < self._file.tell() or self._beginning(len(self._head)) != self._head

    def changed(self) -> int:
        """Tell when the file was last written, in ns of the epoch."""
        return os.fstat(self._file.fileno()).st_mtime_ns

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _beginning(self, size: int) -> bytes:
        if not self.compressed:
            return os.pread(self._file.fileno(), size, 0)
        here = self._file.tell()
        self._file.seek(0)
        head = self._file.read(size)
        self._file.seek(here)
        return head

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except DAMAGED as error:
            cure = "records after this point are lost; restore the file"
            raise PanoError(f"{self._name}: damaged: {error}", cure) from error
