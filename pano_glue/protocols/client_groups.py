"""Groups of clients, by network: who is served well, and who is not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.family import escaped
from pano_glue.metrics.histograms import Histograms
from pano_glue.metrics.labels import OTHER
from pano_glue.metrics.networks import Networks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pano_glue.metrics.metric import Metric

KNOWN = 1 << 16  # addresses whose group is remembered


class ClientGroups:
    """Queries, failures and latency by group; without `[clients]` there are none."""

    def __init__(
        self,
        protocol: str,
        groups: Mapping[str, str],
        kinds: Mapping[int, str],
        bounds: Sequence[float],
    ) -> None:
        """Take the `[clients]` table.

        `kinds` names the failure that each code is, the empty string is none, codes that are not in
        it are `other`. `bounds` are those of the times' histogram, in seconds.

        Raises:
            SettingError: for a key that is neither an address nor a network.
        """
        prefix = f"pano_{protocol}_client_"
        self._kinds = kinds
        self._queries = Counters(prefix + "queries", "Queries, by group of clients.", ("group",))
        self._failures = Counters(
            prefix + "failures",
            "Queries that did not end well, by group of clients.",
            ("group", "kind"),
        )
        self._rtt = Histograms(
            prefix + "rtt_seconds",
            "First query packet to first reply packet, by group of clients.",
            ("group",),
            bounds,
        )
        # How queries did, by group, code, and the bucket of their time.
        self._ended: Counter[tuple[str, int, int | None]] = Counter()
        self._seconds: dict[str, float] = {}
        self.rename(groups)

    def rename(self, groups: Mapping[str, str]) -> None:
        """Use another table from here on; raises as the constructor."""
        self._networks = Networks(groups, "[clients]")
        self._known: dict[str, str] = {}

    def add(
        self,
        clients: Sequence[str],
        codes: Sequence[int],
        seconds: Sequence[float | None],
        places: Sequence[int | None],
    ) -> None:
        """Count queries by column: who asked, how it ended, and how long the reply took.

        `places` are those of the times in the histogram's buckets, see `histograms.placed`.
        """
        if not self._networks:
            return
        known: list[str | None] = list(map(self._known.get, clients))
        groups = (
            [self._group(c) if g is None else g for g, c in zip(known, clients, strict=True)]
            if None in known
            else cast("list[str]", known)
        )
        self._ended.update(zip(groups, codes, places, strict=True))
        sums = {group: self._seconds.get(group, 0.0) for group in set(groups)}
        for group, time in zip(groups, seconds, strict=True):
            if time is not None:
                sums[group] += time
        self._seconds.update(sums)

    def settle(self) -> None:
        """Count what was gathered: it costs the same for many as for a few."""
        failures = dict.fromkeys([*filter(None, self._kinds.values()), OTHER])
        for group, seconds in self._seconds.items():
            self._failures.open((group, kind) for kind in failures)
            self._rtt.add_placed((group,), {}, seconds)
        for (group, code, place), count in self._ended.items():
            self._queries.add((group,), count)
            kind = self._kinds.get(code, OTHER)
            if kind:
                self._failures.add((group, kind), count)
            if place is not None:
                self._rtt.add_placed((group,), {place: count}, 0.0)
        self._seconds.clear()
        self._ended.clear()

    def metrics(self) -> tuple[Metric, ...]:
        """Give what a page shows."""
        return (self._queries, self._failures, self._rtt)

    def _group(self, client: str) -> str:
        if len(self._known) >= KNOWN:
            self._known.clear()
        group = self._known[client] = escaped(self._networks.name(client) or OTHER)
        return group
