"""Logs as Zeek and others write them when it is set otherwise, counted to the record."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from pano_glue.bridge.counting import Counting
from pano_glue.config import Config
from pano_glue.protocols.dns.record import newest_of
from pano_glue.sources import Batch
from pano_glue.sources.log_file import LogFile
from pano_glue.sources.log_position import Mark
from tests.bridge.living import Living, pano, wait_until
from tests.bridge.records import Page, read_page, total

CASES = Path(__file__).parents[1] / "data" / "cases"
LIMIT = 1 << 20
RESULT = "pano_bridge_records_total"


class Right(NamedTuple):
    """What a case comes to."""

    counted: int
    skipped: int = 0
    rtts: int | None = None


RIGHT = {
    "bom-json.dns.log": Right(3),
    "bom-tsv.dns.log": Right(3),
    "crlf-json.dns.log": Right(3),
    "crlf-tsv.dns.log": Right(3),
    "gz-cut.dns.log.gz": Right(4498),
    "json-nulls.dns.log": Right(5, rtts=1),
    "json-then-tsv.dns.log": Right(6),
    "millis.dns.log": Right(3),
    "negative-rtt.dns.log": Right(3, rtts=2),
    "no-tc.dns.log": Right(3),
    "no-tc.tsv.dns.log": Right(3),
    "scope-sep.dns.log": Right(3),
    "separators.dns.log": Right(3),
    "streaming.dns.log": Right(3, skipped=2),
    "tsv-then-json.dns.log": Right(6),
}


def results(page: Page, **labels: str) -> tuple[float, ...]:
    return tuple(
        total(page, RESULT, result=result, **labels)
        for result in ("counted", "malformed", "skipped")
    )


def has(bridge: Living, source: str, want: tuple[float, ...]) -> bool:
    return results(bridge.page(), source=source) == want


def test_every_case_has_its_right_value() -> None:
    assert {path.name for path in CASES.glob("*.log*")} == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
def test_replay_counts_each_record(name: str) -> None:
    done = pano("replay", str(CASES / name))
    page = read_page(done.stdout)
    right = RIGHT[name]
    assert results(page) == (right.counted, 0, right.skipped)
    if right.rtts is not None:
        assert total(page, "pano_dns_rtt_seconds_count") == right.rtts
    cut = "cut" in name
    assert done.returncode == int(cut)
    assert ("its last part is lost" in done.stderr) == cut


def test_run_counts_each_record_of_all_of_them(tmp_path: Path) -> None:
    sources = []
    for name in RIGHT:
        shutil.copy(CASES / name, tmp_path / name)
        sources += ["--source", f"log:{tmp_path / name}?from=beginning"]
    bridge = Living(tmp_path, *sources)
    try:
        for name, right in RIGHT.items():
            want = (right.counted, 0, right.skipped)
            source = f"log:{tmp_path / name}"
            wait_until(partial(has, bridge, source, want), name)
            assert total(bridge.page(), "pano_bridge_connected", source=source) == 1
        assert bridge.end() == 0
        assert "malformed record" not in bridge.errors()
    finally:
        bridge.kill()


def count(counting: Counting, path: Path, mark: Mark | None) -> Mark:
    log = LogFile(path, LIMIT, tables=True, mark=mark)
    while lines := log.lines.next():
        counting.apply("log:t", Batch("dns", lines))
    made = log.mark()
    log.close()
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Mark)


@pytest.mark.parametrize("name", [name for name in RIGHT if not name.endswith(".gz")])
def test_a_restart_anywhere_in_the_middle(name: str, tmp_path: Path) -> None:
    whole = (CASES / name).read_bytes()
    path = tmp_path / name
    for end in range(0, len(whole), 97):
        counting = Counting(Config())
        path.write_bytes(whole[:end])
        mark = count(counting, path, None)
        path.write_bytes(whole)
        count(counting, path, mark)
        counted = {
            result: counting.ledger.metrics()[0].values.get(("log:t", "dns", result), 0)
            for result in ("counted", "malformed", "skipped")
        }
        right = RIGHT[name]
        assert counted == {"counted": right.counted, "malformed": 0, "skipped": right.skipped}, end


@pytest.mark.parametrize(
    ("ts", "seconds"),
    [
        (1790000002.5, 1790000002.5),
        (1790000002500.0, 1790000002.5),
        (1790000002500000, 1790000002.5),
        ("2026-09-21T14:13:22.500000Z", 1790000002.5),
        ("2026-09-21T16:13:22.5+02:00", 1790000002.5),
        ("yesterday", None),
        (-1, None),
        (1e300, None),
    ],
)
def test_times_as_they_may_be_written(ts: float | str, seconds: float | None) -> None:
    line = json.dumps({"ts": ts, "rtt": 0.25}).encode()
    newest = newest_of(b'{"ts":1}\n' + line + b"\n")
    assert newest == (None if seconds is None else seconds + 0.25)
