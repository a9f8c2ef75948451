"""DNS transactions: Zeek's dns.log, enriched or stock, counted for Prometheus.

One record is one transaction. `answered` and `timeout` are queries; `answered`, `late` and `orphan`
are responses: so queries = answered responses + timeouts, and a late reply, whose query was
counted when it timed out, is not another query.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.histograms import Histograms
from pano_glue.metrics.labels import OTHER
from pano_glue.protocols.base import Tally
from pano_glue.protocols.dns_columns import Columns
from pano_glue.protocols.dns_names import QTYPES, RCODES
from pano_glue.protocols.dns_record import UNSET, DnsRecord, Times
from pano_glue.protocols.dns_sketches import DnsSketches
from pano_glue.protocols.lines import BAD_LINE, LineDecoder, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.config import Limits
    from pano_glue.metrics.family import Family
    from pano_glue.metrics.labels import Folds

LABELS = ("sensor", "server", "proto")
# CoreDNS's buckets (plugin/metrics), the rtt's with two finer ones below.
RTT_BOUNDS = [62.5e-6 * 2**i for i in range(18)]
SIZE_BOUNDS = (0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16000, 32000, 48000, 64000)
QUERIES = ("answered", "timeout")
RESPONSES = ("answered", "late", "orphan")
PENDING = 1 << 15  # records that may be gathered before they are counted

Labels = tuple[str, str, str]


class Dns:
    """Counts dns.log."""

    topic = "dns"
    fields = names_of(DnsRecord) | names_of(Times)

    def __init__(self, limits: Limits, folds: Folds, clock: Callable[[], float]) -> None:
        """Begin at zero; `folds` bounds the labels, `limits` the rest; `clock` gives seconds."""
        self._decoder = LineDecoder(self.topic, DnsRecord)
        self._times = msgspec.json.Decoder(Times)
        self._folds = folds
        prefix = "pano_dns_"
        self._queries = Counters(
            prefix + "queries", "DNS queries, retransmissions merged.", (*LABELS, "qtype")
        )
        self._responses = Counters(
            prefix + "responses", "DNS responses, by return code.", (*LABELS, "rcode")
        )
        self._by_outcome = {
            "timeout": Counters(prefix + "timeouts", "Queries without a reply in time.", LABELS),
            "late": Counters(
                prefix + "late_responses", "Responses after their timeout was counted.", LABELS
            ),
            "orphan": Counters(
                prefix + "orphan_responses", "Responses whose query was never seen.", LABELS
            ),
        }
        self._retransmits = Counters(prefix + "retransmits", "Queries sent again.", LABELS)
        self._truncated = Counters(prefix + "truncated", "Responses with the TC bit.", LABELS)
        self._rtt = Histograms(
            prefix + "rtt_seconds", "First query packet to first reply packet.", LABELS, RTT_BOUNDS
        )
        self._query_bytes = Histograms(
            prefix + "query_bytes", "Length of queries.", LABELS, SIZE_BOUNDS
        )
        self._reply_bytes = Histograms(
            prefix + "response_bytes", "Length of responses.", LABELS, SIZE_BOUNDS
        )
        self._sketches = DnsSketches(limits.top, clock)
        self._columns: dict[tuple[Labels, str], Columns] = {}
        self._pending = 0  # records in them

    def count(self, lines: bytes) -> Tally:
        """Count whole JSON lines; nothing in them raises."""
        records, malformed, skipped = self._decoder.decode(lines)
        groups: dict[tuple[str, str, str, str | None], list[DnsRecord]] = defaultdict(list)
        for record in records:
            groups[record.sensor, record.server, record.proto, record.outcome].append(record)
        queries: list[DnsRecord] = []
        for (labels, told), group in self._folded(groups).items():
            for outcome, part in ((told, group),) if told is not None else _stock(group):
                self._gather(labels, outcome, part)
                if outcome in QUERIES:
                    queries += part
        self._sketches.add(queries)
        self._pending += len(records)
        if self._pending > PENDING:
            self._settle()
        return Tally(len(records), malformed, skipped, self._newest(lines))

    def why_not(self, line: bytes) -> str | None:
        """Tell why a line is none of its records; None when it is one."""
        return self._decoder.why_not(line)

    def families(self) -> Iterator[Family]:
        """Write the metrics as they are now."""
        self._settle()
        metrics: tuple[Counters | Histograms, ...] = (
            self._queries,
            self._responses,
            *self._by_outcome.values(),
            self._retransmits,
            self._truncated,
            self._rtt,
            self._query_bytes,
            self._reply_bytes,
        )
        for metric in metrics:
            yield metric.family()
        yield from self._sketches.families()

    def _folded(
        self, groups: dict[tuple[str, str, str, str | None], list[DnsRecord]]
    ) -> dict[tuple[Labels, str | None], list[DnsRecord]]:
        """Put together what has the same labels: a flood of servers is one group, `other`."""
        folded: dict[tuple[Labels, str | None], list[DnsRecord]] = defaultdict(list)
        for (sensor, server, proto, told), group in groups.items():
            folded[self._folds.labels(sensor, server, proto, len(group)), told] += group
        return folded

    def _gather(self, labels: Labels, outcome: str, group: list[DnsRecord]) -> None:
        columns = self._columns.get((labels, outcome))
        if columns is None:
            columns = self._columns[labels, outcome] = Columns()
        columns.add(group)

    def _settle(self) -> None:
        """Count what was gathered."""
        for (labels, outcome), columns in self._columns.items():
            if outcome in QUERIES:
                self._count_queries(labels, columns)
            if outcome in RESPONSES:
                self._count_responses(labels, columns)
            if outcome in self._by_outcome:
                self._by_outcome[outcome].add(labels, columns.records)
        self._columns.clear()
        self._pending = 0

    def _count_queries(self, labels: Labels, columns: Columns) -> None:
        for qtype, count in columns.qtypes().items():
            self._queries.add((*labels, QTYPES.get(qtype, OTHER)), count)
        if columns.retransmits:
            self._retransmits.add(labels, columns.retransmits)
        self._query_bytes.add_sorted(labels, columns.query_bytes())

    def _count_responses(self, labels: Labels, columns: Columns) -> None:
        for rcode, count in columns.rcodes().items():
            self._responses.add((*labels, RCODES.get(rcode, OTHER)), count)
        if columns.truncated:
            self._truncated.add(labels, columns.truncated)
        self._reply_bytes.add_sorted(labels, columns.reply_bytes())
        uid, longest = columns.slowest
        if longest >= 0:
            self._rtt.add_sorted(labels, columns.rtts())
            if self._rtt.beats(labels, longest):
                self._rtt.exemplify(labels, uid, longest)

    def _newest(self, lines: bytes) -> float | None:
        end = len(lines) - lines.endswith(b"\n")  # stripping would copy a megabyte
        try:
            last = self._times.decode(lines[lines.rfind(b"\n", 0, end) + 1 : end])
        except BAD_LINE:
            return None  # a timeout, which was complete on the wire long ago
        return last.ts + last.rtt


def _stock(group: list[DnsRecord]) -> Iterator[tuple[str, list[DnsRecord]]]:
    """Divide records of Zeek's own dns.log, which tells no outcome."""
    answered = [record for record in group if record.rcode != UNSET]
    if answered:
        yield "answered", answered
    if len(answered) < len(group):
        yield "timeout", [record for record in group if record.rcode == UNSET]
