"""Parquet, ours or another's with Zeek's column names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.forensics.schema import FIELDS, NAMES, SYSTEM, meaning, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MANDATORY = ("ts", "id.orig_h", "id.resp_h")


def scan(paths: Sequence[Path]) -> str:
    """Write the scan of `paths`, to be described and selected from."""
    files = ", ".join(quoted(str(path)) for path in paths)
    return f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"


def select_columns(source: str, types: Mapping[str, str], name: str, file_index: str = "0") -> str:
    """Write the query that reads `source`, whose columns have Zeek's names and these DuckDB types.

    Raises:
        PanoError: when it holds no DNS records; `name` tells where.
    """
    for column in MANDATORY:
        if column not in types:
            raise PanoError(f"{name}: no column {column}", "give records of a dns.log")
    meant = {field.name: meaning(field.name) for field in FIELDS}
    if "TIME" in types["ts"]:
        # Kept as it is, for the engine to pass over parts of a file that are outside the range.
        meant["ts"] = "CAST(ts AS TIMESTAMP)"
    columns = []
    for field in FIELDS:
        has = types.get(field.zeek)
        raw = f'"{field.zeek}"' if has else "NULL"
        if has == "INTERVAL":
            raw = f"epoch_us({raw}) / 1e6"
        kind = types["ts"] if field.name == "ts" else field.kind
        columns.append(f'CAST({raw} AS {kind}) AS "{field.name}"')
    columns += [f'CAST(NULL AS VARCHAR) AS "{SYSTEM}"', f"{file_index} AS file_index"]
    inner = f"SELECT {', '.join(columns)} FROM {source}"
    values = ", ".join(f'{meant[column]} AS "{column}"' for column in NAMES)
    return f"SELECT {values}, FALSE AS fault, file_index FROM ({inner})"
