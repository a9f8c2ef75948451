"""Queries that were asked in vain, by why.

`search`: a name with a suffix that a stub resolver appended (`search_suffixes`), NXDOMAIN.
`pair`: A or AAAA without data, where the other of the two had an answer.
`repeat`: asked by the same client again while the answer that it had could be cached.

Memory is bounded: `ANSWERS` answers are remembered, each by a hash. When more can be cached at one
time, only every second client is looked at and counts twice, then every fourth, and so on; which
ones a hash tells, which nobody outside can know. A client is an address: those behind one NAT are
one, and repeat each other.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from pano_glue.metrics.counters import Counters
from pano_glue.protocols.dns.record import least_ttl
from pano_glue.protocols.dns.search_suffixes import SearchSuffixes
from pano_glue.sources.times import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pano_glue.config import Search
    from pano_glue.metrics.metric import Metric
    from pano_glue.protocols.dns.record import DnsRecord

ANSWERS = 1 << 12
EMPTY = 1 << 12  # NODATA that wait for the other of their pair
PAIR = 5.0  # seconds in which both of a pair are asked
NOERROR, NXDOMAIN = 0, 3
OTHER_OF_PAIR = {1: 28, 28: 1}  # A, AAAA
KEY = attrgetter("sensor", "client", "query", "qtype")


class Wasted:
    """Counts them, over all sensors."""

    def __init__(self, search: Search) -> None:
        """Begin at zero."""
        self._wasted = Counters(
            "pano_dns_wasted_queries", "Queries asked in vain, by why.", ("reason",)
        )
        self.suffixes = SearchSuffixes(search)
        self._answers: dict[int, float] = {}  # until when each may be cached, in epoch seconds
        self._weight = 1  # a power of two: one of so many clients is looked at
        self._empty: dict[int, float] = {}  # when NODATA came, by the key of the other of the pair

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield self._wasted

    def add(self, queries: Sequence[DnsRecord]) -> None:
        """Take in answered queries and timeouts, in their order."""
        if not queries:
            return
        self._wasted.open((reason,) for reason in ("search", "pair", "repeat"))
        nxdomain = [record for record in queries if record.rcode == NXDOMAIN]
        if nxdomain:
            self._wasted.add(("search",), self.suffixes.tries(nxdomain))
        weight = self._weight
        if weight > 1:
            queries = [r for r in queries if not hash(r.client) & (weight - 1)]
            nxdomain = [r for r in nxdomain if not hash(r.client) & (weight - 1)]
        self.suffixes.failed(nxdomain)
        repeats = 0
        for key, record in zip(map(hash, map(KEY, queries)), queries, strict=True):
            cached = self._answers.get(key)
            if cached is not None and type(record.ts) is float and record.ts < cached:
                repeats += 1
            elif record.TTLs and not record.rcode:
                self._remember(key, record)
        self._wasted.add(("repeat",), repeats * weight)
        empty = [r for r in queries if not r.TTLs and not r.rcode and r.qtype in OTHER_OF_PAIR]
        if empty:
            self._wasted.add(("pair",), self._pairs(empty) * weight)

    def _remember(self, key: int, record: DnsRecord) -> None:
        """Keep an answer that the client did not have before."""
        sent = epoch_seconds(record.ts)
        if sent is None or record.TC:
            return
        if len(self._answers) >= ANSWERS:
            self._forget(sent)
        self._answers[key] = sent + (record.rtt or 0.0) + least_ttl(record.TTLs)
        self.suffixes.answered(record)
        came = self._empty.pop(key, None) if self._empty else None
        if came is not None and abs(sent - came) < PAIR:
            self._wasted.add(("pair",), self._weight)

    def _pairs(self, empty: Sequence[DnsRecord]) -> int:
        """Count NODATA whose other was answered; the rest waits for it."""
        pairs = 0
        for record in empty:
            sent = epoch_seconds(record.ts)
            if sent is None or not (record.AA or record.RA) or record.TC or record.opcode:
                continue
            other = hash((record.sensor, record.client, record.query, OTHER_OF_PAIR[record.qtype]))
            if self._answers.get(other, 0.0) > sent:
                pairs += 1
                continue
            if len(self._empty) >= EMPTY:
                self._empty = dict(list(self._empty.items())[EMPTY // 2 :])
            self._empty[other] = sent
        return pairs

    def _forget(self, now: float) -> None:
        """Forget what may not be cached any more; look at fewer clients when that is too little."""
        self._answers = {key: until for key, until in self._answers.items() if until > now}
        if len(self._answers) > ANSWERS * 3 // 4:
            self._weight *= 2
            self._answers.clear()  # what of it is of clients not looked at cannot be told
            self._empty.clear()
        elif len(self._answers) < ANSWERS // 8 and self._weight > 1:
            self._weight //= 2
