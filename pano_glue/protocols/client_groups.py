"""Groups of clients, by network: who is served well, and who is not."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.family import escaped
from pano_glue.metrics.histograms import Histograms
from pano_glue.metrics.labels import OTHER, Networks
from pano_glue.protocols.dns_metrics import RTT_BOUNDS
from pano_glue.protocols.dns_record import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pano_glue.metrics.metric import Metric
    from pano_glue.protocols.dns_record import DnsRecord

KNOWN = 1 << 16  # addresses whose group is remembered
KINDS = {2: "servfail", 3: "nxdomain", 5: "refused", UNSET: "timeout"}  # by return code
NOERROR = 0


class ClientGroups:
    """Queries, failures and latency by group; without `[clients]` there are none."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        """Take the `[clients]` table.

        Raises:
            SettingError: for a key that is neither an address nor a network.
        """
        prefix = "pano_dns_client_"
        self._queries = Counters(prefix + "queries", "Queries, by group of clients.", ("group",))
        self._failures = Counters(
            prefix + "failures",
            "Queries that did not end with an answer or NODATA, by group of clients.",
            ("group", "kind"),
        )
        self._rtt = Histograms(
            prefix + "rtt_seconds",
            "First query packet to first reply packet, by group of clients.",
            ("group",),
            RTT_BOUNDS,
        )
        self.rename(groups)

    def rename(self, groups: Mapping[str, str]) -> None:
        """Use another table from here on; raises as the constructor."""
        self._networks = Networks(groups, "[clients]")
        self._known: dict[str, str] = {}

    def add(self, queries: Sequence[DnsRecord]) -> None:
        """Count answered queries and timeouts."""
        if not self._networks:
            return
        members: dict[str, list[DnsRecord]] = {}
        for record in queries:
            group = self._known.get(record.client)
            if group is None:
                group = self._group(record.client)
            members.setdefault(group, []).append(record)
        for group, records in members.items():
            self._count(group, records)

    def metrics(self) -> tuple[Metric, ...]:
        """Give what a page shows."""
        return (self._queries, self._failures, self._rtt)

    def _group(self, client: str) -> str:
        if len(self._known) >= KNOWN:
            self._known.clear()
        group = self._known[client] = escaped(self._networks.name(client) or OTHER)
        return group

    def _count(self, group: str, records: Sequence[DnsRecord]) -> None:
        self._queries.add((group,), len(records))
        self._failures.open((group, kind) for kind in (*KINDS.values(), OTHER))
        for rcode, count in Counter([record.rcode for record in records]).items():
            if rcode != NOERROR:
                self._failures.add((group, KINDS.get(rcode, OTHER)), count)
        rtts = sorted([-1.0 if r.rtt is None else r.rtt for r in records])
        self._rtt.add_sorted((group,), rtts[bisect_right(rtts, -1.0) :])
