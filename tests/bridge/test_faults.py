"""Nothing is lost: what was scraped over all lives, plus what is left, is what was written.

Each round writes a log at random pace, kills the bridge at random moments, and does one more thing
to it. PANO_FAULT_ROUNDS sets the rounds for each fault (docs/bridge.md has a long run).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import pytest

from tests.bridge.living import Living, wait_until
from tests.bridge.records import many, total

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = int(os.environ.get("PANO_FAULT_ROUNDS", "1"))
KILLS = 3


class Writer:
    """Writes a log as Zeek does, and knows all that was written, file by file."""

    def __init__(self, log: Path, draw: random.Random) -> None:
        """Begin with an empty log."""
        self.log = log
        self._draw = draw
        self.files = [b""]
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
        self.files[-1] += data
        self.written += count

    def rename(self) -> None:
        self.log.rename(self.log.with_name(f"dns.log.{len(self.files):03}"))
        self._file.close()
        self._file = self.log.open("ab", buffering=0)
        self.files.append(b"")

    def copy_and_truncate(self) -> None:
        shutil.copy2(self.log, self.log.with_name(f"dns.log.{len(self.files):03}"))
        os.truncate(self.log, 0)
        self.files.append(b"")

    def records_before(self, position: Path) -> int:
        """Count the records that a stored position has behind it."""
        if not position.exists():
            return 0
        stored = json.loads(position.read_bytes())
        before = 0
        for content in self.files:
            head = hashlib.blake2b(content[: stored["head_bytes"]], digest_size=16).hexdigest()
            if head == stored["head"]:
                return before + content[: stored["offset"]].count(b"\n")
            before += content.count(b"\n")
        pytest.fail("the position is in no file that was written")


class Scraper:
    """Scrapes all the time, and keeps the last count of each life."""

    def __init__(self) -> None:
        """Begin without a bridge."""
        self.counted = 0.0
        self.paused = Event()
        self._bridge: Living | None = None
        self._scraping = Lock()
        self._end = Event()
        self._thread = Thread(target=self._scrape)
        self._thread.start()

    def _scrape(self) -> None:
        while not self._end.wait(0.02):
            with self._scraping:
                if self._bridge is None or self.paused.is_set():
                    continue
                with suppress(OSError, HTTPException):
                    page = self._bridge.page("/metrics")
                    self.counted = total(page, "pano_bridge_records_total", result="counted")

    def begin(self, bridge: Living) -> None:
        """Scrape another life."""
        with self._scraping:
            self.counted = 0.0
            self._bridge = bridge

    def last(self) -> float:
        """Tell what was scraped last of a life that has ended, an answer on its way included."""
        with self._scraping:
            self._bridge = None
            return self.counted

    def has_counted(self, records: float) -> bool:
        return self.counted >= records

    def end(self) -> None:
        self._end.set()
        self._thread.join()


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


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            return ballast


def run_round(tmp_path: Path, draw: random.Random, fault: str) -> int:
    """Run one round; returns the records counted twice (killed between answer and commit)."""
    state, logs = tmp_path / "state", tmp_path / "logs"
    logs.mkdir(exist_ok=True)
    writer, scraper = Writer(logs / "dns.log", draw), Scraper()
    source = f"log:{writer.log}"
    position = state / f"{source.replace(':', '%3A').replace('/', '%2F')}.json"
    scraped = base = 0.0
    doubles = 0
    try:
        for life in range(KILLS + 1):
            base = writer.records_before(position)
            bridge = Living(tmp_path, "--source", source, "--state-dir", str(state))
            scraper.begin(bridge)
            for _ in range(draw.randrange(5, 25)):
                writer.write()
                time.sleep(draw.random() * 0.02)
            # Before its first batch a bridge knows of no file that may be rotated away.
            wait_until(position.exists, "a position")
            disturb(fault, writer, scraper, state, draw)
            if life == KILLS:
                scraper.paused.clear()
                left = writer.written - base
                wait_until(partial(scraper.has_counted, left), "all is counted")
                assert bridge.end() == 0
                assert "Traceback" not in bridge.errors()
            else:
                bridge.kill()
            last = scraper.last()
            committed = writer.records_before(position)
            assert committed <= base + last, "committed what was never scraped: lost"
            doubles += int(base + last) - committed
            scraped += last
    finally:
        scraper.end()
        bridge.kill()
    assert base + last == writer.written
    assert scraped == writer.written + doubles - (int(base + last) - committed)
    return doubles - (int(base + last) - committed)


def disturb(fault: str, writer: Writer, scraper: Scraper, state: Path, draw: random.Random) -> None:
    scraper.paused.clear()
    if fault == "rename":
        writer.rename()
        writer.write()
    elif fault == "truncate":
        writer.copy_and_truncate()
        writer.write()
    elif fault == "scraper":
        scraper.paused.set()
        writer.write()
        if draw.random() < 0.5:
            scraper.paused.clear()
    elif fault in ("state full", "log full"):
        ballast = fill(state if fault == "state full" else writer.log.parent)
        thread = Thread(target=writer.write)
        thread.start()
        time.sleep(0.2)
        ballast.unlink()
        thread.join()


FAULTS = ["none", "rename", "truncate", "scraper", "state full", "log full"]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_record_is_lost(tmp_path: Path, fault: str) -> None:
    doubles = 0
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        draw = random.Random(f"{fault} {number}")  # noqa: S311 - a round that can be run again
        full = {"state full": folder / "state", "log full": folder / "logs"}.get(fault)
        if full is None:
            doubles += run_round(folder, draw, fault)
        else:
            with small_disk(full):
                doubles += run_round(folder, draw, fault)
    print(f"{fault}: {ROUNDS} rounds, {KILLS} kills each, 0 lost, {doubles} counted twice")
