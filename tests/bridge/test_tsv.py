"""Zeek's TSV, against zat, which reads it by other code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_glue.protocols.dns.record import LOGS, DnsRecord, DnsRow, least_ttl, mended
from pano_glue.protocols.lines import Decoded, LineDecoder
from pano_glue.sources.log_file import LogLines
from pano_glue.sources.tsv import Table

if TYPE_CHECKING:
    from pathlib import Path

HEADER = (
    b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
    b"#open\t2026-01-01-00-00-00\n"
    b"#fields\tts\tuid\tid.orig_h\tid.resp_p\tproto\trtt\tquery\tTC\tanswers\tTTLs\n"
    b"#types\ttime\tstring\taddr\tport\tenum\tinterval\tstring\tbool\tvector[string]"
    b"\tvector[interval]\n"
)
ROWS = (
    b'1.5\tC1\t192.0.2.1\t53\tudp\t0.25\ta"b.org\tF\tx\\x2cy,z\t1.000000,2.500000\n'
    b"2.0\tC2\t2001:db8::1\t53\ttcp\t-\t-\tT\t(empty)\t-\n"
    b"3.0\tC3\t2001:db8::1\t53\ttcp\t-\t\\x2d\tT\t-\t-\n"
    b"#close\t2026-01-01-01-00-00\n"
)


def made(data: bytes, *, tables: bool = False) -> bytes | Table:
    pieces = iter([data])
    lines = LogLines(lambda _: next(pieces, b""), 1 << 20, tables=tables)
    return lines.next() or lines.rest()


def json_lines(data: bytes) -> bytes:
    lines = made(data)
    assert isinstance(lines, bytes)
    return lines


def convert(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in json_lines(data).splitlines()]


def test_types_unset_empty_and_escapes() -> None:
    first, second, third = convert(HEADER + ROWS)
    assert first == {
        "ts": 1.5,
        "uid": "C1",
        "id.orig_h": "192.0.2.1",
        "id.resp_p": 53,
        "proto": "udp",
        "rtt": 0.25,
        "query": 'a"b.org',
        "TC": False,
        "answers": ["x,y", "z"],
        "TTLs": [1.0, 2.5],
    }
    assert second["answers"] == []
    assert "rtt" not in second
    assert "query" not in second
    assert third["query"] == "-"


def test_same_values_as_zat(tmp_path: Path) -> None:
    reader = pytest.importorskip("zat.zeek_log_reader")
    path = tmp_path / "dns.log"
    path.write_bytes(HEADER + ROWS)
    for ours, theirs in zip(convert(HEADER + ROWS), reader.ZeekLogReader(str(path)).readrows()):  # noqa: B905 - zat's is an endless generator type
        assert ours["ts"] == theirs["ts"].timestamp()
        assert (ours["uid"], ours["id.resp_p"]) == (theirs["uid"], theirs["id.resp_p"])


def test_a_short_row_is_left_for_the_protocol_to_reject() -> None:
    assert json_lines(HEADER + b"1.0\tC1\n") == b"1.0\tC1\n"


@given(st.lists(st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["C", "Z"]))))
def test_any_text_comes_back(values: list[str]) -> None:
    header = b"#separator \\x09\n#fields\ta\n#types\tstring\n"
    rows = [v for v in values if v and v not in ("-", "(empty)") and v[0] not in "#{"]
    escaped = [value.replace("\\", "\\x5c") + "\n" for value in rows]
    assert [row.get("a") for row in convert(header + "".join(escaped).encode())] == rows


DECODER = LineDecoder(LOGS, DnsRecord, DnsRow, mended)
DNS_HEADER = (
    b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
    b"#fields\tts\tid.orig_h\tid.resp_h\tproto\trtt\tquery\tqtype\tTC\tTTLs\n"
    b"#types\ttime\taddr\taddr\tenum\tinterval\tstring\tcount\tbool\tvector[interval]\n"
)
WORDS = (
    r"1.5 192.0.2.1 2001:db8::1 udp tcp - (empty) T F 0.25 -0.5 nan 65536 1 a\x2db \x2d q 300,2.5"
)
cells = st.sampled_from([*WORDS.split(), 'q"', "x" * 50, "\xe9", ""])
good = st.sampled_from(
    [
        "1.5\t192.0.2.1\t192.0.2.2\tudp\t0.5\ta.b\t1\tF\t60,5.5",
        "2\t::1\t::2\ttcp\t-\t-\t-\tT\t-",
    ]
)
rows = st.lists(good | st.lists(cells, min_size=8, max_size=10).map("\t".join), max_size=40)


@given(rows)
def test_a_row_is_the_record_that_its_json_is(texts: list[str]) -> None:
    """Two ways through the code, which must agree on every row, whatever stands beside it."""
    data = "".join(text + "\n" for text in texts if text and text[0] not in "#{").encode()
    table = made(DNS_HEADER + data, tables=True)
    together = DECODER.decode(table)
    single = DECODER.decode(table.json_lines() if isinstance(table, Table) else table)
    strict = as_records(single)
    assert as_records(together) == strict
    assert together.malformed == single.malformed
    assert together.malformed + len(strict) == data.count(b"\n")


def as_records(decoded: Decoded) -> list[dict[str, Any]]:
    names = DnsRecord.__struct_fields__
    rows = [dict(zip(names, row, strict=True)) for row in zip(*decoded.columns, strict=True)]
    return [row | {"TTLs": least_ttl(row["TTLs"])} for row in rows]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_break_it(header: bytes, data: bytes) -> None:
    for tables in (True, False):
        lines = made(b"#" + header + b"\n" + HEADER + data, tables=tables)
        DECODER.decode(lines)


def test_bad_rows_are_counted_and_shown() -> None:
    ok = b"1.5\t192.0.2.1\t192.0.2.2\tudp\t0.5\ta.b\t1\tF\t-\n"
    data = b"".join(ok if n % 3 else b"bad\trow\n" for n in range(1000))
    decoded = DECODER.decode(made(DNS_HEADER + data, tables=True))
    assert (decoded.counted, decoded.malformed) == (666, 334)
    assert decoded.samples[0] == (b"bad\trow\n", "not 9 columns")
    assert len(decoded.samples) == 10


@pytest.mark.parametrize(
    ("path", "malformed", "skipped"), [(b"dns", 1, 0), (b"conn", 0, 1), (b"/logs/conn", 0, 1)]
)
def test_rows_under_another_logs_header(path: bytes, malformed: int, skipped: int) -> None:
    header = b"#separator \\x09\n#path\t" + path + b"\n#fields\tts\tuid\n#types\ttime\tstring\n"
    decoded = DECODER.decode(made(header + b"1.0\tC1\n", tables=True))
    assert (decoded.malformed, decoded.skipped) == (malformed, skipped)
