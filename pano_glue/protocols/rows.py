"""Rows of a TSV log into typed values, a piece at a time, column by column.

What one value costs is mostly the way to it: so a piece is divided once into all its cells, and
each column is read as a whole, of those whose cells repeat each different cell once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pano_glue.sources.tsv_column import BOOLS, FLOATS, INTEGERS, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msgspec.structs import FieldInfo

    from pano_glue.sources.tsv import Layout
    from pano_glue.sources.tsv_column import Marks

PIECE = 1 << 15  # bytes, for what they become to stay in the processor's cache
FIRST = 64  # rows that tell
KNOWN = 1 << 13  # different cells of one column that are remembered
NUMBERS = FLOATS | INTEGERS


class RowError(ValueError):
    """A row that is no record, and why."""


class RowDecoder:
    """Reads rows of one layout as the fields of a Struct, each a column.

    A column that is missing, and a value that is unset, is the field's default.
    """

    def __init__(self, layout: Layout, row: type[msgspec.Struct]) -> None:
        """Find the columns of `row` in `layout`.

        Raises:
            RowError: when the layout is of no such log.
        """
        if not layout.complete():
            raise RowError("no #fields and #types before its records")
        self._separator = layout.separator
        self._width = len(layout.names)
        self._empty = layout.marks.empty_field
        self._columns: list[tuple[Column, int] | None] = []
        self._defaults: list[object] = []
        for field in msgspec.structs.fields(row):
            self._defaults.append(field.default)
            if field.encode_name in layout.names:
                at = layout.names.index(field.encode_name)
                self._columns.append((Column(field, layout.types[at], layout.marks), at))
            elif field.required:
                raise RowError(f"no column {field.encode_name}")
            else:
                self._columns.append(None)

    def columns(self, rows: bytes) -> list[Sequence[Any]]:
        """Read whole rows, each with its newline: of each field the values.

        Raises:
            ValueError: when one is no record, or they are no UTF-8.
        """
        text = rows.decode()
        separator, apart = self._separator, self._width + 1
        count = text.count("\n")
        cells = text.replace("\n", f"{separator}\n{separator}").split(separator)
        # After each row stands a cell with its newline, of all whole rows at the same distance.
        if cells[self._width :: apart].count("\n") != count:
            raise RowError(f"not {self._width} columns")
        del cells[-1]  # behind the last newline
        plain = "\\" not in text and self._empty not in text
        return [
            [default] * count
            if found is None
            else found[0].read(cells[found[1] :: apart], plain=plain)
            for found, default in zip(self._columns, self._defaults, strict=True)
        ]


class Column:
    """Reads the cells of one column as a field's values.

    Of a column whose cells repeat each different cell is read once. Whether they do, its first
    rows tell.
    """

    def __init__(self, field: FieldInfo, kind: str, marks: Marks) -> None:
        """Prepare for cells of Zeek's type `kind`."""
        self._name, self._default = field.encode_name, field.default
        self._values = None if field.type is str else list[field.type]  # type: ignore[name-defined]
        self._kind, self._marks = kind, marks
        self._repeats = True
        self._known: dict[str, object] = {}

    def read(self, cells: Sequence[str], *, plain: bool) -> Sequence[object]:
        """Give the values of some cells; `plain`: none is escaped or the mark of an empty string.

        Raises:
            ValueError: when one has no value.
        """
        if not self._repeats:
            return self._each(cells, plain=plain)
        try:
            return list(map(self._known.__getitem__, cells))
        except KeyError:
            return self._learn(cells, plain=plain)

    def _learn(self, cells: Sequence[str], *, plain: bool) -> Sequence[object]:
        """Read cells of which some were not seen before."""
        if len(self._known) > KNOWN:
            self._known.clear()
        new = list(set(cells) - self._known.keys())
        self._known.update(zip(new, self._each(new, plain=plain), strict=True))
        self._repeats = len(cells) < FIRST or len(new) < len(cells) // 2
        return list(map(self._known.__getitem__, cells))

    def _each(self, cells: Sequence[str], *, plain: bool) -> Sequence[object]:
        """Read cells one by one; a default may stand for what is unset."""
        unset, default = self._marks.unset_field, self._default
        values: Sequence[object] = cells
        if not plain and self._kind not in NUMBERS:
            empty = self._marks.empty_field
            values = ["" if c == empty else unescaped(c) for c in cells]
        if self._kind == "bool":
            values = [BOOLS.get(cell, cell) for cell in cells]
        if unset in cells:
            if default is msgspec.NODEFAULT:
                raise RowError(f"{self._name} is unset")
            both = zip(cells, values, strict=True)
            values = [default if cell == unset else value for cell, value in both]
        if self._values is None:
            return values
        # Not strict, so that numbers are read from text.
        return msgspec.convert(values, self._values, strict=self._kind == "bool")


def pieces(rows: bytes) -> Iterator[bytes]:
    """Cut rows into pieces of about `PIECE` bytes; the last newline may be missing."""
    start = 0
    while start < len(rows):
        end = rows.rfind(b"\n", start, start + PIECE) + 1 or rows.find(b"\n", start) + 1
        yield rows[start:end] if end else rows[start:] + b"\n"
        start = end or len(rows)
