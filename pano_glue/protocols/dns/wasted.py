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

from typing import TYPE_CHECKING

from pano_glue.metrics.counters import Counters
from pano_glue.protocols.dns.record import least_ttl
from pano_glue.protocols.dns.search_suffixes import SearchSuffixes
from pano_glue.sources.times import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.config import Search
    from pano_glue.metrics.metric import Metric
    from pano_glue.protocols.dns.columns import DnsColumns

ANSWERS = 1 << 12
EMPTY = 1 << 12  # NODATA that wait for the other of their pair
PAIR = 5.0  # seconds in which both of a pair are asked
NOERROR, NXDOMAIN = 0, 3
OTHER_OF_PAIR = {1: 28, 28: 1}  # A, AAAA


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

    def add(self, queries: DnsColumns) -> None:
        """Take in answered queries and timeouts, in their order."""
        if not queries.rcode:
            return
        self._wasted.open((reason,) for reason in ("search", "pair", "repeat"))
        failed = [n for n, rcode in enumerate(queries.rcode) if rcode == NXDOMAIN]
        self._wasted.add(("search",), self.suffixes.tries([queries.query[n] for n in failed]))
        weight = self._weight
        if weight > 1:
            others = weight - 1
            seen = [n for n, hashed in enumerate(map(hash, queries.client)) if not hashed & others]
            queries = queries.rows(seen)
        self._look(queries, weight)

    def _look(self, queries: DnsColumns, weight: int) -> None:
        """Look for repeats and pairs in the queries of clients that count `weight` times."""
        repeats = pairs = 0
        keys = zip(queries.sensor, queries.client, queries.query, queries.qtype, strict=True)
        rest = zip(queries.ts, queries.rcode, queries.TTLs, queries.qtype, strict=True)
        for n, (key, (sent, rcode, ttls, qtype)) in enumerate(zip(map(hash, keys), rest)):  # noqa: B905 - columns
            cached = self._answers.get(key)
            if cached is not None and type(sent) is float and sent < cached:
                repeats += 1
            elif ttls and rcode == NOERROR:
                pairs += self._remember(key, queries, n)
            if rcode == NXDOMAIN:
                self.suffixes.failed(queries, n)
            elif rcode == NOERROR and not ttls and qtype in OTHER_OF_PAIR:
                pairs += self._completes_pair(queries, n)
        self._wasted.add(("repeat",), repeats * weight)
        self._wasted.add(("pair",), pairs * weight)

    def _remember(self, key: int, queries: DnsColumns, n: int) -> bool:
        """Keep an answer that the client did not have before; is it the other of NODATA?"""
        sent = epoch_seconds(queries.ts[n])
        if sent is None or queries.TC[n]:
            return False
        if len(self._answers) >= ANSWERS:
            self._forget(sent)
        self._answers[key] = sent + (queries.rtt[n] or 0.0) + least_ttl(queries.TTLs[n])
        self.suffixes.answered(queries, n)
        came = self._empty.pop(key, None) if self._empty else None
        return came is not None and abs(sent - came) < PAIR

    def _completes_pair(self, queries: DnsColumns, n: int) -> bool:
        """Tell whether the other of this NODATA was answered; if not, it waits for it."""
        sent = epoch_seconds(queries.ts[n])
        knows = (queries.AA[n] or queries.RA[n]) and not queries.TC[n] and not queries.opcode[n]
        if sent is None or not knows:
            return False
        asked = (queries.sensor[n], queries.client[n], queries.query[n])
        other = hash((*asked, OTHER_OF_PAIR[queries.qtype[n]]))
        if self._answers.get(other, 0.0) > sent:
            return True
        if len(self._empty) >= EMPTY:
            self._empty = dict(list(self._empty.items())[EMPTY // 2 :])
        self._empty[other] = sent
        return False

    def _forget(self, now: float) -> None:
        """Forget what may not be cached any more; look at fewer clients when that is too little."""
        self._answers = {key: until for key, until in self._answers.items() if until > now}
        if len(self._answers) > ANSWERS * 3 // 4:
            self._weight *= 2
            self._answers.clear()  # what of it is of clients not looked at cannot be told
            self._empty.clear()
        elif len(self._answers) < ANSWERS // 8 and self._weight > 1:
            self._weight //= 2
