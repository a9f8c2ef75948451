"""Clean JSON lines, read by DuckDB itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.forensics.schema import FAULT, FIELDS, LATEST, PATH, SYSTEM, meaning, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pano_glue.forensics.readers.sniff import Kind


def select_json(paths: Sequence[Path], kind: Kind) -> str:
    """Write the query that reads `paths`, all of one `kind`: the schema, `fault` and `file_index`.

    A line that is no record comes as a row with `fault`. One that cannot be read, or has a value of
    another type in a column that is asked for, raises; of a `lenient` kind it comes as a row, too,
    and such a value is absent.
    """
    columns = {PATH: "VARCHAR", SYSTEM: "VARCHAR"}
    for field in FIELDS:
        text = field.name == "ts" and kind.iso
        columns[field.zeek.replace(".", kind.scope)] = "VARCHAR" if text else field.kind
    listed = ", ".join(f"{quoted(name)}: {quoted(of)}" for name, of in columns.items())
    files = ", ".join(quoted(str(path)) for path in paths)
    packed = f", compression = '{kind.packed}'" if kind.packed != "none" else ""
    source = (
        f"read_json([{files}], format = 'newline_delimited', "
        f"ignore_errors = {str(kind.lenient).lower()}, columns = {{{listed}}}{packed})"
    )
    raw = [
        f'"{field.zeek.replace(".", kind.scope)}" AS "{field.name}"'
        for field in FIELDS
        if field.name != "ts"
    ]
    seconds = "epoch_us(TRY_CAST(ts AS TIMESTAMPTZ)) / 1e6" if kind.iso else "ts"
    inner = (
        f'SELECT {seconds} AS ts, {", ".join(raw)}, "{PATH}", "{SYSTEM}", file_index FROM {source}'
    )
    return f"SELECT {meanings()}, coalesce({FAULT}, FALSE) AS fault, file_index FROM ({inner})"


def meanings() -> str:
    """Write the columns of the schema, as they are meant, from a row as it is in the log."""
    named = {field.name: meaning(field.name) for field in FIELDS}
    named["ts"] = f"CASE WHEN ts > 0 AND ts < {LATEST:.0f} THEN {named['ts']} END"
    return ", ".join(f'{sql} AS "{name}"' for name, sql in named.items())
