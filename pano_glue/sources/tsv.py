r"""Zeek's tab-separated logs, made into the JSON lines that everything else reads.

Format: scripts/base/frameworks/logging/writers/ascii.zeek of Zeek. A header of `#` lines gives
separator, names and types. Rows are converted column by column, for what one value costs is mostly
the way to it.
"""

from __future__ import annotations

from itertools import groupby
from operator import methodcaller
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.sources.tsv_column import Column, Marks, unescaped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROWS = 128  # converted at one time, for what they become to stay in the processor's cache
NOT_WHOLE = "give a whole dns.log, header included"
is_header = methodcaller("startswith", b"#")


class TsvHeader:
    """The columns of one TSV log, learnt line by line from its header."""

    def __init__(self, name: str, fields: Collection[str] | None = None) -> None:
        """Begin without columns; `name` is the file's, for errors.

        With `fields` only those are converted; the others need not be written for nobody.
        """
        self._name = name
        self._wanted = fields
        self._separator = b"\t"
        self._marks = Marks()
        self._names: list[bytes] = []
        self._types: list[str] = []
        self._columns: list[tuple[int, Column]] = []

    def json_lines(self, lines: bytes) -> bytes:
        """Convert whole lines, header lines among them; a line that does not fit stays as it is.

        Raises:
            PanoError: when records come before a complete header.
        """
        made: list[bytes] = []
        plain = b"\\" not in lines and b'"' not in lines
        for header, run in groupby(lines.splitlines(), is_header):
            if header:
                for line in run:
                    self._learn(line)
                self._columns = list(self._wanted_columns())
            else:
                made += self._records([line for line in run if line], plain=plain)
        return b"\n".join(made)

    def _learn(self, line: bytes) -> None:
        mark, _, value = line[1:].partition(b" " if line.startswith(b"#separator") else b"\t")
        if mark == b"separator":
            self._separator = self._not_empty(unescaped(value))
        elif mark == b"set_separator":
            self._marks = self._marks._replace(set_separator=self._not_empty(value))
        elif mark in (b"empty_field", b"unset_field"):
            self._marks = self._marks._replace(**{mark.decode(): value})
        elif mark == b"fields":
            self._names = value.split(self._separator)
        elif mark == b"types":
            self._types = value.decode("ascii", "replace").split(self._separator.decode("latin-1"))

    def _not_empty(self, separator: bytes) -> bytes:
        if not separator:
            raise PanoError(f"{self._name}: its header has an empty separator", NOT_WHOLE)
        return separator

    def _wanted_columns(self) -> Iterator[tuple[int, Column]]:
        if len(self._names) == len(self._types):
            for i, (name, kind) in enumerate(zip(self._names, self._types, strict=True)):
                if self._wanted is None or name.decode("utf-8", "replace") in self._wanted:
                    yield i, Column(name, kind, self._marks)

    def _records(self, lines: list[bytes], *, plain: bool) -> Iterator[bytes]:
        if lines and (not self._names or len(self._names) != len(self._types)):
            raise PanoError(
                f"{self._name}: not a Zeek log: no #fields and #types before its records",
                NOT_WHOLE,
            )
        separator = self._separator
        for start in range(0, len(lines), ROWS):
            rows = [line.split(separator) for line in lines[start : start + ROWS]]
            for width, run in groupby(rows, len):
                if width == len(self._names):
                    yield from self._converted(list(run), plain=plain)
                else:  # not JSON, so they will be counted as malformed
                    yield from map(separator.join, run)

    def _converted(self, rows: list[list[bytes]], *, plain: bool) -> list[bytes]:
        values = list(zip(*rows, strict=True))
        fragments = [column.fragments(values[i], plain=plain) for i, column in self._columns]
        if not fragments:
            return [b"{}"] * len(rows)
        return [b"{%b}" % b"".join(row)[1:] for row in zip(*fragments, strict=True)]
