"""The bridge's own part of the loss ledger: `pano_bridge_*`."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from pano_glue.metrics.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.metrics.family import Family
    from pano_glue.metrics.labels import Folds
    from pano_glue.protocols import Tally


class BridgeLedger:
    """What came in from each source, what became of it, and what never came."""

    def __init__(self, folds: Folds) -> None:
        """Begin at zero; `folds` bounds the `sensor` label."""
        self._folds = folds
        self._lock = Lock()  # sources write from their threads
        self._records = Counters(
            "pano_bridge_records", "Records received, by what became of them.", ("source", "result")
        )
        self._lost = Counters(
            "pano_bridge_lost_batches", "Batches sent that never arrived.", ("sensor",)
        )
        self._deleted = Counters(
            "pano_bridge_lost_messages",
            "Kafka messages deleted before they were read, of one or more records each.",
            ("source",),
        )
        self._lag = Counters(
            "pano_bridge_lag_seconds",
            "From the wire to the count, for the newest record.",
            ("source",),
            "gauge",
        )
        self._uncommitted = Counters(
            "pano_bridge_uncommitted_records",
            "Records counted and not committed: a restart reads them again, if it can.",
            ("source",),
            "gauge",
        )
        self._failed_commits = Counters(
            "pano_bridge_failed_commits", "Positions that could not be stored.", ("source",)
        )
        self._connected = Counters(
            "pano_bridge_connected", "1 while the source is connected.", ("source",), "gauge"
        )
        self._connections = Counters(
            "pano_bridge_connections", "Connections made, the first included.", ("source",)
        )

    def open(self, source: str) -> None:
        """Show a source before its first record, so that rates begin at zero."""
        with self._lock:
            for result in ("counted", "malformed", "skipped"):
                self._records.add((source, result), 0)
            self._uncommitted.add((source,), 0)
            self._failed_commits.add((source,), 0)

    def tally(self, source: str, tally: Tally, now: float) -> None:
        """Add what became of one batch."""
        with self._lock:
            self._records.add((source, "counted"), tally.counted)
            if tally.malformed or tally.skipped:
                self._records.add((source, "malformed"), tally.malformed)
                self._records.add((source, "skipped"), tally.skipped)
            if tally.newest is not None:
                self._lag.set((source,), max(0.0, now - tally.newest))

    def uncommitted(self, source: str, records: int) -> None:
        """Say how many records a restart would read again."""
        with self._lock:
            self._uncommitted.set((source,), records)

    def commit_failed(self, source: str) -> None:
        """Count a position that could not be stored."""
        with self._lock:
            self._failed_commits.add((source,), 1)

    def lost(self, sensor: str, batches: int) -> None:
        """Count `batches` of a sensor that never arrived."""
        with self._lock:
            self._lost.add((self._folds.sensor(sensor, 0),), batches)

    def deleted(self, source: str, messages: int) -> None:
        """Count `messages` that were deleted before the source could read them."""
        with self._lock:
            self._deleted.add((source,), messages)

    def connection(self, source: str, *, up: bool) -> None:
        """Say that the source's connection came up or went away."""
        with self._lock:
            self._connected.set((source,), int(up))
            self._connections.add((source,), int(up))

    def skipped(self, source: str, records: int) -> None:
        """Count records of logs that the bridge does not know."""
        with self._lock:
            self._records.add((source, "skipped"), records)

    def families(self) -> Iterator[Family]:
        """Write the metrics as they are now."""
        with self._lock:
            for metric in (
                self._records,
                self._lost,
                self._deleted,
                self._lag,
                self._uncommitted,
                self._failed_commits,
                self._connected,
                self._connections,
            ):
                yield metric.family()
