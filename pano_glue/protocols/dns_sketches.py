"""Who asks, and for what: the parts of DNS traffic that no fixed set of labels can hold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pano_glue.metrics.distinct import Distinct
from pano_glue.metrics.domains import registered_domains
from pano_glue.metrics.top import Top

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pano_glue.metrics.family import Family
    from pano_glue.protocols.dns_record import DnsRecord

# rcodes with which the server did its work: an answer, or word that there is none.
SUCCESSES = (0, 3)
UNSORTED = 1 << 15  # values that may wait for the next scrape


class DnsSketches:
    """Heavy hitters and distinct counts of the queries, over all sensors and servers."""

    def __init__(self, top: int, clock: Callable[[], float]) -> None:
        """Show `top` of each; `clock` gives seconds."""
        prefix = "pano_dns_"
        self._registered = registered_domains()
        self._new_names = Counter[str]()
        self._new_clients = Counter[str]()
        self._new_failed = Counter[str]()
        self._queries = Top(
            prefix + "top_queries", "Queries of the most queried domains.", "domain", top
        )
        self._failures = Top(
            prefix + "top_failures",
            "Timeouts, and responses other than NOERROR and NXDOMAIN, of the domains with most.",
            "domain",
            top,
        )
        self._top_clients = Top(
            prefix + "top_clients", "Queries of the most active clients.", "client", top
        )
        self._clients = Distinct(prefix + "clients", "Clients in the last 5 minutes.", clock)
        self._names = Distinct(prefix + "names", "Names queried in the last 5 minutes.", clock)

    def add(self, queries: Iterable[DnsRecord]) -> None:
        """Take in answered queries and timeouts."""
        self._new_names.update([record.query for record in queries])
        self._new_clients.update([record.client for record in queries])
        self._new_failed.update(
            [record.query for record in queries if record.rcode not in SUCCESSES]
        )
        if len(self._new_names) > UNSORTED or len(self._new_clients) > UNSORTED:
            self._sort_in()

    def families(self) -> Iterator[Family]:
        """Write the metrics as they are now."""
        self._sort_in()
        for metric in (self._queries, self._failures, self._top_clients):
            yield metric.family()
        for gauge in (self._clients, self._names):
            yield gauge.family()

    def _sort_in(self) -> None:
        """Hand on what is new; each value costs as much as it would in every batch."""
        self._queries.add(self._domains(self._new_names))
        self._failures.add(self._domains(self._new_failed))
        self._top_clients.add(self._new_clients)
        self._names.add(self._new_names)
        self._clients.add(self._new_clients)
        for new in (self._new_names, self._new_clients, self._new_failed):
            new.clear()

    def _domains(self, names: Counter[str]) -> dict[str, int]:
        domains: dict[str, int] = {}
        for name, count in names.items():
            domain = self._registered(name)
            domains[domain] = domains.get(domain, 0) + count
        return domains
