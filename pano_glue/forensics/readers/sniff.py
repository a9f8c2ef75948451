"""What kind of file this is, by its first lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pano_glue.forensics.readers.open import compression, head
from pano_glue.forensics.schema import LATEST, PATH, PATHS

if TYPE_CHECKING:
    from pathlib import Path

TAGGED = 2  # keys of a record in its tag: the tag, and what the producer adds
TAIL = 16  # bytes at the end of a file that are looked at
BOM = b"\xef\xbb\xbf"
PCAP = (
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x0a\x0d\x0d\x0a",
)


class Kind(NamedTuple):
    """What a file is, and what has to be known to read it.

    `form` is `json`, `tsv`, `parquet`, `pcap`, `empty`, `other` (another log of Zeek, named by
    `detail`) or `unknown`. `plain` files keep to one form as far as was looked, and can be read
    by the engine, `lenient` ones, whose last line is being written, without raising at what is no
    record; `scope` stands between `id` and `orig_h`; `iso` times are text; `columns` is TSV's
    header.
    """

    form: str
    plain: bool = True
    lenient: bool = False
    scope: str = "."
    iso: bool = False
    columns: tuple[str, ...] = ()
    packed: str = "none"
    detail: str = ""


def kind_of(path: Path) -> Kind:
    """Look at a file.

    Raises:
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(4)
    if begin == b"PAR1":
        return Kind("parquet")
    packed = compression(path)
    # Engines go by the name; a file that is named otherwise is read by us.
    named = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix, "none") == packed
    start = head(path)
    if start.startswith(PCAP):
        return Kind("pcap", packed=packed)
    if not start.strip():
        return Kind("empty")
    lines = start.removeprefix(BOM).lstrip().splitlines()
    if lines[0].startswith(b"#"):
        kind = _tsv(lines)
        plain = kind.plain and not start.startswith(BOM)
        return kind._replace(packed=packed, plain=plain and named)
    kind = _json(lines)
    lenient = packed == "none" and _is_being_written(path)
    return kind._replace(packed=packed, plain=kind.plain and named, lenient=lenient)


def _is_being_written(path: Path) -> bool:
    """Tell whether the last line has no end, and is no whole record either."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        last = file.read()
    return not last.endswith(b"\n") and not last.rstrip().endswith(b"}")


def _json(lines: list[bytes]) -> Kind:
    try:
        first = msgspec.json.decode(lines[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        first = None
    if not isinstance(first, dict):
        readable = any(line.startswith((b'{"', b"#fields")) for line in lines)
        return Kind("json", plain=False) if readable else Kind("unknown")
    if first.get(PATH) not in {None, *PATHS}:
        return Kind("json", plain=False)
    scope = "_" if "id_orig_h" in first else "."
    when = first.get("ts")
    if f"id{scope}orig_h" not in first:
        tagged = len(first) <= TAGGED and any(isinstance(value, dict) for value in first.values())
        mixed = tagged or PATH in first
        return Kind("json", plain=False) if mixed else Kind("other", detail="other JSON")
    if not isinstance(when, str):
        plain = isinstance(when, int | float) and when < LATEST
        return Kind("json", plain=plain, scope=scope)
    iso = re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)", when)
    return Kind("json", plain=bool(iso), scope=scope, iso=True)


def _tsv(lines: list[bytes]) -> Kind:
    header: dict[bytes, list[bytes]] = {}
    for line in lines:
        if not line.startswith(b"#"):
            break
        name, *values = line.rstrip(b"\r").split(b"\t")
        header[name] = values
    told = header.get(b"#path")
    if told and told[0].decode("utf-8", "replace") not in PATHS:
        return Kind("other", detail=told[0].decode("utf-8", "replace") + ".log")
    columns = tuple(name.decode("utf-8", "replace") for name in header.get(b"#fields", ()))
    usual = (
        b"#separator \\x09" in header
        and header.get(b"#set_separator") == [b","]
        and header.get(b"#empty_field") == [b"(empty)"]
        and header.get(b"#unset_field") == [b"-"]
    )
    mandatory = {"ts", "id.orig_h", "id.resp_h"} <= set(columns)
    return Kind("tsv", plain=usual and mandatory, columns=columns)
