"""Suffixes that stub resolvers append to names (resolv.conf(5), `search`), told or learnt.

A stub asks for `www.example.org.corp.example` in vain, then for `www.example.org`: so a suffix is
learnt when two clients have done so, of three names, each within some seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.metric import Birth, thawed
from pano_glue.sources.times import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pano_glue.config import Search
    from pano_glue.protocols.dns.columns import DnsColumns

CLIENTS = 1 << 12  # whose last NXDOMAIN are remembered
LAST = 6  # of each client: as many suffixes as resolv.conf may have
SOON = 5.0  # seconds from the first try to the name itself
CANDIDATES = 256
LEARNT = 64  # suffixes at most
NAMES, ASKERS = 3, 2  # different ones that it takes


class SuffixesState(msgspec.Struct, array_like=True):
    """What was learnt."""

    learnt: list[str]


class SearchSuffixes:
    """Tells which NXDOMAIN are a stub resolver's tries."""

    name = "dns_search_suffixes"

    def __init__(self, search: Search) -> None:
        """Begin with the suffixes of the configuration."""
        self._learnt: list[str] = []
        self._failed: dict[tuple[str, str], list[tuple[str, float]]] = {}
        self._seen: dict[str, tuple[set[str], set[str]]] = {}  # names and clients, by suffix
        self.configure(search)

    def configure(self, search: Search) -> None:
        """Use other suffixes from here on."""
        self._told = [suffix.strip(".").lower() for suffix in search.suffixes]
        self._learns = search.learn
        self._arrange()

    def tries(self, names: Sequence[str]) -> int:
        """Tell how many of some names that do not exist were tries with a suffix."""
        if not self._ends:
            return 0
        return sum([name.endswith(self._ends) for name in names])

    def failed(self, queries: DnsColumns, n: int) -> None:
        """Take in an NXDOMAIN answer, to learn from what comes next."""
        sent = epoch_seconds(queries.ts[n]) if self._learns else None
        if sent is None:
            return
        client = (queries.sensor[n], queries.client[n])
        last = self._failed.pop(client, [])
        if len(self._failed) >= CLIENTS:
            del self._failed[next(iter(self._failed))]
        self._failed[client] = [*last[1 - LAST :], (queries.query[n], sent)]

    def answered(self, queries: DnsColumns, n: int) -> None:
        """Take in an answer: perhaps to a name that was tried with a suffix before."""
        name, client = queries.query[n], queries.client[n]
        failed = self._failed.get((queries.sensor[n], client)) if self._learns else None
        if not failed or "." not in name:
            return
        start = name + "."
        now = epoch_seconds(queries.ts[n]) or 0.0
        for tried, sent in failed:
            if tried.startswith(start) and 0 <= now - sent < SOON:
                self._saw(tried[len(start) :], name, client)

    def freeze(self, birth: Birth) -> SuffixesState:  # noqa: ARG002 - no series
        """See `metric.Part`."""
        return SuffixesState(self._learnt.copy())

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        self._learnt = thawed(state, SuffixesState).learnt[:LEARNT]
        self._arrange()
        return True

    def _saw(self, suffix: str, name: str, client: str) -> None:
        if suffix in self._learnt or suffix in self._told or len(self._learnt) >= LEARNT:
            return
        if suffix not in self._seen and len(self._seen) >= CANDIDATES:
            del self._seen[next(iter(self._seen))]
        names, clients = self._seen.setdefault(suffix, (set(), set()))
        if len(names) < NAMES:
            names.add(name)
        if len(clients) < ASKERS:
            clients.add(client)
        if len(names) == NAMES and len(clients) == ASKERS:
            self._learnt.append(suffix)
            del self._seen[suffix]
            self._arrange()

    def _arrange(self) -> None:
        learnt = self._learnt if self._learns else []
        self._ends = tuple(f".{suffix}" for suffix in (*self._told, *learnt) if suffix)
