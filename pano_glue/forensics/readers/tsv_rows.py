r"""Rows of Zeek's TSV, one by one, by the header that stands above them.

Format: scripts/base/frameworks/logging/writers/ascii.zeek of Zeek.
"""

from __future__ import annotations

import re
from typing import Any

ESCAPES = re.compile(rb"(?:\\x[0-9a-fA-F]{2})+")
NUMBERS = {"time": float, "interval": float, "double": float}
INTEGERS = {"count", "int", "port"}


def unescape(value: str) -> str:
    r"""Put bytes in the place of each `\xHH`; what is no UTF-8 then stays as it was."""
    return _unescaped(value.encode()).decode("utf-8", "backslashreplace")


def _unescaped(value: bytes) -> bytes:
    return ESCAPES.sub(lambda match: bytes.fromhex(match[0].decode().replace("\\x", "")), value)


class TsvRows:
    """The rows of one file; a new header may come at any time."""

    def __init__(self) -> None:
        """Begin without columns."""
        self.path = ""
        self._separator = b"\t"
        self._set, self._empty, self._unset = b",", b"(empty)", b"-"
        self._names: list[str] = []
        self._types: list[str] = []

    def header(self, line: bytes) -> None:
        """Take in a line that begins with `#`."""
        if line.startswith(b"#separator"):
            self._separator = _unescaped(line.removeprefix(b"#separator").strip()) or b"\t"
            return
        name, _, value = line.partition(self._separator)
        if name == b"#set_separator":
            self._set = _unescaped(value)
        elif name == b"#empty_field":
            self._empty = _unescaped(value)
        elif name == b"#unset_field":
            self._unset = _unescaped(value)
        elif name == b"#path":
            self.path = value.decode("utf-8", "replace")
        elif name == b"#fields":
            self._names = value.decode("utf-8", "replace").split(self._separator.decode())
        elif name == b"#types":
            self._types = value.decode("utf-8", "replace").split(self._separator.decode())

    def row(self, line: bytes) -> dict[str, Any] | None:
        """Read a row; None when it does not fit the header."""
        values = line.split(self._separator)
        if len(values) != len(self._names) or len(values) != len(self._types):
            return None
        try:
            return {
                name: self._value(kind, value)
                for name, kind, value in zip(self._names, self._types, values, strict=True)
                if value != self._unset
            }
        except (ValueError, KeyError):
            return None

    def _value(self, kind: str, value: bytes) -> Any:  # noqa: ANN401 - what JSON has for it
        inner = kind.partition("[")[2].rstrip("]")
        if inner:
            items = [] if value == self._empty else value.split(self._set)
            return [self._value(inner, item) for item in items]
        if kind in NUMBERS:
            return float(value)
        if kind in INTEGERS:
            return int(value)
        if kind == "bool":
            return {b"T": True, b"F": False}[value]
        text = b"" if value == self._empty else _unescaped(value)
        return text.decode("utf-8", "backslashreplace")
