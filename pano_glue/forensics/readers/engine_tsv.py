r"""Clean TSV, read by DuckDB's CSV reader with the header's columns and their types.

Zeek's TSV has no quotes, so the reader is given none; bytes stand as `\xHH` and are put in place
here; lines of the header come again after a restart. What does not fit the columns comes into
DuckDB's table of rejected lines: the header's lines must be there, and nothing else (`misfits`).
zat (`LogToDataFrame`) reads the same, into memory and on one core; a test compares the two.
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
PLAIN = {"id.orig_h", "id.resp_h", "proto", "outcome"}  # in them nothing has to be escaped
LONGEST = 2 << 20  # bytes of a line; DuckDB holds sixteen such for each thread


def select_tsv(paths: Sequence[Path], kind: Kind) -> str:
    """Write the query that reads `paths`, all with the same columns, as `select_json` does."""
    files = ", ".join(quoted(str(path)) for path in paths)
    packed = f", compression = '{kind.packed}'" if kind.packed != "none" else ""
    columns = ", ".join(f"{quoted(name)}: '{_read_as(name)}'" for name in kind.columns)
    source = (
        f"read_csv([{files}], columns = {{{columns}}}, delim = chr(9), quote = '', escape = '', "
        "comment = '', nullstr = '-', header = false, auto_detect = false, store_rejects = true, "
        f"max_line_size = {LONGEST}{packed})"
    )
    values = {
        field.name: value_of(field.zeek, field.kind)
        if field.zeek in kind.columns
        else f"CAST(NULL AS {field.kind})"
        for field in FIELDS
    }
    raw = ", ".join(f'{value} AS "{name}"' for name, value in values.items())
    inner = (
        f'SELECT {raw}, CAST(NULL AS VARCHAR) AS "{PATH}", CAST(NULL AS VARCHAR) AS "{SYSTEM}", '
        f"file_index FROM {source}"
    )
    return f"SELECT {meanings()}, coalesce({FAULT}, FALSE) AS fault, file_index FROM ({inner})"


def misfits(paths: Sequence[Path], kind: Kind) -> str:
    """Write the query that counts, by path, the rejected lines that are no header's."""
    files = ", ".join(quoted(str(path)) for path in paths)
    return (
        "SELECT file_path, count(*) AS lines FROM (SELECT DISTINCT file_path, line, csv_line FROM "
        "reject_errors JOIN reject_scans USING (scan_id, file_id)) "
        f"WHERE file_path IN ({files}) AND NOT ({_expected_header(kind)}) GROUP BY file_path"
    )


def _read_as(name: str) -> str:
    """Give the type that a column is read as; a vector is text, and parted by us."""
    kind = BY_ZEEK[name].kind if name in BY_ZEEK else "VARCHAR"
    return "VARCHAR" if kind.endswith("[]") else kind


def value_of(name: str, kind: str) -> str:
    """Write what a column means that was read as its type; a vector was read as text."""
    column = f'"{name}"'
    if name in PLAIN:
        return column
    if kind == "VARCHAR":
        return (
            f"CASE WHEN contains({column}, '\\x') THEN {UNESCAPE}({column}) "
            f"WHEN {column} = '(empty)' THEN '' ELSE {column} END"
        )
    if not kind.endswith("[]"):
        return column
    items = f"string_split({column}, ',')"
    if kind == "VARCHAR[]":
        # A raw comma separates and an escaped one does not: part them before it is unescaped.
        parted = f"{UNESCAPE}(replace({column}, ',', chr(31)))"
        each = f"string_split({parted}, chr(31))"
        items = f"CASE WHEN contains({column}, '\\x') THEN {each} ELSE {items} END"
    else:
        items = f"CAST({items} AS {kind})"
    return f"CASE {column} WHEN '(empty)' THEN CAST([] AS {kind}) ELSE {items} END"


def _expected_header(kind: Kind) -> str:
    """Write the condition that a line is one of the header that `kind` was told by."""
    lines = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tdns",
        "#path\tpano_dns",
        "\t".join(("#fields", *kind.columns)),
    ]
    begun = (f"starts_with(line, '{name}' || chr(9))" for name in ("#types", "#open", "#close"))
    listed = ", ".join(quoted(line).replace("\t", "' || chr(9) || '") for line in lines)
    line = "rtrim(csv_line, chr(13))"
    return f"{line} IN ({listed}) OR {' OR '.join(begun).replace('(line', '(csv_line')}"
