"""Echoes, counted with what all protocols share: labels, groups of clients, a top list."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from msgspec import field

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.histograms import placed
from pano_glue.metrics.top import Top
from pano_glue.protocols.base import Tally
from pano_glue.protocols.client_groups import ClientGroups
from pano_glue.protocols.lines import LineDecoder, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds
    from pano_glue.metrics.metric import Metric
    from pano_glue.sources.tsv import Table

LOST, REPLIED = 0, 1
KINDS = {LOST: "lost", REPLIED: ""}
BOUNDS = (0.001, 0.01, 0.1, 1.0)  # seconds


class EchoRecord(msgspec.Struct):
    """One request, and how long its reply took."""

    ts: float
    client: str = field(name="id.orig_h")
    server: str = field(name="id.resp_h")
    sensor: str
    rtt: float | None = None


class EchoRow(EchoRecord, array_like=True):
    """The same from a TSV log."""


class Echo:
    """Counts echo.log."""

    topic = "echo"
    fields = names_of(EchoRecord)

    def __init__(self, config: Config, folds: Folds, clock: Callable[[], float]) -> None:
        """Begin at zero."""
        self._decoder = LineDecoder((self.topic,), EchoRecord, EchoRow)
        self._folds = folds
        self._requests = Counters("pano_echo_requests", "Requests.", ("sensor", "server"))
        self._groups = ClientGroups("echo", config.clients, KINDS, BOUNDS)
        self._top = Top("pano_echo_top_clients", "Who asks.", "client", config.top.clients, clock)

    def count(self, lines: bytes | Table) -> Tally:
        """Count whole lines."""
        decoded = self._decoder.decode(lines)
        records = decoded.records(EchoRecord)
        for record in records:
            labels = self._folds.labels(record.sensor, record.server, "icmp", 1)
            self._requests.add(labels[:2], 1)
        times = [record.rtt for record in records]
        clients = [record.client for record in records]
        codes = [LOST if time is None else REPLIED for time in times]
        self._groups.add(clients, codes, times, placed(BOUNDS, times))
        self._top.add(Counter(clients))
        return Tally(len(records), decoded.malformed, decoded.skipped, samples=decoded.samples)

    def why_not(self, lines: bytes | Table) -> str | None:
        """Tell why some lines are none of its records."""
        return self._decoder.why_not(lines)

    def configure(self, config: Config) -> None:
        """Take over other groups."""
        self._groups.rename(config.clients)

    def settle(self) -> None:
        """Count what was gathered."""
        self._groups.settle()

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield self._requests
        yield from self._groups.metrics()
        yield self._top

    def parts(self) -> tuple[()]:
        """Nothing besides."""
        return ()
