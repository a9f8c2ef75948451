"""A Zeek that is killed and started again overwrites nothing, and old logs do not fill the disk."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue.lab.network import Namespace
from pano_glue.paths import shared_folder
from pano_glue.pipeline.process import Child, wait_for
from tests.data.packets import query, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("require_bpf")

SECONDS = 30
# A client that asks a number of times, and a server that answers, on loopback.
ASK = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[1])):
    ident = number.to_bytes(2, "big")
    client.sendto(ident + {query}[2:], ("127.0.0.1", 53))
    _, asker = server.recvfrom(4096)
    server.sendto(ident + {reply}[2:], asker)
    client.recv(4096)
""".replace("{query}", repr(query(0, "kept.example"))).replace(
    "{reply}", repr(reply(0, "kept.example"))
)


class Sensor:
    """A Zeek on the loopback interface of a namespace of its own."""

    def __init__(self, zeek: str, folder: Path) -> None:
        """Start it; its logs are in a folder of their own."""
        self.logs = folder / "logs"
        self.logs.mkdir()
        self._zeek, self._folder, self._starts = zeek, folder, 0
        self.network = Namespace("restart", folder)
        self.network.run("ip", "link", "set", "lo", "up")
        self.child = self.start()

    def start(self, *settings: str) -> Child:
        """Start Zeek and wait until it listens."""
        argv = [self._zeek, "-b", "-C", str(shared_folder("zeek-scripts")), "-i", "lo", *settings]
        self._starts += 1
        name = f"zeek{self._starts}"
        self.child = Child(
            name,
            self.network.enter(argv),
            self._folder,
            cwd=self.logs,
            environment=os.environ | {"PANO_ADDRESSES": "192.0.2.7 2001:db8::7"},
        )
        self.child.wait_until(lambda: "listening on" in self.child.output(), "word that it listens")
        return self.child

    def ask(self, count: int) -> None:
        """Make so many transactions, and wait until all are in the logs."""
        before = len(self.records())
        self.network.run(sys.executable, "-c", ASK, str(count))
        assert wait_for(lambda: len(self.records()) == before + count, SECONDS)

    def records(self, log: str = "dns") -> list[str]:
        """Return the lines of all files of a log, the oldest first."""
        paths = sorted(self.logs.glob(f"{log}*.log"), key=lambda path: path.stat().st_mtime)
        lines = [line for path in paths for line in path.read_text().splitlines(keepends=True)]
        return [line for line in lines if line.endswith("\n")]

    def ledger(self) -> dict[str, Any]:
        """Return the last row of pano_stats."""
        row = json.loads(self.records("pano_stats")[-1])
        assert isinstance(row, dict)
        return row

    def kill(self) -> None:
        """Let Zeek have no chance to do anything more."""
        os.killpg(os.getpgid(self.child.pid), 9)
        assert wait_for(lambda: not self.child.running(), SECONDS)

    def stop(self) -> None:
        self.child.stop()
        self.network.child.stop()


@pytest.fixture
def sensor(tmp_path: Path, require: Callable[[str], str]) -> Iterator[Sensor]:
    sensor = Sensor(require("zeek"), tmp_path)
    yield sensor
    sensor.stop()


def test_a_killed_zeek_leaves_its_records_to_the_next(sensor: Sensor) -> None:
    for count in (10, 20, 30):
        sensor.ask(count)
        sensor.kill()
        sensor.start()
    sensor.ask(5)
    assert len(sensor.records()) == 65
    names = sorted(path.name for path in sensor.logs.glob("dns*.log"))
    put_aside = re.compile(r"dns-\d\d-\d\d-\d\d_\d\d\.\d\d\.\d\d\.log")
    assert names[-1] == "dns.log"
    assert len(names) == 4
    assert all(put_aside.fullmatch(name) for name in names[:-1])


def test_an_orderly_end_keeps_every_row(sensor: Sensor) -> None:
    def rows() -> int:
        return len(sensor.records("pano_stats"))

    sensor.child.stop()
    for life in range(1, 4):
        sensor.start("PANO::stats_interval=0.1sec")
        assert wait_for(lambda life=life: rows() > 10 * life, SECONDS)  # type: ignore[misc]
        before = rows()
        sensor.child.stop()
        assert rows() >= before


def test_an_orderly_end_leaves_its_records_and_the_next_start_keeps_them(sensor: Sensor) -> None:
    sensor.ask(10)
    sensor.child.stop()
    assert len(sensor.records()) == 10
    last = sensor.ledger()
    assert last["records_logged"] == 10
    assert last["pid"] == sensor.child.pid
    assert time.time() - 600 < last["started"] <= last["ts"]
    assert 10e6 < last["memory_bytes"] < 1e9
    assert 0 <= last["lag"] < SECONDS
    assert last["addresses"] == ["192.0.2.7", "2001:db8::7"]
    sensor.start()
    sensor.ask(5)
    assert len(sensor.records()) == 15


def test_old_logs_are_removed_when_a_log_is_rotated(sensor: Sensor) -> None:
    sensor.child.stop()
    old = sensor.logs / "dns-20-01-01_00.00.00.log"
    old.write_text("{}\n")
    os.utime(old, (1, 1))
    big = [sensor.logs / f"dns-26-01-0{day}_00.00.00.log" for day in (1, 2, 3)]
    for day, path in enumerate(big):
        path.write_text("x" * 60_000)
        os.utime(path, (time.time() - 100 + day, time.time() - 100 + day))
    other = sensor.logs / "other-20-01-01_00.00.00.log"
    other.write_text("{}\n")
    os.utime(other, (1, 1))
    sensor.start("PANO::rotate_every=2sec", "PANO::keep_logs_bytes=150000")
    sensor.network.run(sys.executable, "-c", ASK, "3")  # not `ask`: old lines go while it counts
    assert wait_for(lambda: not old.exists() and not big[0].exists(), SECONDS)
    assert other.exists()
    assert big[2].exists()
