"""Rows of a TSV log into typed records, a piece at a time, column by column.

What one value costs is mostly the way to it: so a piece is divided once into all its cells, each
column is looked at as a whole, and msgspec makes records of the columns and checks their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from pano_glue.sources.tsv_column import BOOLS, FLOATS, INTEGERS, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pano_glue.sources.tsv import Layout

Row = TypeVar("Row", bound=msgspec.Struct)

PIECE = 1 << 15  # bytes, for what they become to stay in the processor's cache


class RowError(ValueError):
    """A row that is no record, and why."""


class RowDecoder(Generic[Row]):
    """Reads rows of one layout as `row`s, Structs that are `array_like`.

    A column that is missing, and a value that is unset, is the field's default.
    """

    def __init__(self, layout: Layout, row: type[Row]) -> None:
        """Find the columns of `row` in `layout`.

        Raises:
            RowError: when the layout is of no such log.
        """
        if not layout.complete():
            raise RowError("no #fields and #types before its records")
        fields = msgspec.structs.fields(row)
        for field in fields:
            if field.required and field.encode_name not in layout.names:
                raise RowError(f"no column {field.encode_name}")
        self._separator = layout.separator
        self._width = len(layout.names)
        self._marks = layout.marks
        self._rows = list[row]  # type: ignore[valid-type]
        self._columns = [
            (layout.names.index(name), layout.types[layout.names.index(name)], field.default)
            if (name := field.encode_name) in layout.names
            else (None, "", field.default)
            for field in fields
        ]

    def records(self, rows: bytes) -> list[Row]:
        """Decode whole rows, each with its newline.

        Raises:
            ValueError: when one is no record, or they are no UTF-8.
        """
        text = rows.decode()
        separator, width = self._separator, self._width
        cells = text.replace("\n", f"{separator}\n{separator}").split(separator)
        # After each row stands a cell with its newline, of all whole rows at the same distance.
        if cells[width :: width + 1].count("\n") != text.count("\n"):
            raise RowError(f"not {width} columns")
        plain = "\\" not in text and self._marks.empty_field not in text
        columns = [
            self._column(cells[at :: width + 1], kind, default, plain=plain)
            if at is not None
            else [default] * text.count("\n")
            for at, kind, default in self._columns
        ]
        # Not strict, so that numbers are read from text.
        return msgspec.convert(list(zip(*columns, strict=False)), self._rows, strict=False)

    def _column(
        self, cells: list[str], kind: str, default: object, *, plain: bool
    ) -> Sequence[object]:
        """Give a column's values; `plain`: no cell is escaped or the mark of an empty string."""
        unset = self._marks.unset_field
        if kind == "bool":
            known = {**BOOLS, unset: default}
            try:
                return [known[cell] for cell in cells]
            except KeyError as error:
                raise RowError(f"neither T nor F: {error}") from error
        if default is msgspec.NODEFAULT:
            default = None  # which is no value of a field that every record has
        if not plain and kind not in FLOATS and kind not in INTEGERS:
            known = {unset: default, self._marks.empty_field: ""}
            return [known[cell] if cell in known else unescaped(cell) for cell in cells]
        if unset in cells:
            return [default if cell == unset else cell for cell in cells]
        return cells


def pieces(rows: bytes) -> Iterator[bytes]:
    """Cut rows into pieces of about `PIECE` bytes; the last newline may be missing."""
    start = 0
    while start < len(rows):
        end = rows.rfind(b"\n", start, start + PIECE) + 1 or rows.find(b"\n", start) + 1
        yield rows[start:end] if end else rows[start:] + b"\n"
        start = end or len(rows)
