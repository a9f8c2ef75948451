"""Bridges, a real Kafka and a scraper through faults at random moments; every record is summed.

    python -m tests.transports.fault_matrix --rounds 24 [--client kafka-python] [--seed N]

In each round records are produced, one fault happens, and then the sum over all process lives of
the last value that was scraped must come to what was produced: less is a loss. More is a double,
and only a bridge that was killed between answering a scrape and committing it may cause one.
Prints a line per round and exits with 1 when a round broke the promise.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from tests.ports import free_port
from tests.transports.kafka_broker import KafkaBroker

if TYPE_CHECKING:
    from collections.abc import Callable

PARTITIONS = 8
SCRAPE_SECONDS = 0.3
SETTLE_SECONDS = 120.0
STILL_SCRAPES = 10  # the sum must stay for so many scrapes
RECORD = b'{"ts":1.0,"query":"a.example","rcode":0,"rtt":0.001,"outcome":"answered","sensor":"s"}'
COUNTED = re.compile(rb'pano_bridge_records_total\{[^}]*result="(?:counted|malformed)"\} (\S+)')
BRIDGE = Path(sys.executable).with_name("pano-bridge")


class Life:
    """One process of the bridge, and the last value that was scraped from it."""

    def __init__(self, source: str) -> None:
        """Start it."""
        self._port = free_port()
        command = [str(BRIDGE), "run", "--source", source, "--listen", f"127.0.0.1:{self._port}"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.scraped = 0

    def scrape(self) -> None:
        """Scrape as Prometheus does; a bridge that is not there has no new value."""
        try:
            page = urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/metrics", timeout=8
            ).read()
        except OSError:
            return
        self.scraped = sum(int(float(value)) for value in COUNTED.findall(page))


class Matrix:
    """The state of one run."""

    def __init__(self, folder: Path, client: str, chance: random.Random) -> None:
        """Start Kafka, a bridge, and the scraper."""
        self.chance = chance
        self.kafka = KafkaBroker(folder)
        self.kafka.start()
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.servers)
        admin.create_topics([NewTopic("dns", PARTITIONS, 1)])
        admin.close()
        self._source = f"kafka://{self.kafka.servers}/dns?group=matrix&client={client}"
        self._producer = KafkaProducer(bootstrap_servers=self.kafka.servers)
        self.lives: list[Life] = []
        self.first = self.start_bridge()
        self.produced = 0
        self.scraping = Event()
        self.scraping.set()
        self._ended = Event()
        self._scraper = Thread(target=self._scrape)
        self._scraper.start()

    def start_bridge(self) -> Life:
        """Start one more bridge of the group."""
        life = Life(self._source)
        self.lives.append(life)
        return life

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
            now = sum(life.scraped for life in self.lives)
            still = still + 1 if now == last and now >= expected else 0
            last = now
        return last

    def close(self) -> None:
        """End everything."""
        self._ended.set()
        self._scraper.join()
        for life in self.lives:
            life.process.kill()
            life.process.wait()
        self._producer.close(timeout=1)
        self.kafka.kill()

    def _scrape(self) -> None:
        while not self._ended.wait(SCRAPE_SECONDS):
            if self.scraping.is_set():
                for life in list(self.lives):
                    if life.process.poll() is None:
                        life.scrape()


def kill_bridge(matrix: Matrix) -> None:
    """`kill -9` the bridge and start another."""
    matrix.first.process.kill()
    matrix.first.process.wait()
    matrix.first = matrix.start_bridge()


def kill_kafka(matrix: Matrix) -> None:
    """`kill -9` Kafka and start it again on its data."""
    matrix.kafka.kill()
    time.sleep(matrix.chance.uniform(0, 4))
    matrix.kafka.start()


def stop_scraper(matrix: Matrix) -> None:
    """Leave the bridges without scrapes for a while."""
    matrix.scraping.clear()
    time.sleep(matrix.chance.uniform(1, 5))
    matrix.scraping.set()


def rebalance(matrix: Matrix) -> None:
    """Let a second bridge join and leave in order."""
    second = matrix.start_bridge()
    time.sleep(matrix.chance.uniform(1, 8))
    second.process.terminate()


def kill_of_two(matrix: Matrix) -> None:
    """Let a second bridge join, and `kill -9` the one that was there first."""
    second = matrix.start_bridge()
    time.sleep(matrix.chance.uniform(1, 8))
    matrix.first.process.kill()
    matrix.first.process.wait()
    matrix.first = second


FAULTS: list[Callable[[Matrix], None]] = [
    kill_bridge,
    kill_kafka,
    stop_scraper,
    rebalance,
    kill_of_two,
]
KILLS = {kill_bridge, kill_of_two}


def run_rounds(
    matrix: Matrix, rounds: int, faults: list[Callable[[Matrix], None]] = FAULTS
) -> list[str]:
    """Run so many rounds, each fault in turn; returns what broke the promise."""
    broken = []
    doubled_before = doubled_total = 0
    for number in range(rounds):
        fault = faults[number % len(faults)]
        matrix.produce(1)
        producing = Thread(target=matrix.produce, args=(matrix.chance.uniform(2, 5),))
        producing.start()
        time.sleep(matrix.chance.uniform(0, 2))
        fault(matrix)
        producing.join()
        excess = matrix.settle(doubled_before) - matrix.produced
        doubled, doubled_before = excess - doubled_before, excess
        doubled_total += max(0, doubled)
        line = f"round {number + 1}: {fault.__name__}: {matrix.produced} produced, "
        line += f"{max(0, -doubled)} lost, {max(0, doubled)} doubled"
        print(line, flush=True)
        if doubled < 0 or (doubled > 0 and fault not in KILLS):
            broken.append(line)
    print(f"{rounds} rounds, {len(broken)} broke the promise, {doubled_total} doubled by kills")
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
