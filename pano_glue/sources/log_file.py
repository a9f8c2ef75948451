"""One file of a log: plain or compressed, JSON or TSV or both, as whole lines."""

from __future__ import annotations

import errno
import os
import re
import time
from itertools import groupby
from typing import TYPE_CHECKING

from pano_glue.sources.compression import CompressedFile, DamagedError, open_log
from pano_glue.sources.lines import BYTE_ORDER_MARK, LineReader, whole_lines
from pano_glue.sources.log_position import HEAD, Mark, digest
from pano_glue.sources.times import epoch_seconds
from pano_glue.sources.tsv import Layout, Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER, JSON, ROW = b"#", b"{", b""  # how a line begins
TS = re.compile(rb'"ts":\s*"?([^",}\s]+)')


class LogLines:
    """Whole lines of a stream: JSON lines as they are, rows of TSV under their header."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        limit: int,
        *,
        tables: bool,
        offset: int = 0,
        layout: Layout | None = None,
    ) -> None:
        """Read through `read(size)`, which stands at `offset`; `limit` is the longest line.

        Without `tables` everything is made into JSON lines. `layout` is the header in force.
        """
        self._lines = LineReader(read, limit, offset)
        self._tables = tables
        self.layout = layout

    @property
    def offset(self) -> int:
        """The offset of the first byte not handed over."""
        return self._lines.offset

    def next(self) -> bytes | Table:
        """Return whole lines; b"" at the end of what is there now."""
        while lines := self._lines.next():
            if made := self._made(lines):
                return made
        return b""

    def rest(self) -> bytes | Table:
        """Return the half line at the end, once no more will follow."""
        half = self._lines.rest()
        return self._made(half) if half else b""

    def _made(self, lines: bytes) -> bytes | Table:
        if b"\r\n" in lines:
            lines = lines.replace(b"\r\n", b"\n")
        first = lines[:1]
        if self.layout is None and first != HEADER and b"\n#" not in lines:
            return lines
        if first in (HEADER, JSON) or b"\n#" in lines or b"\n{" in lines:
            return self._sorted_out(lines)
        return self._handed_over(Table(self.layout or Layout(), lines))

    def _sorted_out(self, lines: bytes) -> bytes | Table:
        """Learn from headers; where JSON and rows, or rows of two headers are left, all is JSON."""
        made: list[bytes | Table] = []
        for kind, run in groupby(whole_lines(lines), _kind):
            if kind == HEADER:
                for line in run:
                    self.layout = (self.layout or Layout()).learnt(line)
                continue
            text = b"".join(run)
            if kind == JSON or self.layout is None:
                made.append(text)
            else:
                made.append(Table(self.layout, text))
        if len(made) == 1:
            return self._handed_over(made[0])
        return b"".join(part if isinstance(part, bytes) else part.json_lines() for part in made)

    def _handed_over(self, made: bytes | Table) -> bytes | Table:
        return made if self._tables or isinstance(made, bytes) else made.json_lines()


def _kind(line: bytes) -> bytes:
    return line[:1] if line[:1] in (HEADER, JSON) else ROW


class LogFile:
    """A log on disk, read to its end as often as it grows."""

    def __init__(self, path: Path, limit: int, *, tables: bool, mark: Mark | None = None) -> None:
        """Open `path` at `mark`, or at its beginning; the others are as for `LogLines`.

        Raises:
            OSError: when it cannot be opened, or is not the file of `mark`.
        """
        self.path = path
        self.damaged = False
        self._file = open_log(path)
        self.compressed = isinstance(self._file, CompressedFile)
        self.inode = os.fstat(self._file.fileno()).st_ino
        mark = mark or Mark()
        self._begun = b""  # its first bytes, as they were when they were read
        self._head_bytes, self._digest = 0, digest(b"")
        self._first: Layout | None = None  # the header at the beginning
        self._time = mark.time
        if mark.offset:
            self._begin_at(mark)
        layout = mark.layout or self._first
        self.lines = LogLines(self._read, limit, tables=tables, offset=mark.offset, layout=layout)

    def mark(self, *, done: bool = False) -> Mark:
        """Tell what was handed over."""
        offset = self.lines.offset
        if self._head_bytes < min(HEAD, offset):
            self._learn_head(offset)
        layout = self.lines.layout
        return Mark(
            self.inode,
            offset,
            self._head_bytes,
            self._digest,
            self._time,
            done,
            layout if layout != self._first else None,
        )

    def skip_to_end(self) -> int:
        """Pass by all whole lines that are there; returns their size in bytes."""
        while self.lines.next():
            pass
        return self.lines.offset

    def truncated(self) -> bool:
        """Tell whether the file no longer begins as it did, or is shorter than what was read."""
        if self.compressed:
            return False
        file = self._file.fileno()
        shorter = os.fstat(file).st_size < self._file.tell()
        return shorter or os.pread(file, len(self._begun), 0) != self._begun

    def left(self) -> int:
        """Tell how many bytes wait to be read, compressed ones of a compressed file."""
        return max(0, os.fstat(self._file.fileno()).st_size - self._file.tell())

    def cut(self) -> bool:
        """Tell whether it is a compressed file whose end is missing."""
        return isinstance(self._file, CompressedFile) and self._file.cut

    def growing(self, seconds: float) -> bool:
        """Tell whether it is cut because it is still being written, in the last `seconds`."""
        age = time.time() - os.fstat(self._file.fileno()).st_mtime
        return self.cut() and not self.damaged and age < seconds

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(self._begun) < HEAD:
            self._begun = (self._begun + data)[:HEAD]
        return data

    def _begin_at(self, mark: Mark) -> None:
        size = min(HEAD, mark.offset)
        if isinstance(self._file, CompressedFile):
            try:
                self._file.skip(mark.offset)
            except DamagedError:
                self.damaged = True
            self._begun = self._file.beginning[:size]
        else:
            self._file.seek(mark.offset)
            self._begun = os.pread(self._file.fileno(), size, 0)
        if digest(self._begun[: mark.head_bytes]) != mark.head:
            self.close()
            raise FileNotFoundError(errno.ENOENT, "it is another file by now")
        self._learn_head(mark.offset)

    def _learn_head(self, offset: int) -> None:
        head = self._begun[:offset]
        self._head_bytes, self._digest = len(head), digest(head)
        self._first = layout_of(head)
        self._time = self._time or first_time(head) or 0.0


def head_of(path: Path) -> bytes:
    """Read the first `HEAD` bytes of a log, decompressed; fewer where it has no more.

    Raises:
        OSError: when it cannot be opened.
    """
    file = open_log(path)
    try:
        return file.read(HEAD)[:HEAD]
    except DamagedError:
        return b""
    finally:
        file.close()


def layout_of(head: bytes) -> Layout | None:
    """Learn the header that a log begins with."""
    layout = None
    for line in head.removeprefix(BYTE_ORDER_MARK).splitlines():
        if not line.startswith(HEADER):
            break
        layout = (layout or Layout()).learnt(line)
    return layout


def first_time(head: bytes) -> float | None:
    """Tell the time of a log's first record, in epoch seconds, by how the log begins."""
    for line in head.removeprefix(BYTE_ORDER_MARK).lstrip(b"\0").splitlines():
        if line.startswith(HEADER):
            continue
        layout = layout_of(head)
        if line.startswith(JSON) or layout is None:
            found = TS.search(line)
            return epoch_seconds(found[1].decode("ascii", "replace")) if found else None
        cells = line.decode("utf-8", "replace").split(layout.separator)
        return epoch_seconds(dict(zip(layout.names, cells, strict=False)).get("ts", ""))
    return None
