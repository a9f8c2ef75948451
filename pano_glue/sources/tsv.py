r"""Zeek's tab-separated logs, made into the JSON lines that everything else reads.

Format: scripts/base/frameworks/logging/writers/ascii.zeek and src/logging/writers/ascii of Zeek.
A header of `#` lines gives separator, names and types; `-` is unset, `(empty)` an empty set, and
`\xHH` stands for a byte that is not printable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = frozenset({"time", "interval", "count", "int", "port", "double"})
ESCAPE = re.compile(rb"(?:\\x[0-9a-fA-F]{2})+")


class TsvHeader:
    """The columns of one TSV log, learnt line by line from its header."""

    def __init__(self, name: str) -> None:
        """Begin without columns; `name` is the file's, for errors."""
        self._name = name
        self._separator = b"\t"
        self._marks = {b"set_separator": b",", b"empty_field": b"(empty)", b"unset_field": b"-"}
        self._fields: list[bytes] = []
        self._encoders: list[Callable[[bytes], bytes]] = []

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
        if mark == b"separator":
            self._separator = _unescaped(value)
        elif mark in self._marks:
            self._marks[mark] = value
        elif mark == b"fields":
            names = value.split(self._separator)
            self._fields = [msgspec.json.encode(name.decode("utf-8", "replace")) for name in names]
        elif mark == b"types":
            types = value.decode("ascii", "replace").split(self._separator.decode())
            self._encoders = [self._encoder(kind) for kind in types]

    def _record(self, line: bytes) -> bytes:
        if not self._fields or len(self._fields) != len(self._encoders):
            raise PanoError(
                f"{self._name}: not a Zeek log: no #fields and #types before its records",
                "give a whole dns.log, header included",
            )
        values = line.split(self._separator)
        if len(values) != len(self._fields):
            return line  # not JSON, so it will be counted as malformed
        unset = self._marks[b"unset_field"]
        return (
            b"{"
            + b",".join(
                [
                    name + b":" + encode(value)
                    for name, encode, value in zip(
                        self._fields, self._encoders, values, strict=True
                    )
                    if value != unset
                ]
            )
            + b"}"
        )

    def _encoder(self, kind: str) -> Callable[[bytes], bytes]:
        if kind in NUMBERS:
            return _number
        if kind == "bool":
            return _bool
        inner = kind.partition("[")[2].rstrip("]")
        if not inner:
            return _string
        separator, empty = self._marks[b"set_separator"], self._marks[b"empty_field"]
        each = self._encoder(inner)

        def encode(value: bytes) -> bytes:
            if value == empty:
                return b"[]"
            return b"[" + b",".join([each(item) for item in value.split(separator)]) + b"]"

        return encode


def _number(value: bytes) -> bytes:
    return value


def _bool(value: bytes) -> bytes:
    return b"true" if value == b"T" else b"false"


def _string(value: bytes) -> bytes:
    if b"\\" in value or b'"' in value:
        return msgspec.json.encode(_unescaped(value).decode("utf-8", "backslashreplace"))
    return b'"' + value + b'"'


def _unescaped(value: bytes) -> bytes:
    return ESCAPE.sub(lambda match: bytes.fromhex(match[0].decode().replace("\\x", "")), value)
