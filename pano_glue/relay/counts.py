"""What a relay counts: records that Kafka has confirmed, each once, beside their positions."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from pano_glue.bridge.counting import Snapshot, thaw_all
from pano_glue.bridge.ledger import BridgeLedger
from pano_glue.metrics.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import msgspec

    from pano_glue.metrics.family import Family
    from pano_glue.metrics.labels import Folds
    from pano_glue.metrics.metric import Birth, Metric, Part
    from pano_glue.relay.window import Window


class RelayLedger(BridgeLedger):
    """What happened to the sources, and what is on its way to Kafka."""

    def __init__(self, folds: Folds) -> None:
        """Begin at zero."""
        super().__init__(folds)
        self.windows: dict[str, Window] = {}
        self._in_flight = Counters(
            "pano_relay_in_flight_bytes",
            "Bytes that Kafka has not confirmed.",
            ("source",),
            "gauge",
        )
        self.delivering = Counters(
            "pano_relay_connected", "1 while Kafka takes what is sent.", ("source",), "gauge"
        )

    def gauges(self) -> Iterator[Family]:
        """Write how things are now."""
        yield from super().gauges()
        for source, window in self.windows.items():
            self._in_flight.set((source,), window.bytes)
        yield self._in_flight.now()
        yield self.delivering.now()


class RelayCounts:
    """Takes note of what Kafka has; see `bridge.pages.Counted`."""

    def __init__(self, folds: Folds) -> None:
        """Begin at zero."""
        self.ledger = RelayLedger(folds)
        self._folds = folds
        self._positions: dict[str, object] = {}
        self._records = Counters(
            "pano_relay_records", "Records that Kafka has confirmed.", ("source", "topic")
        )
        self._unknown: dict[str, object] = {}
        self._lock = Lock()

    @property
    def changes(self) -> int:
        """A number that grows with every change."""
        return self.ledger.changes + sum(w.changes for w in self.ledger.windows.values())

    def snapshot(self, birth: Birth) -> Snapshot:
        """Copy what is confirmed by now; what is new was born at `birth`."""
        with self._lock:
            for source, window in self.ledger.windows.items():
                for sent in window.confirmed():
                    for topic, records in sent.records.items():
                        self._records.add((source, topic), records)
                    if sent.position is not None:
                        self._positions[source] = sent.position
            metrics = [(metric, metric.freeze(birth)) for metric in self._metrics()]
            positions = self._positions.copy()
            parts = self._unknown | {self._folds.name: self._folds.freeze(birth)}
        return Snapshot(metrics, parts | {m.name: state for m, state in metrics}, positions)

    def restore(self, parts: Mapping[str, msgspec.Raw], positions: Mapping[str, object]) -> None:
        """Go on from a checkpoint.

        Raises:
            PanoError: when a part is damaged.
        """
        self._positions = dict(positions)
        known: list[Part] = [*self._metrics(), self._folds]
        self._unknown = thaw_all(known, parts)

    def _metrics(self) -> tuple[Metric, ...]:
        return (self._records, *self.ledger.metrics(), self._folds.folded)
