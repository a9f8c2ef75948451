r"""One column of Zeek's TSV, made into JSON many values at a time.

Format: src/logging/writers/ascii and src/threading/formatters of Zeek. `-` is unset, `(empty)` an
empty set or string, and `\xHH` stands for a byte that is not printable or would be mistaken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Encoder = Callable[[bytes], bytes]

NUMBERS = frozenset({"time", "interval", "count", "int", "port", "double"})
ESCAPE = re.compile(rb"(?:\\x[0-9a-fA-F]{2})+")


class Marks(NamedTuple):
    """What a log's header says about its values."""

    set_separator: bytes = b","
    empty_field: bytes = b"(empty)"
    unset_field: bytes = b"-"


class Column:
    """A column's name and type."""

    def __init__(self, name: bytes, kind: str, marks: Marks) -> None:
        """Prepare for values of Zeek's type `kind`; `name` is as the header has it."""
        self._key = b",%b:" % msgspec.json.encode(name.decode("utf-8", "replace"))
        self._encode = _encoder(kind, marks)
        self._quote = b'"' if self._encode is _string else b""
        self._known = {marks.unset_field: b""}
        if self._encode is _bool:
            self._known |= {value: self._key + _bool(value) for value in (b"T", b"F")}
        elif self._encode is _string:
            self._known[marks.empty_field] = self._key + b'""'

    def fragments(self, values: Sequence[bytes], *, plain: bool) -> Sequence[bytes]:
        """Write each value as `,"name":value`; nothing for one that is unset.

        `plain`: no string among them has a backslash or a quote.
        """
        known, key, encode = self._known, self._key, self._encode
        if encode is not _number and not (encode is _string and plain):
            return [known[value] if value in known else key + encode(value) for value in values]
        before, after = key + self._quote, self._quote
        if any(map(values.__contains__, known)):
            return [known[value] if value in known else before + value + after for value in values]
        return [before + value + after for value in values]


def unescaped(value: bytes) -> bytes:
    r"""Put bytes in the place of each `\xHH`."""
    return ESCAPE.sub(lambda match: bytes.fromhex(match[0].decode().replace("\\x", "")), value)


def _encoder(kind: str, marks: Marks) -> Encoder:
    if kind in NUMBERS:
        return _number
    if kind == "bool":
        return _bool
    inner = kind.partition("[")[2].rstrip("]")
    if not inner:
        return _string
    separator, empty = marks.set_separator, marks.empty_field
    each = _encoder(inner, marks)

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
        return msgspec.json.encode(unescaped(value).decode("utf-8", "backslashreplace"))
    return b'"' + value + b'"'
