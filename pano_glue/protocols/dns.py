"""DNS transactions: Zeek's dns.log, enriched or stock, counted for Prometheus.

One record is one transaction. `answered` and `timeout` are queries; `answered`, `late` and `orphan`
are responses: so queries = answered responses + timeouts, and a late reply, whose query was
counted when it timed out, is not another query.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.histograms import Histograms
from pano_glue.metrics.labels import OTHER
from pano_glue.protocols.base import Tally
from pano_glue.protocols.dns_names import QTYPES, RCODES
from pano_glue.protocols.dns_record import UNSET, DnsRecord, Times
from pano_glue.protocols.dns_sketches import DnsSketches
from pano_glue.protocols.lines import BAD_LINE, LineDecoder

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

Labels = tuple[str, str, str]


class Dns:
    """Counts dns.log."""

    topic = "dns"

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
        self._timeouts = Counters(prefix + "timeouts", "Queries without a reply in time.", LABELS)
        self._late = Counters(
            prefix + "late_responses", "Responses after their timeout was counted.", LABELS
        )
        self._orphans = Counters(
            prefix + "orphan_responses", "Responses whose query was never seen.", LABELS
        )
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

    def count(self, lines: bytes) -> Tally:
        """Count whole JSON lines; nothing in them raises."""
        records, malformed, skipped = self._decoder.decode(lines)
        groups: dict[tuple[str, str, str, str | None], list[DnsRecord]] = defaultdict(list)
        for record in records:
            groups[record.sensor, record.server, record.proto, record.outcome].append(record)
        for (sensor, server, proto, outcome), group in groups.items():
            labels = self._folds.labels(sensor, server, proto, len(group))
            if outcome is None:
                self._count_stock(labels, group)
            else:
                self._count_group(labels, outcome, group)
        return Tally(len(records), malformed, skipped, self._newest(lines))

    def why_not(self, line: bytes) -> str | None:
        """Tell why a line is none of its records; None when it is one."""
        return self._decoder.why_not(line)

    def families(self) -> Iterator[Family]:
        """Write the metrics as they are now."""
        for metric in (
            self._queries,
            self._responses,
            self._timeouts,
            self._late,
            self._orphans,
            self._retransmits,
            self._truncated,
            self._rtt,
            self._query_bytes,
            self._reply_bytes,
        ):
            yield metric.family()
        yield from self._sketches.families()

    def _count_stock(self, labels: Labels, group: list[DnsRecord]) -> None:
        """Count records of Zeek's own dns.log, which tells no outcome."""
        answered = [record for record in group if record.rcode != UNSET]
        timeouts = [record for record in group if record.rcode == UNSET]
        if answered:
            self._count_group(labels, "answered", answered)
        if timeouts:
            self._count_group(labels, "timeout", timeouts)

    def _count_group(self, labels: Labels, outcome: str, group: list[DnsRecord]) -> None:
        """Count records of one server with one outcome."""
        if outcome in QUERIES:
            self._count_queries(labels, group)
        if outcome in RESPONSES:
            self._count_responses(labels, group)
        if outcome == "timeout":
            self._timeouts.add(labels, len(group))
        elif outcome == "late":
            self._late.add(labels, len(group))
        elif outcome == "orphan":
            self._orphans.add(labels, len(group))

    def _count_queries(self, labels: Labels, group: list[DnsRecord]) -> None:
        self._sketches.add(group)
        for qtype, count in Counter([record.qtype for record in group]).items():
            self._queries.add((*labels, QTYPES.get(qtype, OTHER)), count)
        retransmits = sum([record.retransmits for record in group])
        if retransmits:
            self._retransmits.add(labels, retransmits)
        sizes = sorted([record.query_bytes for record in group])
        self._query_bytes.add_sorted(labels, sizes[bisect_right(sizes, UNSET) :])

    def _count_responses(self, labels: Labels, group: list[DnsRecord]) -> None:
        for rcode, count in Counter([record.rcode for record in group]).items():
            self._responses.add((*labels, RCODES.get(rcode, OTHER)), count)
        truncated = sum([record.TC for record in group])
        if truncated:
            self._truncated.add(labels, truncated)
        sizes = sorted([record.reply_bytes for record in group])
        self._reply_bytes.add_sorted(labels, sizes[bisect_right(sizes, UNSET) :])
        rtts = sorted([record.rtt for record in group if record.rtt is not None])
        if not rtts:
            return
        self._rtt.add_sorted(labels, rtts)
        if self._rtt.beats(labels, rtts[-1]):
            slowest = next(record for record in group if record.rtt == rtts[-1])
            self._rtt.exemplify(labels, slowest.uid, rtts[-1])

    def _newest(self, lines: bytes) -> float | None:
        end = len(lines) - lines.endswith(b"\n")  # stripping would copy a megabyte
        try:
            last = self._times.decode(lines[lines.rfind(b"\n", 0, end) + 1 : end])
        except BAD_LINE:
            return None  # a timeout, which was complete on the wire long ago
        return last.ts + last.rtt
