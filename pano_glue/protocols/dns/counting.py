"""DNS transactions: Zeek's dns.log, enriched or stock, counted for Prometheus.

One record is one transaction. `answered`, `timeout` and `unreachable` are queries; `answered`,
`late` and `orphan` are responses: so queries = answered responses + timeouts + unreachable, and a
late reply, whose query was counted when it timed out, is not another query.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from pano_glue.metrics.histograms import placed
from pano_glue.metrics.roles import INBOUND, OUTBOUND, TRANSIT
from pano_glue.page.recent import FINE, KEPT, Failure, Failures
from pano_glue.protocols.base import Tally
from pano_glue.protocols.client_groups import ClientGroups
from pano_glue.protocols.dns.columns import DnsColumns
from pano_glue.protocols.dns.group import SUMMED, Group
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

    Groups = dict[tuple[Labels, str, int], list[int]]
    """The numbers of the records with these labels, outcome and return code."""

FAILURES = {0: "", 2: "servfail", 3: "nxdomain", 5: "refused", UNSET: "timeout"}
ENOUGH = 1 << 8  # records that are divided at one time; those of smaller batches wait
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
        self._waiting: list[list[Any]] = [[] for _ in DnsColumns._fields]
        self._gathered: dict[tuple[Labels, str, int], Group] = {}
        self._pending = 0  # records in them

    def count(self, lines: bytes | Table) -> Tally:
        """Count whole lines; nothing in them raises."""
        decoded = self._decoder.decode(lines)
        if decoded.counted >= ENOUGH:
            self._divide(DnsColumns(*decoded.columns))
        else:
            for column, more in zip(self._waiting, decoded.columns, strict=True):
                column.extend(more)
            if len(self._waiting[0]) >= ENOUGH:
                self._divide_waiting()
        return Tally(
            decoded.counted, decoded.malformed, decoded.skipped, newest_of(lines), decoded.samples
        )

    def _divide_waiting(self) -> None:
        columns = DnsColumns(*self._waiting)
        self._waiting = [[] for _ in columns]
        self._divide(columns)

    def _divide(self, columns: DnsColumns) -> None:
        """Divide records by their labels, and hand them to whoever counts them."""
        places = placed(RTT_BOUNDS, columns.rtt)
        summed = [name for name in SUMMED if any(getattr(columns, name))]
        groups = self._grouped(columns)
        for key, numbers in groups.items():
            labels, outcome, rcode = key
            if key not in self._gathered:
                self._gathered[key] = Group(rcode)
            self._gathered[key].add(columns, places, numbers, summed)
            if labels[-1] == OUTBOUND and outcome in QUERIES:
                self._upstream.spans.add(labels[0], columns, numbers)
        for (labels, outcome, _), numbers in groups.items():
            if labels[-1] == INBOUND and outcome == "answered":
                self._upstream.add(labels, columns, places, numbers)
        self._keep_failures(columns, groups)
        self._add_queries(columns, places, groups)
        self._pending += len(places)
        if self._pending > PENDING:
            self._count_gathered()

    def _grouped(self, columns: DnsColumns) -> Groups:
        """Divide records by labels and how they ended: a flood of servers is one group, `other`."""
        told: dict[tuple[str, str, str, str, str | None, int], list[int]] = defaultdict(list)
        c = columns
        ends = zip(c.sensor, c.server, c.told, c.proto, c.outcome, c.rcode, strict=True)
        for number, end in enumerate(ends):
            told[end].append(number)
        groups: Groups = defaultdict(list)
        for (sensor, server, name, proto, outcome, rcode), numbers in told.items():
            labels = self._folds.labels(sensor, server, proto, len(numbers), name)
            clients = map(c.client.__getitem__, numbers)
            role, others = self._folds.roles.divided(sensor, server, clients)
            ended = outcome or stock_outcome(rcode)
            if others:
                passing = [n for n in numbers if c.client[n] in others]
                groups[(*labels, TRANSIT), ended, rcode] += passing
                numbers = [n for n in numbers if c.client[n] not in others]  # noqa: PLW2901 - the rest of it
            groups[(*labels, role), ended, rcode] += numbers
        return groups

    def _add_queries(self, columns: DnsColumns, places: list[int | None], groups: Groups) -> None:
        """Hand on the queries, in their order; replies without one are few, if there are any."""
        if any(outcome not in QUERIES for _, outcome, _ in groups):
            asked = [group for (_, outcome, _), group in groups.items() if outcome in QUERIES]
            numbers = sorted(chain.from_iterable(asked))
            columns, places = columns.rows(numbers), [places[n] for n in numbers]
        self._sketches.add(columns)
        self._groups.add(columns.client, columns.rcode, columns.rtt, places)
        self._wasted.add(columns)

    def _keep_failures(self, columns: DnsColumns, groups: Groups) -> None:
        """Keep the newest failures, for whoever looks at the live page."""
        c, outcomes = columns, {}
        for (_, outcome, rcode), numbers in groups.items():
            if rcode not in FINE:
                outcomes.update(dict.fromkeys(numbers[-KEPT:], outcome))
        for n in sorted(outcomes)[-KEPT:]:
            origin = (c.ts[n], c.uid[n], c.trans_id[n], c.client[n], c.server[n])
            self.failures.add(Failure(*origin, c.query[n], c.qtype[n], c.rcode[n], outcomes[n]))

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
        self._divide_waiting()
        self._groups.rename(config.clients)
        self._wasted.suffixes.configure(config.search)

    def settle(self) -> None:
        """Count what was gathered, and let servers change places."""
        self._divide_waiting()
        self._count_gathered()
        self._sketches.settle()
        self._groups.settle()
        self._upstream.settle()
        for sensor, server in self._folds.turn():
            self._metrics.forget(sensor, server)
            self._upstream.forget(sensor, server)

    def _count_gathered(self) -> None:
        now = self._clock()
        for (labels, _, _), group in self._gathered.items():
            if group.filled:
                self._metrics.tells_answers(labels[0])
        for (labels, outcome, rcode), group in self._gathered.items():
            self._metrics.add(labels, outcome, rcode, group, now)
        self._gathered.clear()
        self._pending = 0


def stock_outcome(rcode: int) -> str:
    """Tell the outcome of a record of Zeek's own dns.log, which does not."""
    return "timeout" if rcode == UNSET else "answered"
