r"""Clean TSV, read by DuckDB: a line at a time, split at the tabs.

Not by its CSV reader's columns: Zeek's TSV has no quotes, has header lines in the middle after a
restart, and `#` within values. zat (`LogToDataFrame`) reads it too, into memory and on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.forensics.readers.engine_json import meanings
from pano_glue.forensics.schema import BY_ZEEK, FAULT, FIELDS, PATH, SYSTEM, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pano_glue.forensics.readers.sniff import Kind

UNESCAPE = "tsv_unescape"  # the function that the engine must have


def select_tsv(paths: Sequence[Path], kind: Kind) -> str:
    """Write the query that reads `paths`, all with the same columns, as `select_json` does."""
    files = ", ".join(quoted(str(path)) for path in paths)
    packed = f", compression = '{kind.packed}'" if kind.packed != "none" else ""
    lines = (
        f"SELECT line, string_split(line, chr(9)) AS row, file_index FROM read_csv([{files}], "
        "columns = {'line': 'VARCHAR'}, delim = '\\x01', quote = '', escape = '', comment = '', "
        f"header = false, auto_detect = false, max_line_size = 16777216{packed}) "
        f"WHERE NOT ({_expected_header(kind)})"
    )
    places = {name: place + 1 for place, name in enumerate(kind.columns) if name in BY_ZEEK}
    raw = []
    for field in FIELDS:
        place = places.get(field.zeek)
        value = value_of(field.kind, f"row[{place}]" if place else None)
        raw.append(f'{value} AS "{field.name}"')
    inner = (
        f'SELECT {", ".join(raw)}, CAST(NULL AS VARCHAR) AS "{PATH}", '
        f'CAST(NULL AS VARCHAR) AS "{SYSTEM}", '
        f"len(row) <> {len(kind.columns)} OR starts_with(line, '#') AS odd, file_index "
        f"FROM ({lines})"
    )
    return (
        f"SELECT {meanings()}, odd OR coalesce({FAULT}, FALSE) AS fault, file_index FROM ({inner})"
    )


def _expected_header(kind: Kind) -> str:
    """Write the condition that a line is one of the header that `kind` was told by."""
    tab = " || chr(9) || "
    exact = [
        quoted("#separator \\x09"),
        f"'#set_separator'{tab}','",
        f"'#empty_field'{tab}'(empty)'",
        f"'#unset_field'{tab}'-'",
        f"'#path'{tab}'dns'",
        f"'#path'{tab}'pano_dns'",
        tab.join(quoted(name) for name in ("#fields", *kind.columns)),
    ]
    begun = [f"starts_with(line, '{name}' || chr(9))" for name in ("#types", "#open", "#close")]
    return f"starts_with(line, '#') AND (line IN ({', '.join(exact)}) OR {' OR '.join(begun)})"


def value_of(kind: str, value: str | None) -> str:
    """Write a TSV value as what it is; a number that is none raises, so nothing is guessed."""
    if value is None:
        return f"CAST(NULL AS {kind})"
    if kind == "VARCHAR":
        return _text(f"CASE {value} WHEN '-' THEN NULL WHEN '(empty)' THEN '' ELSE {value} END")
    if kind == "BOOLEAN":
        return f"nullif({value}, '-') = 'T'"
    if not kind.endswith("[]"):
        return f"CAST(nullif({value}, '-') AS {kind})"
    items = f"string_split({value}, ',')"
    if kind == "VARCHAR[]":
        # A raw comma separates and an escaped one does not: part them before it is unescaped.
        parted = f"{UNESCAPE}(replace({value}, ',', chr(31)))"
        each = f"string_split({parted}, chr(31))"
        items = f"CASE WHEN contains({value}, '\\x') THEN {each} ELSE {items} END"
    else:
        items = f"CAST({items} AS {kind})"
    none = f"CAST([] AS {kind})"
    return f"CASE {value} WHEN '-' THEN NULL WHEN '(empty)' THEN {none} ELSE {items} END"


def _text(value: str) -> str:
    return f"CASE WHEN contains({value}, '\\x') THEN {UNESCAPE}({value}) ELSE {value} END"
