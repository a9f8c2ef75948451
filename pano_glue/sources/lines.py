"""Whole lines from a stream of bytes, however it is cut and whatever it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1 << 18  # bytes; larger ones fall out of the processor's cache before they are counted
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def whole_lines(text: bytes) -> list[bytes]:
    """Divide at newlines, which are kept, and at nothing else."""
    *lines, last = text.split(b"\n")
    return [line + b"\n" for line in lines] + ([last] if last else [])


class LineReader:
    """Reads whole lines; a half line waits for its end.

    `offset` is that of the byte after the last line handed over. A line longer than `limit` is
    handed over cut to `limit` once its end was seen, so that it is counted (as malformed) without
    being kept. NULs before a line are what a truncated file's hole reads as; they are left out, and
    so is a byte order mark.
    """

    def __init__(self, read: Callable[[int], bytes], limit: int, offset: int = 0) -> None:
        """Read through `read(size)`, which returns b"" when there is nothing (more, or yet)."""
        self._read = read
        self._limit = limit
        self._half = b""
        self._cut = 0  # bytes of the half line that were dropped
        self.offset = offset

    def next(self) -> bytes:
        """Return whole lines with their newlines; b"" when there are none yet."""
        while chunk := self._read(BLOCK):
            end = chunk.rfind(b"\n") + 1
            if not end:
                self._keep(chunk)
                continue
            lines = b"".join((self._half, memoryview(chunk)[:end]))
            self.offset += len(lines) + self._cut
            if self._cut:
                lines = lines[: self._limit] + lines[len(self._half) + chunk.find(b"\n") :]
            self._half, self._cut = b"", 0
            self._keep(chunk[end:])
            if lines[:1] == b"\0":
                lines = lines.lstrip(b"\0")
            return lines.removeprefix(BYTE_ORDER_MARK)
        return b""

    def rest(self) -> bytes:
        """Return the half line at the end of a stream that has ended."""
        lines, self._half = self._half.lstrip(b"\0"), b""
        self.offset += len(lines) + self._cut
        return lines.removeprefix(BYTE_ORDER_MARK)

    def _keep(self, half: bytes) -> None:
        if not self._half:
            stripped = half.lstrip(b"\0")
            self.offset += len(half) - len(stripped)
            half = stripped
        kept = self._half + half
        if len(kept) > self._limit:
            self._cut += len(kept) - self._limit
            kept = kept[: self._limit]
        self._half = kept
