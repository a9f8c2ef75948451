"""The bridge's own part of the loss ledger: `pano_bridge_*`."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from pano_glue.metrics.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pano_glue.metrics.family import Family
    from pano_glue.metrics.labels import Folds
    from pano_glue.protocols import Tally

RESULTS = ("counted", "malformed", "skipped")


class BridgeLedger:
    """What came in from each source, what became of it, and what never came.

    Counters go into the checkpoint; gauges tell how things are now and are shown as they are.
    """

    def __init__(self, folds: Folds) -> None:
        """Begin at zero; `folds` bounds the `sensor` label."""
        self._folds = folds
        self._lock = Lock()  # sources write from their threads
        self.changes = 0
        self._records = Counters(
            "pano_bridge_records",
            "Records received, by what became of them.",
            ("source", "log", "result"),
        )
        self._lost = Counters(
            "pano_bridge_lost_batches", "Batches sent that never arrived.", ("sensor",)
        )
        self._deleted = Counters(
            "pano_bridge_lost_messages",
            "Kafka messages deleted before they were read, of one or more records each.",
            ("source",),
        )
        self._connections = Counters(
            "pano_bridge_connections", "Connections made, the first included.", ("source",)
        )
        self._connected = Counters(
            "pano_bridge_connected", "1 while the source is connected.", ("source",), "gauge"
        )
        self._newest = Counters(
            "pano_bridge_newest_record_timestamp_seconds",
            "When the newest record of the source was complete on the wire.",
            ("source",),
            "gauge",
        )
        self._backlog_bytes = Counters(
            "pano_bridge_backlog_bytes",
            "Bytes of the log, rotated files included, that wait to be read.",
            ("source",),
            "gauge",
        )
        self._backlog_messages = Counters(
            "pano_bridge_backlog_messages",
            "Kafka messages that wait to be read.",
            ("source", "topic", "partition"),
            "gauge",
        )

    def metrics(self) -> tuple[Counters, ...]:
        """Give the counters, which a checkpoint holds."""
        return (self._records, self._lost, self._deleted, self._connections)

    def gauges(self) -> Iterator[Family]:
        """Write how things are now."""
        with self._lock:
            for gauge in (
                self._connected,
                self._newest,
                self._backlog_bytes,
                self._backlog_messages,
            ):
                yield gauge.now()

    def newest(self) -> float:
        """Tell when the newest record of all sources was complete on the wire; 0 without any."""
        with self._lock:
            return max(self._newest.values.values(), default=0.0)

    def open(self, source: str, log: str) -> None:
        """Show a source before its first record of a log, so that rates begin at zero."""
        with self._lock:
            self._records.open((source, log, result) for result in RESULTS)
            self.changes += 1

    def tally(self, source: str, log: str, tally: Tally) -> None:
        """Add what became of one batch."""
        with self._lock:
            counts = (tally.counted, tally.malformed, tally.skipped)
            for result, count in zip(RESULTS, counts, strict=True):
                self._records.add((source, log, result), count)
            if tally.newest is not None:
                newest = max(tally.newest, self._newest.values.get((source,), 0.0))
                self._newest.set((source,), newest)

    def lost(self, sensor: str, batches: int) -> None:
        """Count `batches` of a sensor that never arrived."""
        with self._lock:
            self._lost.add((self._folds.sensor(sensor, 0),), batches)
            self.changes += 1

    def deleted(self, source: str, messages: int) -> None:
        """Count `messages` that were deleted before the source could read them."""
        with self._lock:
            self._deleted.add((source,), messages)
            self.changes += 1

    def connection(self, source: str, *, up: bool) -> None:
        """Say that the source's connection came up or went away."""
        with self._lock:
            self._connected.set((source,), int(up))
            self._connections.add((source,), int(up))
            self.changes += 1

    def skipped(self, source: str, log: str, records: int) -> None:
        """Count records of logs that the bridge does not know."""
        with self._lock:
            self._records.add((source, log, "skipped"), records)
            self.changes += 1

    def backlog_bytes(self, source: str, size: int) -> None:
        """Say how many bytes of a log wait to be read."""
        with self._lock:
            self._backlog_bytes.set((source,), size)

    def backlog_messages(self, source: str, messages: Mapping[tuple[str, int], int]) -> None:
        """Say how many messages wait to be read, by topic and partition; others do no longer."""
        with self._lock:
            values = self._backlog_messages.values
            for key in [key for key in values if key[0] == source]:
                del values[key]
            for (topic, partition), waiting in messages.items():
                values[source, topic, str(partition)] = waiting
