"""Every form of log, clean and damaged: what is whole is read, what is not is counted and told."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue import forensics
from pano_glue.errors import PanoError
from pano_glue.forensics.records import open_records
from tests.forensics.conftest import tsv

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

CASES = Path(__file__).parent / "cases"
# How many records each file holds.
WHOLE = {
    "bom-json": 3,
    "bom-tsv": 3,
    "crlf-json": 3,
    "crlf-tsv": 3,
    "json-nulls": 5,
    "json-then-tsv": 6,
    "tsv-then-json": 6,
    "millis": 3,
    "negative-rtt": 3,
    "no-tc": 3,
    "no-tc.tsv": 3,
    "scope-sep": 3,
    "separators": 3,
    "streaming": 3,
}


def read(*paths: Path) -> tuple[int, dict[str, int], list[str]]:
    """Read logs: how many records, what was skipped, and the notes."""
    with open_records([str(path) for path in paths]) as records:
        records.keep()
        skipped: dict[str, int] = {}
        notes = []
        for reading in records.readings():
            for why, count in reading.skipped.items():
                skipped[why] = skipped.get(why, 0) + count
            notes += reading.notes
        found = int(records.number("SELECT count(*) FROM records"))
        assert found == records.number("SELECT count(*) FROM every")
    return found, skipped, notes


def line(number: int = 0, **changed: Any) -> str:  # noqa: ANN401 - any value, also wrong ones
    record = {
        "ts": 1790000000.5 + number,
        "uid": f"C{number}",
        "id.orig_h": "10.0.0.1",
        "id.orig_p": 4000,
        "id.resp_h": "10.0.0.53",
        "id.resp_p": 53,
        "proto": "udp",
        "trans_id": number,
        "rtt": 0.25,
        "query": "a.example.org",
        "qtype": 1,
        "qtype_name": "A",
        "rcode": 0,
        "rcode_name": "NOERROR",
        "answers": ["192.0.2.1"],
        "TTLs": [60.0],
    }
    return json.dumps(record | changed) + "\n"


@pytest.mark.parametrize("name", WHOLE)
def test_cases_are_read_whole(name: str) -> None:
    found, skipped, _ = read(CASES / f"{name}.dns.log")
    assert found == WHOLE[name]
    assert skipped == ({"of other logs": 2} if name == "streaming" else {})


def test_all_cases_in_one_call() -> None:
    assert read(CASES)[0] == sum(WHOLE.values())


def test_what_was_changed_is_said() -> None:
    assert read(CASES / "millis.dns.log")[2] == ["times were read as milliseconds"]
    assert read(CASES / "negative-rtt.dns.log")[2] == ["a negative rtt was left out"]
    frame = forensics.load(CASES / "millis.dns.log")
    assert frame["ts"][0] == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


def test_outcomes_of_a_stock_log() -> None:
    frame = forensics.load(CASES / "json-nulls.dns.log")
    assert list(frame["outcome"]).count("answered") == 3
    assert list(frame["outcome"]).count("timeout") == 2


DAMAGED = {
    "half line": (line(0) + line(1)[:40], 1, {"half line at the end": 1}),
    "no line end": (line(0) + line(1)[:-1], 2, {}),
    "garbage": (line(0) + "what\n" + line(1), 2, {"lines that are no record": 1}),
    "an array": (line(0) + "[1, 2]\n7\n", 1, {"lines that are no record": 2}),
    "another log's line": (line(0) + '{"ts":1,"host":"a"}\n', 1, {"lines that are no record": 1}),
    "a text for a number": (
        line(0) + line(1, rcode="three", outcome="answered"),
        1,
        {"lines that are no record": 1},
    ),
    "no time": (line(0) + line(1, ts=None), 1, {"lines without a time": 1}),
    "a time that is none": (line(0) + line(1, ts="yesterday"), 1, {"lines without a time": 1}),
    "infinity": (
        line(0) + line(1, ts=1).replace('"ts": 1', '"ts": 1e400'),
        1,
        {"lines that are no record": 1},
    ),
    "milliseconds": (line(0) + line(1, ts=1790000000500), 2, {}),
    "iso in the middle": (line(0) + line(1, ts="2026-09-21T14:13:20Z"), 2, {}),
    "bytes that are no UTF-8": (
        line(0) + line(1, query="q").replace('"q"', '"\udcff.example.org"'),
        2,
        {},
    ),
    "a long line": (line(0) + line(1, query="a" * 40_000_000), 1, {"lines that are no record": 1}),
    "zeros": (line(0) + "\0" * 5000 + "\n" + line(1), 2, {}),
    "nested": (line(0) + "[" * 100_000 + "\n" + line(1), 2, {"lines that are no record": 1}),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_json(kind: str, tmp_path: Path) -> None:
    text, whole, skipped = DAMAGED[kind]
    log = tmp_path / "dns.log"
    log.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read(log)[:2] == (whole, skipped)


def test_a_clock_that_jumps_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "dns.log"
    log.write_text(
        "".join(line(number, ts=1790000000 + step) for number, step in enumerate((5, 0, 90000, 1)))
    )
    answer = forensics.timeline(log)
    assert answer.frame["queries"].sum() == 4


@pytest.mark.parametrize("pack", [gzip.compress, None])
def test_a_header_in_the_middle(pack: Callable[[bytes], bytes] | None, tmp_path: Path) -> None:
    records = [json.loads(line(number)) for number in range(4)]
    text = (tsv(records[:2]) + tsv(records[2:])).encode()
    log = tmp_path / ("dns.log.gz" if pack else "dns.log")
    log.write_bytes(pack(text) if pack else text)
    assert read(log)[:2] == (4, {})


def test_a_header_in_the_middle_with_other_columns(tmp_path: Path) -> None:
    records = [json.loads(line(number)) for number in range(4)]
    names = list(records[0])
    other = (
        "#fields\t"
        + "\t".join(reversed(names))
        + "\n#types\t"
        + "\t".join(
            reversed(
                [
                    "time",
                    "string",
                    "addr",
                    "port",
                    "addr",
                    "port",
                    "enum",
                    "count",
                    "interval",
                    "string",
                    "count",
                    "string",
                    "count",
                    "string",
                    "vector[string]",
                    "vector[interval]",
                ]
            )
        )
    )
    row = [
        "1790000009.5",
        "C9",
        "10.0.0.9",
        "4000",
        "10.0.0.53",
        "53",
        "udp",
        "9",
        "0.5",
        "z.example.org",
        "1",
        "A",
        "0",
        "NOERROR",
        "192.0.2.1",
        "60.0",
    ]
    log = tmp_path / "dns.log"
    log.write_text(tsv(records) + other + "\n" + "\t".join(reversed(row)) + "\n")
    frame = forensics.load(log)
    assert list(frame["id.orig_h"]) == ["10.0.0.1"] * 4 + ["10.0.0.9"]


def test_a_row_with_too_few_columns_is_skipped(tmp_path: Path) -> None:
    log = tmp_path / "dns.log"
    log.write_text(tsv([json.loads(line(0))]) + "1790000000.0\tC1\t10.0.0.1\n")
    assert read(log)[:2] == (1, {"lines that are no record": 1})


@pytest.mark.parametrize("form", ["json", "tsv"])
def test_a_wrong_value_in_any_column_is_told(form: str, tmp_path: Path) -> None:
    """Engines look only at the columns that a question needs; what is stored is looked at whole."""
    from pano_glue.forensics.to_parquet import to_parquet

    records = [json.loads(line(number)) for number in range(3)]
    records[1]["qtype"] = "many"
    log = tmp_path / "dns.log"
    log.write_text(tsv(records) if form == "tsv" else "".join(map(line_of, records)))
    with open_records(log) as opened:
        assert to_parquet(opened, tmp_path / "lake") == 2
        assert opened.readings()[0].skipped == {"lines that are no record": 1}
    assert len(forensics.load(tmp_path / "lake")) == 2
    assert len(forensics.search(log).frame) == 2


def line_of(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"


def test_hostile_names_keep_every_byte_in_tsv(tmp_path: Path) -> None:
    names = [
        "a#b.test",
        'q"uote.test',
        "tab\t.test",
        "-",
        "back\\slash.test",
        "<script>.test",
        "comma,.test",
    ]
    log = tmp_path / "dns.log"
    log.write_text(tsv([json.loads(line(n, query=name)) for n, name in enumerate(names)]))
    assert list(forensics.load(log)["query"]) == names


def test_a_cut_archive_gives_what_is_whole(tmp_path: Path) -> None:
    whole = "".join(
        line(number, query=f"n{number * 7919}.example.org") for number in range(5000)
    ).encode()
    cut = gzip.compress(whole)[:-20_000]
    log = tmp_path / "dns.log.gz"
    log.write_bytes(cut)
    found, skipped, _ = read(log)
    # gzip itself says what can be had.
    import subprocess

    had = subprocess.run(["gzip", "-dc"], input=cut, capture_output=True, check=False).stdout
    assert found == had.count(b"\n")
    assert skipped["rest of a cut or damaged archive"] == 1


def test_archives_of_several_members_and_wrong_names(tmp_path: Path) -> None:
    (tmp_path / "dns.1.log.gz").write_bytes(
        gzip.compress(line(0).encode()) + gzip.compress(line(1).encode())
    )
    (tmp_path / "dns.2.log.gz").write_text(line(2))
    (tmp_path / "dns.3.log").write_bytes(gzip.compress(line(3).encode()))
    assert read(tmp_path)[:2] == (4, {})


def test_zstd(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    (tmp_path / "dns.log.zst").write_bytes(zstandard.compress(line(0).encode()))
    (tmp_path / "dns.log").write_bytes(zstandard.compress(line(1).encode()))
    assert read(tmp_path / "dns.log.zst", tmp_path / "dns.log")[:2] == (2, {})


def test_an_archive_layout_and_what_is_beside_it(tmp_path: Path) -> None:
    day = tmp_path / "2026-11-24"
    day.mkdir()
    for hour in range(2):
        packed = gzip.compress(line(hour).encode())
        (day / f"dns.{hour:02}:00:00-{hour + 1:02}:00:00.log.gz").write_bytes(packed)
    (day / "conn.00:00:00-01:00:00.log.gz").write_bytes(gzip.compress(b"{}"))
    (day / "dns_red.00:00:00-01:00:00.log.gz").write_bytes(gzip.compress(b"{}"))
    (tmp_path / "pano_dns.log").write_text(line(2))
    assert read(tmp_path)[0] == 3
    assert read(Path(str(day / "dns.0*")))[0] == 2


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("dns.log", bytes(range(256)) * 40, "neither"),
        ("conn.log", b"#separator \\x09\n#path\tconn\n#fields\tts\n#types\ttime\n", "conn.log"),
        ("http.json", b'{"ts":1,"host":"a","uri":"/"}\n', "other JSON"),
    ],
)
def test_what_is_no_dns_log_is_refused(
    name: str, content: bytes, word: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PanoError, match=word):
        read(tmp_path / name)


def test_folders_without_logs_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(PanoError, match="no DNS logs among 0 files"):
        read(tmp_path)
    with pytest.raises(PanoError, match="no such file"):
        read(tmp_path / "dns.log")
    with pytest.raises(PanoError, match="no file has such a name"):
        read(tmp_path / "*.log")


def test_an_empty_file_is_said_and_harmless(tmp_path: Path) -> None:
    (tmp_path / "dns.1.log").touch()
    (tmp_path / "dns.2.log").write_text(line(0))
    assert read(tmp_path) == (1, {}, ["empty"])


def test_the_exit_code_tells(
    cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    log = tmp_path / "dns.log"
    log.write_text(line(0) + "broken\n" + line(1))
    done = cli("search", log, "--format", "json")
    assert done.returncode == 1
    assert len(json.loads(done.stdout)["tables"]["records"]) == 2
    assert f"{log}: 2 records read; 1 lines that are no record skipped" in done.stderr
    log.write_text(line(0))
    assert cli("search", log).returncode == 0


def test_other_readers_agree(planted: Any, tmp_path: Path) -> None:  # noqa: ANN401 - Planted
    """zat, which nobody here wrote, reads the same from TSV."""
    zat = pytest.importorskip("zat.log_to_dataframe", reason="zat is not installed")
    log = tmp_path / "dns.log"
    log.write_text(tsv(planted.records[:2000]))
    theirs = zat.LogToDataFrame().create_dataframe(str(log), ts_index=False)
    ours = forensics.load(log).set_index("uid").loc[theirs["uid"]]
    for name in ("id.orig_h", "query", "qtype_name", "rcode_name"):
        assert list(ours[name].astype(str)) == list(theirs[name].astype(str)), name
    assert list(ours["rtt"].dt.total_seconds()) == pytest.approx(
        list(theirs["rtt"].dt.total_seconds())
    )


def test_every_form_in_one_call(tmp_path: Path) -> None:
    from pano_glue.forensics.to_parquet import to_parquet

    records = [json.loads(line(number)) for number in range(8)]
    (tmp_path / "dns.log").write_text(line(0) + line(1))
    (tmp_path / "dns.2.log.gz").write_bytes(gzip.compress(tsv(records[2:4]).encode()))
    (tmp_path / "old").mkdir()
    iso = "".join(line(n, ts=f"2026-09-21T14:13:2{n}.5Z") for n in range(4, 6))
    (tmp_path / "old" / "edge.dns.log").write_text(iso)
    with open_records(write_lines(tmp_path / "new.dns.log", records[6:])) as opened:
        to_parquet(opened, tmp_path / "lake")
    (tmp_path / "new.dns.log").unlink()
    frame = forensics.load(tmp_path)
    assert sorted(frame["uid"]) == [f"C{number}" for number in range(8)]
    assert list(frame["ts"].dt.second) == [20, 21, 22, 23, 24, 25, 26, 27]
    assert list(frame["rtt"].dt.total_seconds()) == [0.25] * 8


def write_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_commas_within_answers_do_not_divide_them(tmp_path: Path) -> None:
    answers = ["TXT 5 a,b", "plain", "back\\slash", "-"]
    log = tmp_path / "dns.log"
    log.write_text(tsv([json.loads(line(0, answers=answers, TTLs=[1.0]))]))
    assert [list(one) for one in forensics.load(log)["answers"]] == [answers]
