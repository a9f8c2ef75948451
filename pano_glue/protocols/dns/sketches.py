"""Who asks, and for what: the parts of DNS traffic that no fixed set of labels can hold."""

from __future__ import annotations

from collections import Counter, defaultdict
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
    from pano_glue.protocols.dns.record import DnsRecord

NXDOMAIN = 3
NOERROR = 0
UNSORTED = 1 << 15  # values that may wait for the next checkpoint

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
    """What one kind of value (names, clients) has of each kind, since it was last sorted in."""

    def __init__(self) -> None:
        """Begin without any."""
        self.counts: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("queries", "nxdomain", "failures", "timeouts")
        }
        self.sums: dict[str, dict[str, float]] = {
            kind: defaultdict(float) for kind in ("seconds", "bytes")
        }

    def add(
        self,
        values: Sequence[str],
        rcodes: Sequence[int],
        seconds: Sequence[float],
        sizes: Sequence[int],
    ) -> None:
        """Take in queries by column; without `seconds` those are not tallied."""
        counts = self.counts
        counts["queries"].update(values)
        if any(rcodes):
            failed = [(v, c) for v, c in zip(values, rcodes, strict=True) if c != NOERROR]
            counts["nxdomain"].update([v for v, rcode in failed if rcode == NXDOMAIN])
            counts["failures"].update([v for v, rcode in failed if rcode != NXDOMAIN])
            counts["timeouts"].update([v for v, rcode in failed if rcode == UNSET])
        moved, waited = self.sums["bytes"], self.sums["seconds"]
        if not seconds:
            for value, size in zip(values, sizes, strict=True):
                moved[value] += size
            return
        for value, size, time in zip(values, sizes, seconds, strict=True):
            moved[value] += size
            waited[value] += time

    def all(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """Give each kind and what was tallied."""
        yield from self.counts.items()
        yield from self.sums.items()

    def clear(self) -> None:
        """Begin anew."""
        for counted in self.counts.values():
            counted.clear()
        for summed in self.sums.values():
            summed.clear()


class DnsSketches:
    """Heavy hitters and distinct counts of the queries, over all sensors and servers."""

    def __init__(self, settings: TopLists, clock: Callable[[], float]) -> None:
        """Show as many as `settings` want; `clock` gives epoch seconds."""
        prefix = "pano_dns_"
        self._registered = registered_domains()
        self._shortened = Prefixes(settings.clients_prefix)
        self._names = Tallies()
        self._clients = Tallies()
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

    def add(
        self,
        queries: Sequence[DnsRecord],
        clients: Sequence[str],
        rcodes: Sequence[int],
        times: Sequence[float | None],
    ) -> None:
        """Take in answered queries and timeouts, and some of their columns."""
        seconds = [time or 0.0 for time in times]
        sizes = [record.query_bytes + record.reply_bytes for record in queries]
        self._names.add([record.query for record in queries], rcodes, seconds, sizes)
        self._clients.add(clients, rcodes, (), sizes)
        if max(len(t.counts["queries"]) for t in (self._names, self._clients)) > UNSORTED:
            self.settle()

    def settle(self) -> None:
        """Hand on what is new; each value costs as much as it would in every batch."""
        self._distinct_names.add(self._names.counts["queries"])
        self._distinct_clients.add(self._clients.counts["queries"])
        for kind, tallied in self._names.all():
            self._top_domains[kind].add(merged(tallied, self._registered))
        for kind, tallied in self._clients.all():
            if kind in self._top_clients:
                self._top_clients[kind].add(merged(tallied, self._shortened.of))
        self._names.clear()
        self._clients.clear()

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from self._top_domains.values()
        yield from self._top_clients.values()
        yield from (self._distinct_clients, self._distinct_names)


def merged(tallied: Mapping[str, float], name: Callable[[str], str]) -> dict[str, float]:
    """Add up what has the same name."""
    sums: dict[str, float] = {}
    for value, count in tallied.items():
        named = name(value)
        sums[named] = sums.get(named, 0) + count
    return sums
