"""DNS transactions: Zeek's dns.log, enriched or stock, counted for Prometheus.

One record is one transaction. `answered`, `timeout` and `unreachable` are queries; `answered`,
`late` and `orphan` are responses: so queries = answered responses + timeouts + unreachable, and a
late reply, whose query was counted when it timed out, is not another query.
"""

from __future__ import annotations

from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING

from pano_glue.metrics.roles import INBOUND, OUTBOUND, TRANSIT
from pano_glue.page.recent import Failures
from pano_glue.protocols.base import Tally
from pano_glue.protocols.client_groups import ClientGroups
from pano_glue.protocols.dns.columns import Columns
from pano_glue.protocols.dns.metrics import QUERIES, RTT_BOUNDS, DnsMetrics
from pano_glue.protocols.dns.record import (
    LOGS,
    UNSET,
    DnsRecord,
    DnsRow,
    Times,
    mended,
    newest_of,
)
from pano_glue.protocols.dns.sketches import DnsSketches
from pano_glue.protocols.dns.upstream import Upstream
from pano_glue.protocols.dns.wasted import Wasted
from pano_glue.protocols.lines import LineDecoder, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds
    from pano_glue.metrics.metric import Metric, Part
    from pano_glue.protocols.dns.metrics import Labels
    from pano_glue.sources.tsv import Table

    Origin = tuple[str, str, str, str, str | None]

ORIGIN = attrgetter("sensor", "server", "told", "proto", "outcome")
CLIENT = attrgetter("client")
FAILURES = {0: "", 2: "servfail", 3: "nxdomain", 5: "refused", UNSET: "timeout"}
WAITING = 1 << 11  # records that are divided at one time: many groups of a few cost more
PENDING = 1 << 15  # records that may be gathered before they are counted


class Dns:
    """Counts dns.log."""

    topic = "dns"
    fields = names_of(DnsRecord) | names_of(Times)

    def __init__(self, config: Config, folds: Folds, clock: Callable[[], float]) -> None:
        """Begin at zero; `folds` bounds the labels; `clock` gives epoch seconds.

        Raises:
            SettingError: when `[top]` or `[clients]` cannot be used.
        """
        self._decoder = LineDecoder(LOGS, DnsRecord, DnsRow, mended)
        self._folds = folds
        self._clock = clock
        self._metrics = DnsMetrics()
        self._sketches = DnsSketches(config.top, clock)
        self.failures = Failures()
        self._groups = ClientGroups("dns", config.clients, FAILURES, RTT_BOUNDS)
        self._upstream = Upstream(RTT_BOUNDS)
        self._wasted = Wasted(config.search)
        self._waiting: list[DnsRecord] = []
        self._columns: dict[tuple[Labels, str], Columns] = {}
        self._pending = 0  # records in them

    def count(self, lines: bytes | Table) -> Tally:
        """Count whole lines; nothing in them raises."""
        records, malformed, skipped, samples = self._decoder.decode(lines)
        self._waiting += records
        if len(self._waiting) >= WAITING:
            self._divide()
        return Tally(len(records), malformed, skipped, newest_of(lines), samples)

    def _divide(self) -> None:
        """Divide what waits by its labels, and hand it to whoever counts it."""
        records, self._waiting = self._waiting, []
        groups: dict[Origin, list[DnsRecord]] = defaultdict(list)
        for origin, record in zip(map(ORIGIN, records), records, strict=True):
            groups[origin].append(record)
        queries: list[DnsRecord] = []
        inbound: list[tuple[Labels, list[DnsRecord]]] = []
        for (labels, told), group in self._folded(groups).items():
            for outcome, part in ((told, group),) if told is not None else _stock(group):
                self._gather(labels, outcome, part)
                if outcome not in QUERIES:
                    continue
                queries += part
                if labels[-1] == OUTBOUND:
                    self._upstream.spans.add(labels[0], part)
                elif labels[-1] == INBOUND and outcome == "answered":
                    inbound.append((labels, part))
        for labels, part in inbound:
            self._upstream.add(labels, part)
        self.failures.add(records)
        clients = [record.client for record in queries]
        rcodes = [record.rcode for record in queries]
        times = [record.rtt for record in queries]
        self._sketches.add(queries, clients, rcodes, times)
        self._groups.add(clients, rcodes, times)
        self._wasted.add(queries)
        self._pending += len(records)
        if self._pending > PENDING:
            self._count_gathered()

    def why_not(self, lines: bytes | Table) -> str | None:
        """Tell why the first of some lines is none of its records; None when one of them is."""
        return self._decoder.why_not(lines)

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from self._metrics.metrics()
        yield from self._upstream.metrics()
        yield from self._wasted.metrics()
        yield from self._groups.metrics()
        yield from self._sketches.metrics()

    def parts(self) -> tuple[Part, ...]:
        """Give what joins one batch to the next."""
        return (self._upstream.spans, self._wasted.suffixes)

    def configure(self, config: Config) -> None:
        """Take over what can change while running; see `ClientGroups.rename` for errors."""
        self._divide()
        self._groups.rename(config.clients)
        self._wasted.suffixes.configure(config.search)

    def settle(self) -> None:
        """Count what was gathered, and let servers change places."""
        self._divide()
        self._count_gathered()
        self._sketches.settle()
        self._groups.settle()
        self._upstream.settle()
        for sensor, server in self._folds.turn():
            self._metrics.forget(sensor, server)
            self._upstream.forget(sensor, server)

    def _folded(
        self, groups: dict[Origin, list[DnsRecord]]
    ) -> dict[tuple[Labels, str | None], list[DnsRecord]]:
        """Put together what has the same labels: a flood of servers is one group, `other`."""
        folded: dict[tuple[Labels, str | None], list[DnsRecord]] = defaultdict(list)
        for (sensor, server, name, proto, told), group in groups.items():
            labels = self._folds.labels(sensor, server, proto, len(group), name)
            role, others = self._folds.roles.divided(sensor, server, map(CLIENT, group))
            if others:
                passing = [record for record in group if record.client in others]
                folded[(*labels, TRANSIT), told] += passing
                group = [record for record in group if record.client not in others]  # noqa: PLW2901 - the rest of it
            folded[(*labels, role), told] += group
        return folded

    def _gather(self, labels: Labels, outcome: str, group: list[DnsRecord]) -> None:
        columns = self._columns.get((labels, outcome))
        if columns is None:
            columns = self._columns[labels, outcome] = Columns()
        columns.add(group)

    def _count_gathered(self) -> None:
        now = self._clock()
        for (labels, _), columns in self._columns.items():
            if columns.filled:
                self._metrics.tells_answers(labels[0])
        for (labels, outcome), columns in self._columns.items():
            self._metrics.add(labels, outcome, columns, now)
        self._columns.clear()
        self._pending = 0


def _stock(group: list[DnsRecord]) -> Iterator[tuple[str, list[DnsRecord]]]:
    """Divide records of Zeek's own dns.log, which tells no outcome."""
    answered = [record for record in group if record.rcode != UNSET]
    if answered:
        yield "answered", answered
    if len(answered) < len(group):
        yield "timeout", [record for record in group if record.rcode == UNSET]
