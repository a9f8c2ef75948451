r"""Zeek's tab-separated logs, made into the JSON lines that everything else reads.

Format: scripts/base/frameworks/logging/writers/ascii.zeek and src/logging/writers/ascii of Zeek.
A header of `#` lines gives separator, names and types; `-` is unset, `(empty)` an empty set, and
`\xHH` stands for a byte that is not printable.
"""

from __future__ import annotations

import re
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable

    Encoder = Callable[[bytes], bytes]

NUMBERS = frozenset({"time", "interval", "count", "int", "port", "double"})
NOT_WHOLE = "give a whole dns.log, header included"
ROWS = 1000  # kinds of rows remembered; a log has a dozen
ESCAPE = re.compile(rb"(?:\\x[0-9a-fA-F]{2})+")


class _Row(NamedTuple):
    """How rows with the same fields set are written.

    `quoted` has the quotes of strings and needs `some` values encoded; `quoted_later` needs `all`,
    for rows in which a string may need escapes.
    """

    quoted: bytes
    some: list[tuple[int, Encoder]]
    quoted_later: bytes
    all: list[tuple[int, Encoder]]


class TsvHeader:
    """The columns of one TSV log, learnt line by line from its header."""

    def __init__(self, name: str) -> None:
        """Begin without columns; `name` is the file's, for errors."""
        self._name = name
        self._separator = b"\t"
        self._marks = {b"set_separator": b",", b"empty_field": b"(empty)", b"unset_field": b"-"}
        self._fields: list[bytes] = []
        self._encoders: list[Encoder] = []
        self._rows: dict[bytes, _Row] = {}  # by which fields are set

    def json_lines(self, lines: bytes) -> bytes:
        """Convert whole lines, header lines among them; a line that does not fit stays as it is.

        Raises:
            PanoError: when records come before a complete header.
        """
        made = []
        for line in lines.splitlines():
            if line.startswith(b"#"):
                self._learn(line)
            elif line:
                made.append(self._record(line))
        return b"\n".join(made)

    def _learn(self, line: bytes) -> None:
        mark, _, value = line[1:].partition(b" " if line.startswith(b"#separator") else b"\t")
        self._rows.clear()
        if mark == b"separator":
            self._separator = self._not_empty(_unescaped(value))
        elif mark == b"set_separator":
            self._marks[mark] = self._not_empty(value)
        elif mark in self._marks:
            self._marks[mark] = value
        elif mark == b"fields":
            names = value.split(self._separator)
            self._fields = [msgspec.json.encode(name.decode("utf-8", "replace")) for name in names]
        elif mark == b"types":
            types = value.split(self._separator)
            self._encoders = [self._encoder(kind.decode("ascii", "replace")) for kind in types]

    def _not_empty(self, separator: bytes) -> bytes:
        if not separator:
            raise PanoError(f"{self._name}: its header has an empty separator", NOT_WHOLE)
        return separator

    def _record(self, line: bytes) -> bytes:
        if not self._fields or len(self._fields) != len(self._encoders):
            raise PanoError(
                f"{self._name}: not a Zeek log: no #fields and #types before its records",
                NOT_WHOLE,
            )
        values = line.split(self._separator)
        if len(values) != len(self._fields):
            return line  # not JSON, so it will be counted as malformed
        present = bytes(map(self._marks[b"unset_field"].__ne__, values))
        row = self._rows.get(present)
        if row is None:
            row = self._add_row(present)
        kept = list(compress(values, present))
        rare = b"\\" in line or b'"' in line or self._marks[b"empty_field"] in line
        for i, encode in row.all if rare else row.some:
            kept[i] = encode(kept[i])
        return (row.quoted_later if rare else row.quoted) % tuple(kept)

    def _add_row(self, present: bytes) -> _Row:
        """Prepare for rows that have these fields."""
        fields = list(compress(self._fields, present))
        encoders = list(enumerate(compress(self._encoders, present)))
        some = [(i, encode) for i, encode in encoders if encode not in (_number, self._string)]
        marks = [b'"%b"' if encode == self._string else b"%b" for _, encode in encoders]
        quoted = b",".join(map(b"%b:%b".__mod__, zip(_literal(fields), marks, strict=True)))
        later = b",".join(map(b"%b:%%b".__mod__, _literal(fields)))
        row = _Row(b"{" + quoted + b"}", some, b"{" + later + b"}", encoders)
        if len(self._rows) < ROWS:
            self._rows[present] = row
        return row

    def _encoder(self, kind: str) -> Encoder:
        if kind in NUMBERS:
            return _number
        if kind == "bool":
            return _bool
        inner = kind.partition("[")[2].rstrip("]")
        if not inner:
            return self._string
        separator, empty = self._marks[b"set_separator"], self._marks[b"empty_field"]
        each = self._encoder(inner)

        def encode(value: bytes) -> bytes:
            if value == empty:
                return b"[]"
            return b"[" + b",".join([each(item) for item in value.split(separator)]) + b"]"

        return encode

    def _string(self, value: bytes) -> bytes:
        if value == self._marks[b"empty_field"]:
            return b'""'
        if b"\\" in value or b'"' in value:
            return msgspec.json.encode(_unescaped(value).decode("utf-8", "backslashreplace"))
        return b'"' + value + b'"'


def _number(value: bytes) -> bytes:
    return value


def _bool(value: bytes) -> bytes:
    return b"true" if value == b"T" else b"false"


def _literal(fields: list[bytes]) -> list[bytes]:
    return [field.replace(b"%", b"%%") for field in fields]


def _unescaped(value: bytes) -> bytes:
    return ESCAPE.sub(lambda match: bytes.fromhex(match[0].decode().replace("\\x", "")), value)
