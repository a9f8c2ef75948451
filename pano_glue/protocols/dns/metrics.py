"""The metrics of DNS that have fixed labels, and what each batch of records adds to them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.histograms import Histograms
from pano_glue.metrics.labels import OTHER
from pano_glue.protocols.dns.names import QTYPES, RCODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pano_glue.metrics.metric import Metric
    from pano_glue.protocols.dns.group import Group

LABELS = ("sensor", "server", "proto", "role")
# CoreDNS's buckets (plugin/metrics), with two finer ones below.
RTT_BOUNDS = [62.5e-6 * 2**i for i in range(18)]
# Near CoreDNS's, with the limits that matter: 512 without EDNS (RFC 1035, section 4.2.1), 1232 that
# avoids fragments (DNS Flag Day 2020), 4096 that older resolvers offer.
SIZE_BOUNDS = (64, 128, 256, 512, 1024, 1232, 1452, 2048, 4096, 8192, 16384, 32768, 65535)
QUERIES = ("answered", "timeout", "unreachable")
RESPONSES = ("answered", "late", "orphan")
USUAL_RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")

# What a bit or an option says: by its column, the metric's name and its meaning.
FLAGS = {
    "TC": ("truncated", "Responses with the TC bit."),
    "AD": ("authenticated", "Responses with the AD bit."),
    "CD": ("unchecked", "Queries with the CD bit."),
    "DO": ("dnssec_ok", "Queries with the DO bit."),
    "ecs": ("ecs", "Queries with a client subnet (ECS)."),
}
OF_RESPONSES = ("TC", "AD")

Labels = tuple[str, str, str, str]


class DnsMetrics:
    """Counters and histograms by sensor, server and protocol."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._telling: set[str] = set()  # sensors whose records have answers
        prefix = "pano_dns_"
        self._queries = Counters(
            prefix + "queries", "DNS queries, retransmissions merged.", (*LABELS, "qtype")
        )
        self._responses = Counters(
            prefix + "responses",
            "DNS responses, by query type and return code.",
            (*LABELS, "qtype", "rcode"),
        )
        self._by_outcome = {
            "timeout": Counters(prefix + "timeouts", "Queries without a reply in time.", LABELS),
            "late": Counters(
                prefix + "late_responses", "Responses after their timeout was counted.", LABELS
            ),
            "orphan": Counters(
                prefix + "orphan_responses", "Responses whose query was never seen.", LABELS
            ),
            "unreachable": Counters(
                prefix + "unreachable", "Queries that an ICMP error answered.", LABELS
            ),
        }
        self._retransmits = Counters(prefix + "retransmits", "Queries sent again.", LABELS)
        self._nodata = Counters(
            prefix + "nodata", "Responses that say there is no record of this type.", LABELS
        )
        self._flags = {
            flag: Counters(prefix + name, meaning, LABELS)
            for flag, (name, meaning) in FLAGS.items()
        }
        self._rtt = Histograms(
            prefix + "rtt_seconds",
            "First query packet to first reply packet.",
            (*LABELS, "result"),
            RTT_BOUNDS,
        )
        self._query_bytes = Histograms(
            prefix + "query_bytes", "Length of queries.", LABELS, SIZE_BOUNDS
        )
        self._reply_bytes = Histograms(
            prefix + "response_bytes", "Length of responses.", LABELS, SIZE_BOUNDS
        )

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from self._all()

    def tells_answers(self, sensor: str) -> None:
        """Take note that this sensor's records have answers: one without them is NODATA."""
        self._telling.add(sensor)

    def add(self, labels: Labels, outcome: str, rcode: int, group: Group, now: float) -> None:
        """Count records that ended in one way; exemplars are of the hour before `now`."""
        self._open(labels)
        if outcome in QUERIES:
            self._add_queries(labels, group)
        if outcome in RESPONSES:
            self._add_responses(labels, rcode, group, now)
        for flag, counters in self._flags.items():
            if outcome in (RESPONSES if flag in OF_RESPONSES else QUERIES):
                counters.add(labels, group.sums[flag])
        if outcome in self._by_outcome:
            self._by_outcome[outcome].add(labels, group.records)

    def forget(self, sensor: str, server: str) -> None:
        """Let the series of a server go."""
        for metric in self._all():
            for key in [key for key in metric.values if key[:2] == (sensor, server)]:
                metric.forget(key)

    def _all(self) -> Iterator[Counters | Histograms]:
        yield from (self._queries, self._responses, *self._by_outcome.values())
        yield from (self._retransmits, self._nodata, *self._flags.values())
        yield from (self._rtt, self._query_bytes, self._reply_bytes)

    def _tells(self, sensor: str) -> bool:
        """Tell whether a sensor's records have answers; a series from a checkpoint says so, too."""
        if sensor not in self._telling and any(key[0] == sensor for key in self._nodata.values):
            self._telling.add(sensor)
        return sensor in self._telling

    def _open(self, labels: Labels) -> None:
        """Show what a server may do wrong before it does, so that its first time is seen."""
        for counters in (*self._by_outcome.values(), self._retransmits, *self._flags.values()):
            counters.open((labels,))
        if self._tells(labels[0]):
            self._nodata.open((labels,))

    def _add_queries(self, labels: Labels, group: Group) -> None:
        for qtype, count in Counter(group.qtypes).items():
            name = QTYPES.get(qtype, OTHER)
            self._queries.add((*labels, name), count)
            self._responses.open((*labels, name, usual) for usual in USUAL_RCODES)
        if group.sums["retransmits"]:
            self._retransmits.add(labels, group.sums["retransmits"])
        self._query_bytes.add_counted(labels, known(group.query_bytes))

    def _add_responses(self, labels: Labels, rcode: int, group: Group, now: float) -> None:
        for qtype, count in Counter(group.qtypes).items():
            names = (QTYPES.get(qtype, OTHER), RCODES.get(rcode, OTHER))
            self._responses.add((*labels, *names), count)
        if group.empty and labels[0] in self._telling:
            self._nodata.add(labels, group.empty)
        self._reply_bytes.add_counted(labels, known(group.reply_bytes))
        if group.places:
            key = (*labels, group.result)
            self._rtt.add_placed(key, Counter(group.places), group.seconds)
            for exemplar in group.exemplars():
                self._rtt.exemplify(key, exemplar, now)


def known(lengths: Sequence[int]) -> Counter[int]:
    """Count how often each length came; 0 is that of a message that was not seen."""
    counted = Counter(lengths)
    del counted[0]
    return counted
