"""Where every source's records are counted, and a scrape is tied to what it contained."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from pano_glue.bridge.ledger import BridgeLedger
from pano_glue.metrics.family import exposition
from pano_glue.metrics.labels import Folds, ServerNames
from pano_glue.protocols import Tally, protocols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pano_glue.config import Config
    from pano_glue.metrics.family import Family
    from pano_glue.sources import Batch


class Mark(NamedTuple):
    """Up to where a source was counted: its newest position, and its records so far."""

    position: object | None
    records: int


class Scrape(NamedTuple):
    """One page of metrics, and what it contains of each source."""

    page: bytes
    marks: dict[str, Mark]


class Counting:
    """Counts batches and writes pages; a page contains whole batches only."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        """Begin at zero, with the caps and server names of `config`.

        Raises:
            SettingError: for a server that is neither an address nor a prefix.
        """
        limits = config.limits
        names = ServerNames(config.servers)
        self.folds = Folds(limits.sensors, limits.servers, limits.groups, names)
        self.ledger = BridgeLedger(self.folds)
        self.protocols = protocols(limits, self.folds, clock)
        self._marks: dict[str, Mark] = {}
        self._committed: dict[str, int] = {}
        self._clock = clock
        self._lock = Lock()

    def apply(self, source: str, batch: Batch) -> Mark:
        """Count one batch of a source and move its mark."""
        protocol = self.protocols.get(batch.topic)
        with self._lock:
            if protocol is None:
                lines = batch.lines.rstrip(b"\n")
                tally = Tally(0, skipped=lines.count(b"\n") + 1)
            else:
                tally = protocol.count(batch.lines)
            self.ledger.tally(source, tally, self._clock())
            before = self._marks.get(source)
            records = sum(tally[:3]) + (before.records if before else 0)
            mark = self._marks[source] = Mark(batch.position, records)
            if batch.position is not None:
                self._note_uncommitted(source)
        return mark

    def scrape(self, *, openmetrics: bool) -> Scrape:
        """Write a page and tell what it contains."""
        with self._lock:
            return Scrape(exposition(self._families(), openmetrics=openmetrics), dict(self._marks))

    def committed(self, source: str, mark: Mark) -> None:
        """Take note that a source's mark was made durable."""
        with self._lock:
            self._committed[source] = max(mark.records, self._committed.get(source, 0))
            self._note_uncommitted(source)

    def rename_servers(self, servers: Mapping[str, str]) -> None:
        """Use another `[servers]` table from here on.

        Raises:
            SettingError: for a server that is neither an address nor a prefix.
        """
        names = ServerNames(servers)
        with self._lock:
            self.folds.rename(names)

    def _note_uncommitted(self, source: str) -> None:
        records = self._marks[source].records - self._committed.get(source, 0)
        self.ledger.uncommitted(source, records)

    def _families(self) -> Iterator[Family]:
        for protocol in self.protocols.values():
            yield from protocol.families()
        yield from self.ledger.families()
        yield self.folds.folded.family()
