"""Two bridges, a real Kafka and a scraper through faults at random moments; every record is summed.

    python -m tests.transports.fault_matrix --rounds 24 [--client kafka-python] [--seed N]

In each round records are produced, one fault happens, and then the sum of what the two bridges'
pages show must come to what was produced: less is a loss. More is a double, and only a bridge that
was killed between a checkpoint and its commit, and whose partition went to the other, may cause
one.
Prints a line per round and exits with 1 when a round broke the promise.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from kafka import KafkaProducer

from pano_glue.kafka.client import LIBRARIES
from tests.ports import free_port
from tests.transports.kafka_broker import KafkaBroker
from tests.transports.topics import create

if TYPE_CHECKING:
    from collections.abc import Callable

PARTITIONS = 8
SESSION_SECONDS = 6.0  # of the group: shorter than by default, so that rounds are
SCRAPE_SECONDS = 0.3
SETTLE_SECONDS = 120.0
STILL_SCRAPES = 10  # the sum must stay for so many scrapes
RECORD = b'{"ts":1.0,"query":"a.example","rcode":0,"rtt":0.001,"outcome":"answered","sensor":"s"}'
COUNTED = re.compile(rb'pano_bridge_records_total\{[^}]*result="(?:counted|malformed)"\} (\S+)')
BRIDGE = Path(sys.executable).with_name("pano-bridge")


class Seat:
    """A place of a bridge, with its state directory; it may have many lives."""

    def __init__(self, source: str, folder: Path, config: Path) -> None:
        """Start its first life."""
        self._command = [str(BRIDGE), "run", "--source", source, "--state-dir", str(folder)]
        self._command += ["--config", str(config)]
        self.shown = 0
        self.start()

    def start(self) -> None:
        """Start a life."""
        self._port = free_port()
        listen = ["--listen", f"127.0.0.1:{self._port}"]
        self.process = subprocess.Popen(self._command + listen, stderr=subprocess.DEVNULL)

    def end(self, signum: int) -> None:
        """End it by a signal."""
        self.process.send_signal(signum)
        self.process.wait()

    def scrape(self) -> None:
        """Scrape as Prometheus does; a bridge that is not there has no new value."""
        try:
            page = urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/metrics", timeout=8
            ).read()
        except OSError:
            return
        self.shown = sum(int(float(value)) for value in COUNTED.findall(page))


class Matrix:
    """The state of one run."""

    def __init__(self, folder: Path, client: str, chance: random.Random) -> None:
        """Start Kafka, two bridges, and the scraper."""
        self.chance = chance
        self.kafka = KafkaBroker(folder)
        self.kafka.start()
        create(self.kafka, "dns", PARTITIONS)
        source = f"kafka://{self.kafka.servers}/dns?group=matrix&from=beginning&client={client}"
        self._producer = KafkaProducer(bootstrap_servers=self.kafka.servers)
        config = folder / "pano.toml"
        python = (client or next(iter(LIBRARIES))) == "kafka-python"
        name = "session_timeout_ms" if python else "session.timeout.ms"
        config.write_text(f'[kafka.options]\n"{name}" = "{SESSION_SECONDS * 1000:.0f}"\n')
        self.seats = [Seat(source, folder / name, config) for name in ("a", "b")]
        self.away = 0.0  # seconds for which Kafka was, at last
        self.produced = 0
        self.scraping = Event()
        self.scraping.set()
        self._ended = Event()
        self._scraper = Thread(target=self._scrape)
        self._scraper.start()

    def produce(self, seconds: float) -> None:
        """Produce for so long, messages of 1 to 50 records, each confirmed by Kafka."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(50):
                records = self.chance.randint(1, 50)
                self._producer.send(
                    "dns",
                    b"\n".join([RECORD] * records),
                    partition=self.chance.randrange(PARTITIONS),
                )
                self.produced += records
            time.sleep(0.02)

    def settle(self, doubled: int) -> int:
        """Wait until the sum holds all that was produced, and earlier rounds doubled, and stays.

        Returns the sum, which is less when records are still missing at the end of our patience.
        """
        self._producer.flush()
        expected = self.produced + doubled
        deadline = time.monotonic() + SETTLE_SECONDS
        still = last = 0
        while still < STILL_SCRAPES and time.monotonic() < deadline:
            time.sleep(SCRAPE_SECONDS)
            now = sum(seat.shown for seat in self.seats)
            still = still + 1 if now == last and now >= expected else 0
            last = now
        return last

    def close(self) -> None:
        """End everything."""
        self._ended.set()
        self._scraper.join()
        for seat in self.seats:
            seat.end(signal.SIGKILL)
        self._producer.close(timeout=1)
        self.kafka.kill()

    def _scrape(self) -> None:
        while not self._ended.wait(SCRAPE_SECONDS):
            if self.scraping.is_set():
                for seat in self.seats:
                    seat.scrape()


def kill_bridge(matrix: Matrix) -> None:
    """`kill -9` a bridge and start it again at once."""
    seat = matrix.chance.choice(matrix.seats)
    seat.end(signal.SIGKILL)
    seat.start()


def kill_and_leave(matrix: Matrix) -> None:
    """`kill -9` a bridge, so that its partitions go to the other, and start it again."""
    seat = matrix.chance.choice(matrix.seats)
    seat.end(signal.SIGKILL)
    time.sleep(SESSION_SECONDS + matrix.chance.uniform(1, 4))
    seat.start()


def kill_both(matrix: Matrix) -> None:
    """`kill -9` both bridges."""
    for seat in matrix.seats:
        seat.end(signal.SIGKILL)
    for seat in matrix.seats:
        seat.start()


def kill_kafka(matrix: Matrix) -> None:
    """`kill -9` Kafka and start it again on its data."""
    began = time.monotonic()
    matrix.kafka.kill()
    time.sleep(matrix.chance.uniform(0, 4))
    matrix.kafka.start()
    matrix.away = time.monotonic() - began


def stop_scraper(matrix: Matrix) -> None:
    """Leave the bridges without scrapes for a while."""
    matrix.scraping.clear()
    time.sleep(matrix.chance.uniform(1, 5))
    matrix.scraping.set()


def rebalance(matrix: Matrix) -> None:
    """Let a bridge leave in order and come back."""
    seat = matrix.chance.choice(matrix.seats)
    seat.end(signal.SIGTERM)
    time.sleep(matrix.chance.uniform(0, 4))
    seat.start()


FAULTS: list[Callable[[Matrix], None]] = [
    kill_bridge,
    rebalance,
    kill_kafka,
    kill_and_leave,
    stop_scraper,
    rebalance,
    kill_both,
]
KILLS = {kill_bridge, kill_and_leave, kill_both}


def run_rounds(
    matrix: Matrix, rounds: int, faults: list[Callable[[Matrix], None]] = FAULTS
) -> list[str]:
    """Run so many rounds, each fault in turn; returns what broke the promise."""
    broken = []
    doubled_before = doubled_total = doubling = 0
    for number in range(rounds):
        fault = faults[number % len(faults)]
        matrix.away = 0.0
        matrix.produce(1)
        producing = Thread(target=matrix.produce, args=(matrix.chance.uniform(2, 5),))
        producing.start()
        time.sleep(matrix.chance.uniform(0, 2))
        fault(matrix)
        producing.join()
        excess = matrix.settle(doubled_before) - matrix.produced
        doubled, doubled_before = excess - doubled_before, excess
        doubled_total += max(0, doubled)
        doubling += doubled > 0
        line = f"round {number + 1}: {fault.__name__}: {matrix.produced} produced, "
        line += f"{max(0, -doubled)} lost, {max(0, doubled)} doubled"
        line += f" (Kafka away for {matrix.away:.0f} s)" if matrix.away else ""
        print(line, flush=True)
        # A group that hears nothing from Kafka for its session dissolves, as if all were killed.
        may_double = fault in KILLS or matrix.away > SESSION_SECONDS / 2
        if doubled < 0 or (doubled > 0 and not may_double):
            broken.append(line)
    killing = sum(faults[number % len(faults)] in KILLS for number in range(rounds))
    print(f"{rounds} rounds, {len(broken)} broke the promise; {killing} killed bridges,")
    print(f"{doubling} of them doubled {doubled_total} records of {matrix.produced} in all")
    return broken


def main() -> None:
    """Run the matrix as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--client", default="", help="see docs/transports.md")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))  # noqa: S311
    options = parser.parse_args()
    print(f"seed {options.seed}, client {options.client or 'by default'}")
    with tempfile.TemporaryDirectory() as folder:
        matrix = Matrix(Path(folder), options.client, random.Random(options.seed))  # noqa: S311
        try:
            broken = run_rounds(matrix, options.rounds)
        finally:
            matrix.close()
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
