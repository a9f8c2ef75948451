"""Zeek's TSV, against zat, which reads it by other code."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_glue.errors import PanoError
from pano_glue.sources.tsv import TsvHeader

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


def convert(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in TsvHeader("dns.log").json_lines(data).splitlines()]


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
    made = TsvHeader("dns.log").json_lines(HEADER + b"1.0\tC1\n")
    assert made == b"1.0\tC1"


def test_records_without_a_header() -> None:
    with pytest.raises(PanoError, match=r"dns\.log: not a Zeek log"):
        TsvHeader("dns.log").json_lines(b"1.0\tC1\n")


@given(st.lists(st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["C", "Z"]))))
def test_any_text_comes_back(values: list[str]) -> None:
    header = b"#separator \\x09\n#fields\ta\n#types\tstring\n"
    rows = [value for value in values if value and value != "-" and value[0] != "#"]
    escaped = [value.replace("\\", "\\x5c") for value in rows]
    made = TsvHeader("t").json_lines(header + "\n".join(escaped).encode())
    assert [json.loads(line).get("a") for line in made.splitlines()] == rows


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_break_it(header: bytes, rows: bytes) -> None:
    with contextlib.suppress(PanoError):
        TsvHeader("t").json_lines(b"#" + header + b"\n" + HEADER + rows)


def test_only_the_fields_that_are_asked_for() -> None:
    header = TsvHeader("dns.log", frozenset({"rtt", "query"}))
    made = [json.loads(line) for line in header.json_lines(HEADER + ROWS).splitlines()]
    assert made == [{"rtt": 0.25, "query": 'a"b.org'}, {}, {"query": "-"}]


def test_bad_rows_stand_where_they_stood() -> None:
    good = ROWS.splitlines()[1]
    rows = [good if n % 3 else b"bad\trow" for n in range(1000)]
    made = TsvHeader("dns.log").json_lines(HEADER + b"\n".join(rows)).splitlines()
    assert [line == b"bad\trow" for line in made] == [n % 3 == 0 for n in range(1000)]
    assert {json.loads(line)["ts"] for line in made if line != b"bad\trow"} == {2.0}
