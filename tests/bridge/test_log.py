"""The log source: what it yields, whatever happens to the file."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from threading import Thread
from typing import TYPE_CHECKING

import msgspec
import pytest

from pano_glue.bridge.counting import Counting
from pano_glue.config import Config, Limits
from pano_glue.sources import SourceContext, open_source
from pano_glue.sources.log_position import LogPosition
from tests.bridge.records import lines, many, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pano_glue.sources import Batch, Source

WAIT = 20.0


class Reading:
    """A source read in a thread, as the bridge does."""

    def __init__(self, uri: str, config: Config, checkpoint: dict[str, msgspec.Raw]) -> None:
        """Start reading `uri` after what `checkpoint` has of it."""
        self.ledger = Counting(config).ledger
        self.source: Source = open_source(
            uri, SourceContext(self.ledger, config, positions=checkpoint)
        )
        self._checkpoint = checkpoint
        self.batches: list[Batch] = []
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for batch in self.source.batches():
            self.batches.append(batch)
            if batch.position is not None and self.source.name not in self._checkpoint:
                self.checkpoint()  # as the bridge does

    def text(self) -> bytes:
        return b"".join(
            batch.json_lines().rstrip(b"\n") + b"\n" for batch in self.batches if batch.lines
        )

    def wait_for(self, count: int) -> bytes:
        wait_until(lambda: self.text().count(b"\n") >= count)
        return self.text()

    def end(self, *, checkpoint: bool = True) -> bytes:
        """Stop; all is in the checkpoint, unless the process is meant to have died."""
        self.source.stop()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()
        self.source.close()
        if checkpoint:
            self.checkpoint()
        return self.text()

    def checkpoint(self) -> None:
        """Make one of what was read so far."""
        positions = [batch.position for batch in self.batches if batch.position is not None]
        if positions:
            self._checkpoint[self.source.name] = msgspec.Raw(msgspec.msgpack.encode(positions[-1]))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "dns.log"


@pytest.fixture
def read(log: Path) -> Callable[..., Reading]:
    checkpoint: dict[str, msgspec.Raw] = {}

    def start(options: str = "", config: Config | None = None) -> Reading:
        uri = f"log:{log}?from=beginning{options.replace('?', '&')}"
        return Reading(uri, config or Config(), checkpoint)

    return start


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_follows_and_waits_for_the_end_of_half_a_line(
    log: Path, read: Callable[..., Reading]
) -> None:
    reading = read()
    append(log, many(3) + b'{"half":')
    reading.wait_for(3)
    append(log, b"1}\n" + many(1, start=3))
    assert reading.wait_for(5) == many(3) + b'{"half":1}\n' + many(1, start=3)
    assert reading.end() == many(3) + b'{"half":1}\n' + many(1, start=3)


def test_next_life_reads_on_from_the_checkpoint(log: Path, read: Callable[..., Reading]) -> None:
    append(log, many(10))
    first = read()
    first.wait_for(10)
    first.end()
    append(log, many(5, start=10))
    second = read()
    assert second.wait_for(5) == many(5, start=10)
    second.end(checkpoint=False)
    third = read()
    assert third.wait_for(5) == many(5, start=10)
    third.end()


def test_rename_while_running_and_half_a_rotation(log: Path, read: Callable[..., Reading]) -> None:
    reading = read()
    append(log, many(4))
    reading.wait_for(4)
    old = log.rename(log.with_name("dns.log.1"))
    append(old, many(2, start=4))  # the writer still has the old file
    log.touch()  # logrotate's `create`
    reading.wait_for(6)
    append(old, many(1, start=6))
    reading.wait_for(7)
    append(log, many(3, start=7))
    assert reading.wait_for(10) == many(10)
    assert reading.end() == many(10)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("archive", [False, True])
def test_rotations_while_down(
    log: Path, read: Callable[..., Reading], *, compress: bool, archive: bool
) -> None:
    append(log, many(10))
    first = read()
    first.wait_for(10)
    first.end()
    append(log, many(2, start=10))
    for n in range(3):
        day = log.parent / "2026-01-01" if archive else log.parent
        day.mkdir(exist_ok=True)
        old = log.rename(day / f"dns.1{n}:00:00-1{n + 1}:00:00.log")
        when = time.time_ns() - (10 - n) * 10**9
        os.utime(old, ns=(when, when))
        if compress:
            zipped = old.with_name(old.name + ".gz")
            zipped.write_bytes(gzip.compress(old.read_bytes()))
            shutil.copystat(old, zipped)
            old.unlink()
        append(log, many(4, start=12 + 4 * n))
    second = read(f"?archive={log.parent}" if archive else "")
    assert second.wait_for(14) == many(14, start=10)
    assert second.end() == many(14, start=10)


@pytest.mark.parametrize("running", [True, False])
def test_copy_and_truncate(log: Path, read: Callable[..., Reading], *, running: bool) -> None:
    append(log, many(10))
    reading = read()
    reading.wait_for(10)
    if not running:
        reading.end()
    append(log, many(2, start=10))
    shutil.copy2(log, log.with_name("dns.log.1"))
    os.truncate(log, 0)
    append(log, many(20, start=12))  # longer than before: only its beginning tells
    if running:
        assert reading.wait_for(32) == many(32)
        assert reading.end() == many(32)
    else:
        second = read()
        assert second.wait_for(22) == many(22, start=10)
        second.end()


def test_a_hole_where_a_writer_kept_its_offset(log: Path, read: Callable[..., Reading]) -> None:
    with log.open("wb") as file:
        file.write(many(3000))
        file.flush()
        reading = read()
        reading.wait_for(3000)
        shutil.copy2(log, log.with_name("dns.log.1"))
        os.truncate(log, 0)
        file.write(many(2, start=3000))
        file.flush()
        assert reading.wait_for(3002) == many(3002)
    assert reading.end() == many(3002)


def test_a_line_without_end_is_cut_and_counted_once(
    log: Path, read: Callable[..., Reading]
) -> None:
    huge = b'{"query":"' + b"x" * (16 << 20) + b'"}\n'
    reading = read(config=Config(limits=Limits(line_bytes=1 << 16)))
    append(log, many(1) + huge[: 9 << 20])
    reading.wait_for(1)
    append(log, huge[9 << 20 :] + many(1, start=1))
    text = reading.wait_for(3)
    assert len(text) < 1 << 20
    assert text.startswith(many(1))
    assert text.endswith(many(1, start=1))
    assert text.count(b"\n") == 3
    position = reading.batches[-1].position
    assert isinstance(position, LogPosition)
    assert position.current.offset == log.stat().st_size
    reading.end()


def test_a_file_that_comes_later(log: Path, read: Callable[..., Reading]) -> None:
    reading = read()
    append(log, lines(record()))
    reading.wait_for(1)
    reading.end()
    assert read().end() == b""


def test_a_rotation_after_a_life_without_any_checkpoint(
    log: Path, read: Callable[..., Reading]
) -> None:
    append(log, many(3))
    first = read()
    first.wait_for(3)
    first.end(checkpoint=False)
    log.rename(log.with_name("dns.log.1"))
    append(log, many(2, start=3))
    second = read()
    assert second.wait_for(5) == many(5)
    second.end()
