"""What real Prometheus servers have of a topic that two bridges share, whatever dies.

As tests/bridge/test_prometheus.py, with a real Kafka: the bridges end by SIGTERM and SIGKILL in
turn, so that partitions move and come back; two Prometheus scrape both. What may be counted twice
is what a killed bridge had in its checkpoint and had not committed: it is read from that checkpoint
and from the group, after each kill; and what a bridge itself says may be. RESTARTS sets how often.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.kafka.offsets import Position
from tests.bridge.living import Living
from tests.bridge.prometheus import Prometheus, increase, resets
from tests.bridge.records import lines, record, total
from tests.ports import free_port
from tests.transports.kafka_broker import GROUP_SESSION
from tests.transports.topics import PARTITIONS, create
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bridge.prometheus import Series
    from tests.transports.kafka_broker import KafkaBroker

RESTARTS = int(os.environ.get("RESTARTS", "0"))
# The protocols of groups; a dead member's partitions wait for 6 s, by default for 45.
OPTIONS = {
    "classic": f'"session.timeout.ms" = "{GROUP_SESSION * 1000}"',
    "consumer": '"group.protocol" = "consumer"',
}
COUNTERS = '{instance="%s",__name__=~"pano_(dns_|bridge_records).*(_total|_count|_bucket)"}'


class Writer:
    """Fills a topic: one record a message, so that offsets are numbers of records."""

    def __init__(self, kafka: KafkaBroker, topic: str, draw: random.Random) -> None:
        """Begin with an empty topic."""
        self.topic = topic
        self.written = 0
        self._draw = draw
        self._producer = KafkaProducer(bootstrap_servers=kafka.servers)

    def write_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(self._draw.randrange(200)):
                made = record(
                    self.written,
                    rcode=self._draw.choices((0, 3, 2), (100, 20, 1))[0],
                    id__resp_h=f"10.0.0.{int(self._draw.paretovariate(1)) % 40}",
                )
                number = self._draw.randrange(PARTITIONS)
                self._producer.send(self.topic, lines(made), partition=number)
                self.written += 1
            self._producer.flush(30)
            time.sleep(self._draw.random() * 0.05)

    def close(self) -> None:
        self._producer.close(timeout=5)


class Seat:
    """A bridge's place: its state, its port, and the life that it has now."""

    def __init__(self, folder: Path, source: str, option: str) -> None:
        """Start its first life."""
        folder.mkdir()
        (folder / "pano.toml").write_text(f"[kafka.options]\n{option}\n")
        self.port = free_port()
        self.state = folder / "state"
        self._folder = folder
        self._arguments = ["--source", source, "--config", str(folder / "pano.toml")]
        self._arguments += ["--state-dir", str(self.state), "--listen", f"[::]:{self.port}"]
        self.start()

    def start(self) -> None:
        """Start a life."""
        self.bridge = Living(self._folder, *self._arguments)

    def uncommitted(self, kafka: KafkaBroker, topic: str, group: str) -> int:
        """Count the messages that are in its checkpoint and beyond the group's marks."""
        checkpoint = CheckpointFile(self.state).load()
        (raw,) = checkpoint.positions.values() if checkpoint else [msgspec.Raw(b"\x90")]
        offsets = msgspec.msgpack.decode(raw, type=Position).offsets.get(topic, {})
        with closing(KafkaAdminClient(bootstrap_servers=kafka.servers)) as admin:
            committed = admin.list_group_offsets(group)
        marks = committed.get(group, committed) if isinstance(committed, dict) else committed
        beyond = 0
        for number, offset in offsets.items():
            mark = marks.get(TopicPartition(topic, number))
            beyond += max(0, offset - (mark.offset if mark else 0))
        return beyond


@pytest.mark.skipif(not RESTARTS, reason="RESTARTS is not set: a run of minutes (docs/bridge.md)")
@pytest.mark.parametrize("protocol", OPTIONS)
def test_every_prometheus_has_every_record_of_a_topic(
    tmp_path: Path,
    kafka: KafkaBroker,
    unique: Callable[[str], str],
    require: Callable[[str], str],
    protocol: str,
) -> None:
    draw = random.Random(7)  # noqa: S311 - the same each time
    program = require("prometheus")
    topic, group = create(kafka, unique("shared")), unique("bridges")
    writer = Writer(kafka, topic, draw)
    source = f"kafka://{kafka.servers}/{topic}?group={group}&from=beginning&log=dns"
    seats = [Seat(tmp_path / name, source, OPTIONS[protocol]) for name in ("a", "b")]
    servers = [
        Prometheus(program, tmp_path / f"p{every}", [f"{host}:{s.port}" for s in seats], every)
        for host, every in (("127.0.0.1", 1), ("[::1]", 5))
    ]
    explained, said = 0, ""
    try:
        for prometheus in servers:
            prometheus.start()
        for life in range(RESTARTS):
            writer.write_for(draw.uniform(0.5, 2))
            seat, killed = seats[life // 2 % 2], life % 2 == 1
            seat.bridge.process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
            seat.bridge.process.wait(30)
            said += seat.bridge.errors()
            if killed:
                explained += seat.uncommitted(kafka, topic, group)
            writer.write_for(draw.choice((0.1, 0.5, GROUP_SESSION + 2 if killed else 1.0)))
            seat.start()
            if life % 10 == 2:
                servers[0].stop()
                servers[0].start()
        pages = settle(seats, servers, writer)
        for prometheus in servers:
            for target, page in zip(prometheus.targets, pages, strict=True):
                compare(prometheus, target, page)
        counted = sum(total(page, "pano_dns_queries_total") for page in pages)
        doubled = counted - writer.written
        print(f"{RESTARTS} restarts: {writer.written} written, {doubled:.0f} of them doubled")
        print(f"(at most {explained} were in checkpoints of killed bridges and not committed)")
        print(*(line for line in said.splitlines() if "counted again" in line), sep="\n")
        assert doubled >= 0
        assert doubled <= explained or "may be counted again" in said, said
        assert [seat.bridge.end() for seat in seats] == [0, 0]
    finally:
        writer.close()
        for seat in seats:
            seat.bridge.kill()
        for prometheus in servers:
            prometheus.stop()


def settle(
    seats: list[Seat], servers: list[Prometheus], writer: Writer
) -> list[dict[Series, float]]:
    """Wait until nothing is waiting in Kafka, and all servers have scraped that twice."""

    def done() -> bool:
        pages = [seat.bridge.page() for seat in seats]
        counted = sum(total(page, "pano_dns_queries_total") for page in pages)
        waiting = sum(total(page, "pano_bridge_backlog_messages") for page in pages)
        return counted >= writer.written and waiting == 0

    while True:
        wait_until(done, every=0.2)
        pages = [seat.bridge.page() for seat in seats]
        for prometheus in servers:
            scraped = scrapes(prometheus)
            wait_until(lambda p=prometheus, n=scraped: scrapes(p) >= n + 3, every=0.2)  # type: ignore[misc]
        after = [seat.bridge.page() for seat in seats]
        # What is read twice may still be on its way when everything has been read once.
        if done() and [counts(page) for page in after] == [counts(page) for page in pages]:
            return pages


def scrapes(prometheus: Prometheus) -> float:
    """Count the pages that a server got from the bridge that gave it the fewest."""
    rounds = [prometheus.raw(f'up{{instance="{name}"}}') for name in prometheus.targets]
    return min(sum(sum(ups) for ups in found.values()) for found in rounds)


def counts(page: dict[Series, float]) -> dict[Series, float]:
    """Give the counters of a page that depend on the records alone."""
    return {
        series: value
        for series, value in page.items()
        if series[0].startswith(("pano_dns_", "pano_bridge_records"))
        and series[0].endswith(("_total", "_count", "_bucket"))
    }


def compare(prometheus: Prometheus, target: str, page: dict[Series, float]) -> None:
    """Compare what the raw samples of one bridge add up to with its page, series by series."""
    raw = prometheus.raw(COUNTERS % target)
    wrong = {
        series: (increase(raw.get(series, [])), value)
        for series, value in counts(page).items()
        if increase(raw.get(series, [])) != pytest.approx(value, rel=1e-12)
    }
    assert not wrong
    top = "pano_dns_top_"
    assert not [s for s, v in raw.items() if resets(v) and not s[0].startswith(top)]
