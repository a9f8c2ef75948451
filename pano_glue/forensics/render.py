"""Answers as tables on a terminal, CSV, JSON or Parquet."""

from __future__ import annotations

import io
import math
import sys
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

import msgspec

from pano_glue.errors import SettingError
from pano_glue.forensics.words import plain, seconds, share

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from pano_glue.forensics.answer import Answer

WHOLE = 1000  # from here on people read no decimals
FORMATS = ("table", "csv", "json", "parquet")


def check_form(form: str) -> None:
    """Check a format's name before anything is read.

    Raises:
        SettingError: when there is no such format.
    """
    if form not in FORMATS:
        raise SettingError(f"--format {form}: no such format", f"name {', '.join(FORMATS)}")


def render(answer: Answer, form: str, output: Path | None) -> None:
    """Write an answer to a file, or to stdout.

    CSV and Parquet hold the answer proper, its first table; the sentences then go to stderr.

    Raises:
        SettingError: for Parquet to a terminal, or a file that cannot be written.
    """
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise SettingError("--format parquet is not for a terminal", "add --output FILE")
    if output is None:
        _write(answer, form, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("wb") as file:
            _write(answer, form, file)
    except OSError as error:
        raise SettingError(
            f"--output {output}: {error.strerror}", "name a file to write"
        ) from error


def tell(answer: Answer) -> None:
    """Say on stderr what is not part of a table: what was skipped, and whether all is there."""
    for reading in answer.readings:
        if reading.skipped or reading.notes:
            print(f"pano-bridge: {plain(reading.sentence())}", file=sys.stderr)
    if answer.complete:
        print(f"pano-bridge: {plain(answer.complete)}", file=sys.stderr)


def _write(answer: Answer, form: str, file: IO[bytes]) -> None:
    if form == "table":
        file.write(_tables(answer).encode("utf-8", "backslashreplace"))
    elif form == "json":
        file.write(msgspec.json.encode(as_json(answer)) + b"\n")
    elif form == "csv":
        file.write(_flat(answer.frame).to_csv(index=False).encode("utf-8", "backslashreplace"))
    else:
        answer.frame.to_parquet(file, index=False)


def as_json(answer: Answer) -> dict[str, Any]:
    """Give an answer as what JSON has: facts, completeness, files, tables of rows."""
    return {
        "question": answer.question,
        "facts": answer.facts,
        "complete": answer.complete,
        "files": [
            {
                "name": reading.name,
                "records": reading.records,
                "skipped": dict(reading.skipped),
                "notes": reading.notes,
            }
            for reading in answer.readings
        ],
        "tables": {title: rows(frame) for title, frame in answer.tables.items()},
    }


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a frame's rows; what is missing is null."""
    columns = {str(name): [_value(value) for value in frame[name]] for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _value(value: Any) -> Any:  # noqa: ANN401, PLR0911 - any cell
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if value is None or str(value) in {"<NA>", "NaT"}:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value if isinstance(value, int | float | bool) else str(value)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Write lists as one cell, as Zeek's TSV does."""
    flat = frame.copy()
    for name in flat.columns:
        cells = flat[name]
        if any(hasattr(cell, "__len__") and not isinstance(cell, str) for cell in cells):
            flat[name] = [
                ",".join(str(item) for item in cell)
                if hasattr(cell, "__len__") and not isinstance(cell, str)
                else cell
                for cell in cells
            ]
    return flat


def _tables(answer: Answer) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(
        width=None if terminal else 10_000, force_terminal=terminal, record=True, file=io.StringIO()
    )
    for fact in answer.facts:
        console.print(Text(plain(fact)), soft_wrap=True)
    for title, whole in answer.tables.items():
        frame = whole[list(answer.brief)] if whole is answer.frame and answer.brief else whole
        columns = [str(name) for name in frame.columns]
        table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in columns:
            table.add_column(Text(heading(name)), overflow="fold")
        for row in zip(*(frame[name] for name in frame.columns), strict=True):
            table.add_row(
                *(Text(cell(name, value)) for name, value in zip(columns, row, strict=True))
            )
        console.print(table)
    return console.export_text(styles=terminal)


def heading(name: str) -> str:
    """Write a column's name; the unit stands in the cells."""
    return name.removesuffix("_seconds").removesuffix("_share").replace("_", " ") + (
        " share" if name.endswith("_share") else ""
    )


def cell(name: str, value: Any) -> str:  # noqa: ANN401, PLR0911 - any cell
    """Write a value as people read it."""
    value = _value(value)
    if value is None:
        return "-"
    if isinstance(value, list):
        return plain(", ".join(str(item) for item in value))
    if name.endswith("_seconds") and isinstance(value, int | float):
        return seconds(float(value))
    if name.endswith("_share") and isinstance(value, int | float):
        return share(float(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and not name.endswith(("_port", "_id")):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= WHOLE else f"{value:.4g}"
    if isinstance(value, str) and value.endswith("+00:00"):
        moment = value.removesuffix("+00:00").replace("T", " ")
        return moment[:19] if name in {"first_seen", "last_seen", "time"} else moment
    return plain(f"{value}")
