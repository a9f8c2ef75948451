"""Which files are a log's, and that each record is read once, whatever is done to the files."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
import zstandard

from pano_glue.sources.log import topic_of
from pano_glue.sources.log_marks import Marks
from pano_glue.sources.log_position import HEAD, Mark, digest
from pano_glue.sources.log_rotation import Rotation
from tests.bridge.living import COMMAND, Living, wait_until
from tests.bridge.records import lines, many, record, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROTATED = [
    "dns.log.1",
    "dns.log.2.gz",
    "dns.log-20261125",
    "dns.log-20261125-1764093600.zst",
    "dns.1.log",
    "dns-20261125.log.xz",
    "dns-26-11-25_18.00.00.log",
    "dns.2026-11-25-18-00-00.log",
    "dns.18:00:00-19:00:00.log.gz",
    "dns__2026-11-25-18-00-00__2026-11-25-19-00-00__.log",
    "dns__2026-11-25-18-00-00__2026-11-25-19-00-00__log_suffix=logger-1__.log",
    "dns.log.gz",
]
STRANGERS = [
    "dns-internal.log",
    "dns-internal-20261125.log.gz",
    "dns-tail.log",
    "dns.csv",
    "dns.pcap",
    "dns.log.bak",
    "dns_2.log",
    "dns2.log",
    "dnsmasq.log.1",
    "dns.log.1.gz.tmp",
    ".dns.log.1.Xy12",
]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Living]]:
    started: list[Living] = []

    def begin(*sources: str) -> Living:
        arguments = [word for source in sources for word in ("--source", source)]
        started.append(Living(tmp_path, *arguments, "--state-dir", str(tmp_path / "state")))
        return started[-1]

    yield begin
    for bridge in started:
        bridge.kill()


def counted(bridge: Living, **labels: str) -> float:
    return total(bridge.page(), "pano_bridge_records_total", result="counted", **labels)


def has(bridge: Living, records: int) -> bool:
    return counted(bridge) == records


def gauge(bridge: Living, name: str) -> float:
    return total(bridge.page(), f"pano_bridge_{name}")


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_names_and_contents_of_a_rotation(tmp_path: Path) -> None:
    for n, name in enumerate(ROTATED + STRANGERS):
        (tmp_path / name).write_bytes(many(1, start=n))
    header = b"#separator \\x09\n#path\tdns_red\n#fields\tts\n#types\ttime\n"
    (tmp_path / "dns.3.log").write_bytes(header + b"1.0\n")
    rotation = Rotation(tmp_path / "dns.log", None, frozenset({"dns"}))
    assert [file.path.name for file in rotation.old_files()] == ROTATED


@pytest.mark.parametrize(
    ("name", "topic"),
    [("dns.log", "dns"), ("pano_dns.log", "dns"), ("pano_stats-26-11-25.log", "pano_stats")],
)
def test_the_topic_is_in_the_name(tmp_path: Path, name: str, topic: str) -> None:
    assert topic_of(tmp_path / name) == topic


def test_what_was_read_is_known_again_however_it_was_redated(
    tmp_path: Path, start: Callable[..., Living]
) -> None:
    log, archive = tmp_path / "dns.log", tmp_path / "archive"
    archive.mkdir()
    for name in ("dns-internal.log", "dns-tail.log", "dns.csv", "dns.log.5"):
        (tmp_path / name).write_bytes(many(20, start=1000))  # older than the bridge, or strangers
    log.write_bytes(many(10))
    source = f"log:{log}?from=beginning&archive={archive}"
    bridge = start(source)
    for n in range(1, 5):
        wait_until(partial(has, bridge, 10 * n))
        log.rename(tmp_path / f"dns.log.{n}")
        log.write_bytes(many(10, start=10 * n))
    wait_until(lambda: counted(bridge) == 50)
    bridge.end()
    packed = gzip.compress((tmp_path / "dns.log.1").read_bytes())
    (archive / "dns.18:00:00-19:00:00.log.gz").write_bytes(packed)
    (tmp_path / "dns.log.1").unlink()
    shutil.copy(tmp_path / "dns.log.2", archive / "dns-20261125.log")
    os.utime(tmp_path / "dns.log.3")
    os.utime(tmp_path / "dns.log.5")
    # What came while the bridge was down, in two files of which the first looks newer.
    rest = archive / "dns__2026-11-25-18-00-00__2026-11-25-19-00-00__.log"
    log.rename(rest)
    append(rest, many(5, start=50))
    packed = zstandard.ZstdCompressor().compress(many(10, start=55))
    (tmp_path / "dns.log.6.zst").write_bytes(packed)
    log.write_bytes(many(5, start=65))
    os.utime(rest)
    second = start(source)
    wait_until(lambda: counted(second) == 70)
    append(log, many(1, start=70))
    wait_until(lambda: counted(second) == 71)
    wait_until(lambda: gauge(second, "backlog_bytes") == 0)
    assert second.end() == 0


def test_a_log_that_cannot_be_read_is_waited_for(
    tmp_path: Path, start: Callable[..., Living]
) -> None:
    log, other = tmp_path / "dns.log", tmp_path / "pano_dns.log"
    log.mkdir()  # root reads files of mode 0; nobody reads a folder
    log.rmdir()
    bridge = start(f"log:{log}?from=beginning", f"log:{other}?from=beginning")
    wait_until(lambda: bridge.errors().count("no such file, waiting") == 2)
    other.write_bytes(many(3))
    wait_until(lambda: counted(bridge, source=f"log:{other}") == 3)
    page = bridge.page()
    assert total(page, "pano_bridge_connected", source=f"log:{log}") == 0
    assert total(page, "pano_bridge_connected", source=f"log:{other}") == 1
    log.mkdir()
    wait_until(lambda: "cannot be read, waiting: Is a directory" in bridge.errors())
    log.rmdir()
    log.write_bytes(many(2))
    wait_until(lambda: counted(bridge, source=f"log:{log}") == 2)
    assert total(bridge.page(), "pano_bridge_connected", source=f"log:{log}") == 1
    assert bridge.end() == 0


def test_an_archive_on_its_way_is_waited_for(tmp_path: Path, start: Callable[..., Living]) -> None:
    log = tmp_path / "dns.log"
    log.write_bytes(many(1))
    bridge = start(f"log:{log}?from=beginning")
    wait_until(lambda: counted(bridge) == 1)
    data = gzip.compress(many(3000, start=1))
    old = tmp_path / "dns.log.1.gz"
    old.write_bytes(data[: len(data) // 2])
    wait_until(lambda: f"reading {old}" in bridge.errors())
    append(old, data[len(data) // 2 :])
    wait_until(lambda: counted(bridge) == 3001)
    append(log, many(1, start=3001))
    wait_until(lambda: counted(bridge) == 3002)
    assert "cut" not in bridge.errors()


def test_at_most_ten_malformed_records_are_shown(
    tmp_path: Path, start: Callable[..., Living]
) -> None:
    log = tmp_path / "dns.log"
    bad = b'{"ts":1,"query":"\x1b[31m' + b"x" * 500 + b'"}\n'
    log.write_bytes(many(1) + bad * 30 + lines(record(1, rcode=-1)))
    bridge = start(f"log:{log}?from=beginning")
    name = "pano_bridge_records_total"
    wait_until(lambda: total(bridge.page(), name, result="malformed") == 31)
    said = [line for line in bridge.errors().splitlines() if "malformed record" in line]
    assert len(said) == 10
    assert all(len(line) < 500 and "\x1b" not in line for line in said)
    assert "\\x1b[31m" in said[0]


def test_a_pipe_whose_writer_stays_ends_at_once() -> None:
    run = [*COMMAND, "run", "--listen", "127.0.0.1:0", "--state-dir", "none", "--source", "log:-"]
    bridge = subprocess.Popen(run, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert bridge.stdin
    assert bridge.stderr
    bridge.stdin.write(many(5))
    bridge.stdin.flush()
    assert any(b"serving" in line for line in bridge.stderr)
    bridge.terminate()
    assert bridge.wait(20) == 0  # the default to drain is 5 s, and the writer is still there
    bridge.stdin.close()
    bridge.stderr.close()


def test_a_round_of_the_mix() -> None:
    mix = [sys.executable, "-m", "tests.bridge.log_mix", "--rounds", "2"]
    begun = time.strftime("%Y%m%d%H%M%S")
    done = subprocess.run([*mix, "--seed", begun], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_with_a_mark_from_when_it_was_shorter(tmp_path: Path) -> None:
    """Left when it had three records, read on as a copy, then compressed: it is read."""
    whole = many(9)
    marks = Marks(None)
    for inode, size, done in ((1, len(many(3)), False), (2, len(whole), True)):
        head = whole[: min(size, HEAD)]
        marks.put(Mark(inode, size, len(head), digest(head), 1_700_000_000.5, done))
    (tmp_path / "dns.log.1.gz").write_bytes(gzip.compress(whole))
    files = Rotation(tmp_path / "dns.log", None, frozenset({"dns"})).old_files()
    assert len(files) == 1
    assert marks.unread(files, None) == []
