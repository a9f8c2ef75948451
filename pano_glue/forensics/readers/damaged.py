r"""Logs that are not clean: read line by line, what is whole is written to a clean file.

A file may change between JSON and TSV, begin with a byte order mark, hold the lines of other logs,
end in the middle of a line or of a gzip stream, or give times in another unit. Each line that is
no record is counted with the reason; a value that was changed is told in the notes.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import msgspec

from pano_glue.forensics.readers.open import blocks
from pano_glue.forensics.readers.reading import OTHER_LOG
from pano_glue.forensics.readers.tsv_rows import TsvRows
from pano_glue.forensics.schema import BY_ZEEK, LATEST, PATH, PATHS, SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pano_glue.forensics.readers.reading import Reading

Row = dict[str, Any]
LINE = 16 << 20  # bytes; what is longer is no record, as DuckDB has it
BOM = b"\xef\xbb\xbf"
UNITS = ((LATEST, 1e3, "milliseconds"), (1e14, 1e6, "microseconds"), (1e17, 1e9, "nanoseconds"))
LAST = 1e20  # larger is no time in any unit
HALF = "half line at the end"
BROKEN = "lines that are no record"
CUT = "rest of a cut or damaged archive"
NO_UTF8 = re.compile("[\udc80-\udcff]")  # bytes, as `surrogateescape` decodes them


class NoRecordError(ValueError):
    """A line that is no record of ours; the text says why, as it is counted."""


def clean(path: Path, reading: Reading, into: IO[bytes]) -> None:
    """Write the records of `path` as clean JSON lines `into` a file; tell it in `reading`.

    Raises:
        OSError: when the file cannot be read at all.
    """
    encode = msgspec.json.Encoder().encode
    reading.records, rows = 0, TsvRows()
    reading.skipped.clear()
    for line in _lines(path, reading):
        try:
            row = _row(line, rows)
            if row is None:
                continue
            into.write(encode(_standard(row, reading)) + b"\n")
            reading.records += 1
        except NoRecordError as error:
            reading.skipped[str(error)] += 1


def _lines(path: Path, reading: Reading) -> Iterator[bytes]:
    """Yield whole lines, without line end; what is not whole is counted as skipped."""
    half, overlong = b"", False
    first = True
    try:
        for block in blocks(path):
            *lines, half = (half + block).split(b"\n")
            for line in lines:
                plain = line.removeprefix(BOM) if first else line
                first = False
                if overlong or len(plain) > LINE:
                    reading.skipped[BROKEN] += 1
                    overlong = False
                elif plain.strip(b"\r\0 \t"):
                    yield plain.rstrip(b"\r")
            if len(half) > LINE:
                half, overlong = b"", True
    except EOFError:
        reading.skipped[CUT] += 1
        if half:
            reading.skipped[HALF] += 1
        return
    if not half.strip(b"\r\0 \t"):
        return
    # Without a line end the last line may be whole, or be written just now.
    whole = half.startswith(b"{") and half.rstrip().endswith(b"}")
    if whole or half.startswith(b"#close"):
        yield half.removeprefix(BOM) if first else half
    else:
        reading.skipped[HALF] += 1


def _row(line: bytes, rows: TsvRows) -> Row | None:
    """Decode a line of either form; None for one of a header.

    Raises:
        NoRecordError: when it is neither.
    """
    if line.startswith(b"#"):
        rows.header(line)
        return None
    if not line.lstrip().startswith(b"{"):
        row = rows.row(line)
        if row is None:
            raise NoRecordError(BROKEN)
        if rows.path and rows.path not in PATHS:
            raise NoRecordError(OTHER_LOG)
        return row
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:  # bytes that are no UTF-8: write them as TSV does
            text = line.decode("utf-8", "surrogateescape")
            row = msgspec.json.decode(
                NO_UTF8.sub(lambda byte: f"\\\\x{ord(byte[0]) - 0xDC00:x}", text)
            )
        except (msgspec.DecodeError, RecursionError) as error:
            raise NoRecordError(BROKEN) from error
    return _untagged(row)


def _untagged(row: Row) -> Row:
    """Take a record out of its tag, as zeek-kafka writes it; other logs are not ours."""
    if not isinstance(row, dict):
        raise NoRecordError(BROKEN)
    for path in PATHS:
        if isinstance(row.get(path), dict):
            return dict(row[path])
    told = row.get(PATH)
    if told is not None and told not in PATHS:
        raise NoRecordError(OTHER_LOG)
    if "ts" not in row and any(isinstance(value, dict) for value in row.values()):
        raise NoRecordError(OTHER_LOG)
    return row


def _standard(row: Row, reading: Reading) -> Row:
    """Bring a row to the schema: names, units, types.

    Raises:
        NoRecordError: when it cannot be a DNS record.
    """
    if "id_orig_h" in row:
        row = {name.replace("id_", "id.", 1): value for name, value in row.items()}
    client, server = row.get("id.orig_h"), row.get("id.resp_h")
    if not (isinstance(client, str) and isinstance(server, str) and client and server):
        raise NoRecordError(BROKEN)
    if "sensor" not in row and isinstance(row.get(SYSTEM), str):
        row["sensor"] = row[SYSTEM]
    standard = {
        name: value
        for name, value in row.items()
        if value is not None and name in BY_ZEEK and name != "ts"
    }
    for name, value in standard.items():
        if not _fits(BY_ZEEK[name].kind, value):
            raise NoRecordError(BROKEN)
    standard["ts"] = _seconds(row.get("ts"), reading)
    rtt = standard.get("rtt")
    if rtt is not None and rtt < 0:
        del standard["rtt"]
        _note(reading, "a negative rtt was left out")
    return standard


def _fits(kind: str, value: object) -> bool:
    if kind.endswith("[]"):
        return isinstance(value, list) and all(_fits(kind[:-2], item) for item in value)
    if kind == "VARCHAR":
        return isinstance(value, str)
    if kind == "BOOLEAN":
        return isinstance(value, bool)
    if kind == "INTEGER":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31
    return isinstance(value, int | float) and math.isfinite(value)


def _seconds(when: object, reading: Reading) -> float:
    """Read a time: epoch seconds, another unit told by its size, or ISO text.

    Raises:
        NoRecordError: when it is none.
    """
    if isinstance(when, str):
        try:
            moment = datetime.fromisoformat(when)
        except ValueError as error:
            raise NoRecordError("lines without a time") from error
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
            _note(reading, "times without a zone were read as UTC")
        return moment.timestamp()
    if isinstance(when, bool) or not isinstance(when, int | float) or not 0 < when < LAST:
        raise NoRecordError("lines without a time")
    for least, scale, unit in reversed(UNITS):
        if when >= least:
            _note(reading, f"times were read as {unit}")
            return when / scale
    return float(when)


def _note(reading: Reading, note: str) -> None:
    if note not in reading.notes:
        reading.notes.append(note)
