"""pano_stats: what the sensors say about themselves, as the `pano_zeek_*` part of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.labels import OTHER
from pano_glue.protocols.base import Tally
from pano_glue.protocols.lines import LineDecoder, names_of
from pano_glue.protocols.pano_stats.lives import Life, Lives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds
    from pano_glue.metrics.metric import Metric, Part
    from pano_glue.sources.tsv import Table

Total = Annotated[int, Meta(ge=0)]


class StatsRecord(msgspec.Struct):
    """One pano_stats record: totals since the sensor's start, `pending` as of now."""

    ts: float
    sensor: Annotated[str, Meta(max_length=255)]
    packets_received: Total
    packets_dropped: Total
    bytes_received: Total
    dns_queries: Total
    dns_responses: Total
    answered: Total
    timeouts: Total
    late: Total
    orphans: Total
    retransmits: Total
    duplicate_replies: Total
    other_opcodes: Total
    malformed: Total
    pending: Total
    records_logged: Total
    batches_sent: Total = 0
    continued_replies: Total = 0
    evicted: Total = 0
    vetoed: Total = 0
    unreachable: Total = 0
    copies: Total = 0
    partial_messages: Total = 0
    not_dns: Total = 0
    evicted_replies: Total = 0
    started: float = 0.0
    pid: Total = 0
    memory_bytes: Total = 0
    lag: float = 0.0
    addresses: list[str] = []


class StatsRow(StatsRecord, array_like=True):
    """The same from a TSV log."""

    addresses: str = ""  # type: ignore[assignment] # of the cell, divided by commas


# metric: meaning, labels beyond `sensor`, and the field of each label value.
METRICS: dict[str, tuple[str, str, dict[str, str]]] = {
    "packets": (
        "Packets that reached Zeek, and those the capture dropped before it.",
        "state",
        {"received": "packets_received", "dropped": "packets_dropped"},
    ),
    "bytes": ("Bytes that reached Zeek.", "", {"": "bytes_received"}),
    "dns_messages": (
        "DNS messages seen, by kind.",
        "kind",
        {
            "query": "dns_queries",
            "response": "dns_responses",
            "other_opcode": "other_opcodes",
            "malformed": "malformed",
            "partial": "partial_messages",
            "not_dns": "not_dns",
        },
    ),
    "transactions": (
        "Transactions finished, by outcome.",
        "outcome",
        {
            "answered": "answered",
            "timeout": "timeouts",
            "unreachable": "unreachable",
            "late": "late",
            "orphan": "orphans",
        },
    ),
    "retransmits": ("Queries seen again before their reply.", "", {"": "retransmits"}),
    "duplicate_replies": ("Replies seen again.", "", {"": "duplicate_replies"}),
    "continued_replies": ("Further messages of zone transfers.", "", {"": "continued_replies"}),
    "copies": ("Packets seen twice, in no other count.", "", {"": "copies"}),
    "evicted_replies": (
        "Orphans before their time, for want of room.",
        "",
        {"": "evicted_replies"},
    ),
    "evicted": ("Timeouts before their time, for want of room.", "", {"": "evicted"}),
    "vetoed": ("Transactions that a hook kept out of the log.", "", {"": "vetoed"}),
    "records": ("Records written to dns.log.", "", {"": "records_logged"}),
    "batches": ("Batches of records sent.", "", {"": "batches_sent"}),
}


GAUGES = {
    "pending": "Queries waiting for a reply.",
    "memory_bytes": "Resident memory of the sensor's Zeek.",
    "lag_seconds": "How far behind the clock the packets are that Zeek reads.",
    "start_time_seconds": "When the sensor's Zeek started.",
    "processes": "Zeeks that use this sensor's name now: more than 1 is a mistake.",
}
TOTALS = [field for _, _, fields in METRICS.values() for field in fields.values()]


class PanoStats:
    """Adds up what the rows of each sensor tell, over any number of its Zeek's lives."""

    topic = "pano_stats"
    fields = names_of(StatsRecord)

    def __init__(self, config: Config, folds: Folds, clock: Callable[[], float]) -> None:  # noqa: ARG002 - as every protocol
        """Begin without sensors; `folds` bounds their number; `clock` gives epoch seconds."""
        self._decoder = LineDecoder((self.topic,), StatsRecord, StatsRow)
        self._folds = folds
        self._clock = clock
        self._lives = Lives()
        self._gauges = {
            name: Counters(f"pano_zeek_{name}", meaning, ("sensor",), "gauge")
            for name, meaning in GAUGES.items()
        }
        self._totals = {
            name: Counters(f"pano_zeek_{name}", meaning, ("sensor", label)[: 1 + bool(label)])
            for name, (meaning, label, _) in METRICS.items()
        }

    def count(self, lines: bytes | Table) -> Tally:
        """Take over the totals of whole lines; nothing in them raises."""
        decoded = self._decoder.decode(lines)
        records = decoded.records(StatsRecord)
        for record in records:
            sensor = self._folds.sensor(record.sensor, 1)
            added = self._lives.added(sensor, *self._life(sensor, record))
            if sensor != OTHER:
                self._folds.roles.learn(record.sensor, addresses_of(record))
            for name, (_, label, fields) in METRICS.items():
                for value, total in fields.items():
                    key = (sensor, value) if label else (sensor,)
                    self._totals[name].add(key, added[total])
        newest = records[-1].ts if records else None
        return Tally(decoded.counted, decoded.malformed, decoded.skipped, newest, decoded.samples)

    def why_not(self, lines: bytes | Table) -> str | None:
        """Tell why the first of some lines is none of its records; None when one of them is."""
        return self._decoder.why_not(lines)

    def configure(self, config: Config) -> None:
        """Nothing can change."""

    def settle(self) -> None:
        """Tell how the processes of each sensor are now."""
        now = self._clock()
        for sensor in self._lives.sensors():
            lives = self._lives.alive(sensor, now)
            self._gauges["pending"].set((sensor,), sum(life.pending for life in lives))
            self._gauges["processes"].set((sensor,), len(lives))
            started = max(life.started for life in lives)
            if not started:
                continue  # a Zeek that tells nothing of itself
            self._gauges["start_time_seconds"].set((sensor,), started)
            self._gauges["memory_bytes"].set((sensor,), sum(life.memory_bytes for life in lives))
            self._gauges["lag_seconds"].set((sensor,), max(life.lag for life in lives))

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from self._totals.values()
        yield from self._gauges.values()

    def parts(self) -> tuple[Part, ...]:
        """Give the newest rows of each sensor."""
        return (self._lives,)

    def _life(self, sensor: str, record: StatsRecord) -> tuple[str, Life]:
        """Give the process that a row is of, and what it says; older Zeeks do not say which."""
        key = f"{record.started} {record.pid}" if record.pid else ""
        if sensor == OTHER:
            key = f"{record.sensor} {key}"
        totals = {field: getattr(record, field) for field in TOTALS}
        return key, Life(
            totals,
            heard := self._clock(),
            record.pending,
            record.memory_bytes,
            record.lag,
            record.started,
            heard,
        )


def addresses_of(record: StatsRecord) -> list[str]:
    """Give the addresses of the sensor's host, where it tells them."""
    told: list[str] | str = record.addresses
    return list(filter(None, told.split(","))) if isinstance(told, str) else told
