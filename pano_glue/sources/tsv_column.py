r"""One value of Zeek's TSV, by its type.

Format: src/logging/writers/ascii and src/threading/formatters of Zeek. `-` is unset, `(empty)` an
empty set or string, and `\xHH` a byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

FLOATS = frozenset({"time", "interval", "double"})
INTEGERS = frozenset({"count", "int", "port"})
BOOLS = {"T": True, "F": False}
ESCAPES = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")


class Marks(NamedTuple):
    """What a log's header says about its values."""

    set_separator: str = ","
    empty_field: str = "(empty)"
    unset_field: str = "-"


def cell_reader(kind: str, marks: Marks) -> Callable[[str], object]:
    """Give what reads a value of Zeek's type `kind`; ValueError for one that is not of it."""
    if kind in FLOATS:
        return float
    if kind in INTEGERS:
        return int
    if kind == "bool":
        return _bool
    inner = kind.partition("[")[2].rstrip("]")
    if not inner:
        return lambda cell: "" if cell == marks.empty_field else unescaped(cell)
    each = cell_reader(inner, marks)

    def read(cell: str) -> object:
        if cell == marks.empty_field:
            return []
        items = cell.split(marks.set_separator or ",")
        return [None if item == marks.unset_field else each(item) for item in items]

    return read


def unescaped(text: str) -> str:
    r"""Put the bytes in the place of each `\xHH`; what is no UTF-8 then stays an escape."""
    if "\\" not in text:
        return text
    return ESCAPES.sub(_bytes_of, text)


def _bytes_of(escapes: re.Match[str]) -> str:
    return bytes.fromhex(escapes[0].replace("\\x", "")).decode("utf-8", "backslashreplace")


def _bool(cell: str) -> bool:
    try:
        return BOOLS[cell]
    except KeyError as error:
        raise ValueError(cell) from error
