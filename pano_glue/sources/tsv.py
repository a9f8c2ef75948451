r"""Zeek's tab-separated logs: what their header says, and rows that stand under one.

Format: scripts/base/frameworks/logging/writers/ascii.zeek of Zeek. A header of `#` lines gives
separator, names and types; another one may follow in the same file. `\xHH` stands for a byte that
is not printable or would be mistaken (src/threading/formatters/Ascii.cc).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from pano_glue.sources.tsv_column import Marks, cell_reader, unescaped


class Layout(NamedTuple):
    """What the header of a log has said so far; its `path` is the log's name."""

    separator: str = "\t"
    marks: Marks = Marks()
    path: str = ""
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def complete(self) -> bool:
        """Tell whether rows can be read."""
        return bool(self.names) and len(self.names) == len(self.types) and bool(self.separator)

    def learnt(self, line: bytes) -> Layout:
        """Take in one line of a header; `#separator` begins another header."""
        text = line.decode("utf-8", "replace").removeprefix("#").rstrip("\r\n")
        if text.startswith("separator "):
            return Layout(unescaped(text.removeprefix("separator ")))
        mark, _, value = text.partition(self.separator or "\t")
        if mark in Marks._fields:
            return self._replace(marks=self.marks._replace(**{mark: value}))
        if mark == "path":
            return self._replace(path=value)
        if mark in ("fields", "types"):
            cells = tuple(value.split(self.separator or "\t"))
            return self._replace(types=cells) if mark == "types" else self._named(cells)
        return self  # `#open`, `#close`, or a comment of somebody

    def _named(self, cells: tuple[str, ...]) -> Layout:
        return self._replace(names=tuple(map(field_name, cells)))


class Table(NamedTuple):
    """Whole rows of a log, each with its newline, and their layout."""

    layout: Layout
    rows: bytes

    def json_lines(self) -> bytes:
        """Write the rows as JSON lines, without what is unset.

        A row that does not fit stays as it is: no JSON, so that it is counted as malformed.
        """
        layout = self.layout
        if not layout.complete():
            return self.rows
        readers = [cell_reader(kind, layout.marks) for kind in layout.types]
        lines = []
        for row in filter(None, self.rows.split(b"\n")):
            try:
                cells = row.decode().split(layout.separator)
                record = {
                    name: read(cell)
                    for name, read, cell in zip(layout.names, readers, cells, strict=True)
                    if cell != layout.marks.unset_field
                }
                lines.append(msgspec.json.encode(record))
            except ValueError:
                lines.append(row)
        return b"".join(line + b"\n" for line in lines)


SCOPED = re.compile(r"id[^a-z]+(orig|resp)[^a-z]+([hp])")


def field_name(name: str) -> str:
    """Give a field its usual name where `Log::default_scope_sep` has changed it: `id_orig_h`."""
    return SCOPED.sub(r"id.\1_\2", name) if name.startswith("id") else name
