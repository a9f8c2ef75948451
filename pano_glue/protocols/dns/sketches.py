"""Who asks, and for what: the parts of DNS traffic that no fixed set of labels can hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import compress
from operator import add
from typing import TYPE_CHECKING

from pano_glue.metrics.distinct import Distinct
from pano_glue.metrics.domains import registered_domains
from pano_glue.metrics.prefixes import Prefixes
from pano_glue.metrics.top import Top
from pano_glue.protocols.dns.record import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pano_glue.config import TopLists
    from pano_glue.metrics.metric import Metric
    from pano_glue.protocols.dns.columns import DnsColumns

NXDOMAIN = 3
UNSORTED = 1 << 15  # different values that may wait for the next checkpoint

# What is counted of each query, by the metric's name: what it says of domains, and of clients.
KINDS = {
    "queries": "Queries",
    "nxdomain": "NXDOMAIN answers",
    "failures": "Timeouts, and responses other than NOERROR and NXDOMAIN,",
    "timeouts": "Timeouts",
    "seconds": "Seconds waited for answers",
    "bytes": "Bytes of queries and responses",
}
CLIENT_KINDS = ("queries", "nxdomain", "failures", "bytes")


class Tallies:
    """What one kind of value (names, clients) has of each kind, since it was last handed on.

    Values are tallied under what they are shown as: a name under its domain, for one.
    """

    def __init__(self, shown: Callable[[str], str], *, timed: bool) -> None:
        """Begin without any; `timed`: tally seconds, too."""
        self._shown = shown
        self._timed = timed
        self.known: dict[str, str] = {}
        """The different values, and what each is shown as."""
        self.counts: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("queries", "nxdomain", "failures", "timeouts")
        }
        self.sums: dict[str, dict[str, float]] = {
            kind: defaultdict(float) for kind in ("seconds", "bytes")
        }

    def add(self, values: Sequence[str], queries: DnsColumns, sizes: Sequence[int]) -> None:
        """Take in queries: `values` and `sizes` are more columns of theirs."""
        shown = self._shown_as(values)
        self.counts["queries"].update(shown)
        if any(queries.rcode):
            failed = list(compress(zip(shown, queries.rcode, strict=True), queries.rcode))
            self.counts["nxdomain"].update([v for v, rcode in failed if rcode == NXDOMAIN])
            self.counts["failures"].update([v for v, rcode in failed if rcode != NXDOMAIN])
            self.counts["timeouts"].update([v for v, rcode in failed if rcode == UNSET])
        moved, waited = self.sums["bytes"], self.sums["seconds"]
        if not self._timed:
            for value, size in zip(shown, sizes, strict=True):
                moved[value] += size
            return
        for value, size, time in zip(shown, sizes, queries.rtt, strict=True):
            moved[value] += size
            waited[value] += time or 0.0

    def all(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """Give each kind and what was tallied."""
        yield from self.counts.items()
        yield from self.sums.items()

    def clear(self) -> None:
        """Begin anew."""
        self.known.clear()
        for counted in self.counts.values():
            counted.clear()
        for summed in self.sums.values():
            summed.clear()

    def _shown_as(self, values: Sequence[str]) -> Sequence[str]:
        known = self.known
        try:
            return list(map(known.__getitem__, values))
        except KeyError:
            known.update({value: self._shown(value) for value in set(values) - known.keys()})
            return list(map(known.__getitem__, values))


class DnsSketches:
    """Heavy hitters and distinct counts of the queries, over all sensors and servers."""

    def __init__(self, settings: TopLists, clock: Callable[[], float]) -> None:
        """Show as many as `settings` want; `clock` gives epoch seconds."""
        prefix = "pano_dns_"
        self._names = Tallies(registered_domains(), timed=True)
        self._clients = Tallies(Prefixes(settings.clients_prefix).of, timed=False)
        self._top_domains = {
            kind: Top(
                f"{prefix}top_{kind}",
                f"{what} of the domains with most of late.",
                "domain",
                settings.domains,
                clock,
            )
            for kind, what in KINDS.items()
        }
        self._top_clients = {
            kind: Top(
                f"{prefix}top_clients" if kind == "queries" else f"{prefix}top_client_{kind}",
                f"{KINDS[kind]} of the clients with most of late.",
                "client",
                settings.clients,
                clock,
            )
            for kind in CLIENT_KINDS
        }
        self._distinct_clients = Distinct(
            prefix + "clients", "Clients in the last 5 minutes.", clock
        )
        self._distinct_names = Distinct(
            prefix + "names", "Names queried in the last 5 minutes.", clock
        )

    def add(self, queries: DnsColumns) -> None:
        """Take in answered queries and timeouts."""
        sizes = list(map(add, queries.query_bytes, queries.reply_bytes))
        self._names.add(queries.query, queries, sizes)
        self._clients.add(queries.client, queries, sizes)
        if max(len(self._names.known), len(self._clients.known)) > UNSORTED:
            self.settle()

    def settle(self) -> None:
        """Hand on what is new; each value costs as much as it would in every batch."""
        self._distinct_names.add(self._names.known)
        self._distinct_clients.add(self._clients.known)
        for kind, tallied in self._names.all():
            self._top_domains[kind].add(tallied)
        for kind, tallied in self._clients.all():
            if kind in self._top_clients:
                self._top_clients[kind].add(tallied)
        self._names.clear()
        self._clients.clear()

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from self._top_domains.values()
        yield from self._top_clients.values()
        yield from (self._distinct_clients, self._distinct_names)
