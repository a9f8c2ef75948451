"""Nothing is lost and nothing counted twice, whatever dies: the page is the proof.

Each round writes a log at random pace, kills the bridge at random moments, and does one more thing
to it. A scraper looks all the time: over all lives no series may ever fall, and in the end the page
says what was written. FAULT_ROUNDS sets the rounds for each fault (docs/bridge.md has a long run).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from http.client import HTTPException
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import pytest

from tests.bridge.living import Living, wait_until
from tests.bridge.records import many, total

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bridge.records import Page

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
LIVES = 4
COUNTED = "pano_bridge_records_total"


class Writer:
    """Writes a log as Zeek does, and knows how many records."""

    def __init__(self, log: Path, draw: random.Random) -> None:
        """Begin with an empty log."""
        self.log = log
        self._draw = draw
        self._rotated = 0
        self.written = 0
        self._deadline = time.monotonic() + 60
        self._file = log.open("ab", buffering=0)

    def write(self) -> None:
        """Write some records, the last maybe in two parts; a full disk is waited out."""
        count = self._draw.randrange(1, 400)
        data = many(count, start=self.written)
        cut = self._draw.randrange(len(data))
        for part in (data[:cut], data[cut:]):
            left = part
            while left:
                try:
                    left = left[self._file.write(left) :]
                except OSError:
                    assert time.monotonic() < self._deadline, "the disk stayed full"
                    time.sleep(0.01)
        self.written += count

    def rename(self) -> None:
        self._rotated += 1
        self.log.rename(self.log.with_name(f"dns.log.{self._rotated:03}"))
        self._file.close()
        self._file = self.log.open("ab", buffering=0)

    def copy_and_truncate(self) -> None:
        self._rotated += 1
        shutil.copy2(self.log, self.log.with_name(f"dns.log.{self._rotated:03}"))
        os.truncate(self.log, 0)


class Scraper:
    """Scrapes all the time; remembers what it was shown, and whether a series ever fell."""

    def __init__(self) -> None:
        """Begin without a bridge."""
        self.page: Page = {}
        self.fallen: list[str] = []
        self._bridge: Living | None = None
        self._scraping = Lock()
        self._end = Event()
        self._thread = Thread(target=self._scrape)
        self._thread.start()

    @property
    def counted(self) -> float:
        """The records that were shown as counted."""
        return total(self.page, COUNTED, result="counted")

    def watch(self, bridge: Living | None) -> None:
        with self._scraping:
            self._bridge = bridge

    def end(self) -> None:
        self._end.set()
        self._thread.join()

    def _scrape(self) -> None:
        while not self._end.wait(0.02):
            with self._scraping, suppress(OSError, HTTPException):
                if self._bridge is not None:
                    self._take(self._bridge.page())

    def _take(self, page: Page) -> None:
        for (name, labels), value in self.page.items():
            # The process's own counters begin anew; gauges may fall.
            if name.startswith("pano_") and name.endswith(("_total", "_bucket", "_count")):
                now = page.get((name, labels))
                process = name == "pano_bridge_failed_checkpoints_total"
                if not process and (now is None or now < value):
                    self.fallen.append(f"{name} {dict(labels)}: {value} -> {now}")
        self.page = page


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Make `folder` a file system of its own, of 16 MB."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "pbr", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("root is missing (a small disk needs it)")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            return ballast


def disturb(fault: str, writer: Writer, state: Path) -> None:
    if fault == "rename":
        writer.rename()
    elif fault == "truncate":
        writer.copy_and_truncate()
    elif fault in ("state full", "log full"):
        ballast = fill(state if fault == "state full" else writer.log.parent)
        thread = Thread(target=writer.write)
        thread.start()
        time.sleep(0.2)
        ballast.unlink()
        thread.join()
    elif fault == "state read-only":
        remount(state, "ro")
        writer.write()
        time.sleep(0.2)
        remount(state, "rw")
    elif fault == "state gone":
        hidden = state.with_name("hidden")
        state.rename(hidden)
        writer.write()
        time.sleep(0.2)
        hidden.rename(state)
    writer.write()


def run_round(tmp_path: Path, draw: random.Random, fault: str) -> None:
    state, logs = tmp_path / "state", tmp_path / "logs"
    logs.mkdir(exist_ok=True)
    writer, scraper = Writer(logs / "dns.log", draw), Scraper()
    arguments = ("--source", f"log:{writer.log}?from=beginning", "--state-dir", str(state))
    try:
        for life in range(LIVES):
            bridge = Living(tmp_path, *arguments)
            if fault != "nobody scrapes" or life == LIVES - 1:
                scraper.watch(bridge)
            for _ in range(draw.randrange(5, 25)):
                writer.write()
                time.sleep(draw.random() * 0.02)
            disturb(fault, writer, state)
            if life < LIVES - 1:
                bridge.process.send_signal(draw.choice((signal.SIGKILL, signal.SIGTERM)))
                bridge.process.wait(30)
            scraper.watch(None if life < LIVES - 1 else bridge)
        wait_until(lambda: scraper.counted >= writer.written, "all is counted")
        assert bridge.end() == 0
        assert "Traceback" not in bridge.errors()
    finally:
        scraper.end()
        bridge.kill()
    assert not scraper.fallen
    assert scraper.counted == writer.written
    assert total(scraper.page, "pano_dns_queries_total") == writer.written
    assert total(scraper.page, "pano_dns_rtt_seconds_count") == writer.written


FAULTS = [
    "none",
    "rename",
    "truncate",
    "nobody scrapes",
    "state full",
    "state read-only",
    "state gone",
    "log full",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_record_is_lost_or_doubled(tmp_path: Path, fault: str) -> None:
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        draw = random.Random(f"{fault} {number}")  # noqa: S311 - a round that can be run again
        small = {"state full": "state", "state read-only": "state", "log full": "logs"}.get(fault)
        if small is None:
            run_round(folder, draw, fault)
        else:
            with small_disk(folder / small):
                run_round(folder, draw, fault)
    print(f"{fault}: {ROUNDS} rounds of {LIVES} lives: 0 lost, 0 counted twice")


def test_while_the_disk_is_full_pages_stay_and_nothing_is_forgotten(tmp_path: Path) -> None:
    state = tmp_path / "state"
    writer = Writer(tmp_path / "dns.log", random.Random(1))  # noqa: S311 - the same each time
    with small_disk(state):
        source = f"log:{writer.log}?from=beginning"
        bridge = Living(tmp_path, "--source", source, "--state-dir", str(state))
        try:
            writer.write()
            wait_until(lambda: total(bridge.page(), COUNTED, result="counted") == writer.written)
            before = writer.written
            ballast = fill(state)
            writer.write()
            failed = "pano_bridge_failed_checkpoints_total"
            wait_until(lambda: total(bridge.page(), failed) >= 2, "checkpoints fail")
            assert total(bridge.page(), COUNTED, result="counted") == before
            assert bridge.get("/-/ready").status == 503
            assert bridge.errors().count("checkpoint not written") == 1
            ballast.unlink()
            wait_until(lambda: total(bridge.page(), COUNTED, result="counted") == writer.written)
            assert bridge.errors().count("checkpoint written again") == 1
            assert bridge.get("/-/ready").status == 200
        finally:
            bridge.kill()
