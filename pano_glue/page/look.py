"""One look at all counts, summed up as far as the page shows them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from pano_glue.metrics.counters import CountersState
from pano_glue.metrics.histograms import HistogramsState
from pano_glue.metrics.top import TopState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pano_glue.metrics.metric import Key

TOPS = {
    "domains": "pano_dns_top_queries",
    "nxdomain": "pano_dns_top_nxdomain",
    "failing": "pano_dns_top_failures",
    "clients": "pano_dns_top_clients",
}
USUAL = ("NOERROR", "NXDOMAIN")
Buckets = tuple[int, ...]


class Totals(NamedTuple):
    """What was counted until a moment, of all servers or of one."""

    queries: int
    timeouts: int
    unreachable: int
    retransmits: int
    rcodes: Counter[str]
    rtt: Buckets  # of each bucket by itself, the last is +Inf

    def failed(self) -> int:
        """Give the queries that were not answered, or with a failure."""
        codes = sum(count for code, count in self.rcodes.items() if code not in USUAL)
        return self.timeouts + self.unreachable + codes


class Look(NamedTuple):
    """All counts at `time`, in epoch seconds."""

    time: float
    all: Totals
    servers: dict[str, Totals]
    tops: dict[str, dict[str, float]]
    counted: int  # records
    written: int  # records, as the sensors say; 0 where none says anything
    dropped: int  # packets
    lost: int  # batches and messages


def take(time: float, states: Mapping[str, object]) -> Look:
    """Look at the states of all metrics, by name."""
    queries = _by(states, "pano_dns_queries", "server")
    rtt = _buckets(states)
    names = ("timeouts", "unreachable", "retransmits")
    timeouts, unreachable, retransmits = (
        _by(states, f"pano_dns_{name}", "server") for name in names
    )
    rcodes: dict[str, Counter[str]] = {}
    for (server, rcode), count in _by(states, "pano_dns_responses", "server", "rcode").items():
        rcodes.setdefault(server, Counter())[rcode] += count
    servers = {
        server: Totals(
            count,
            timeouts[server,],
            unreachable[server,],
            retransmits[server,],
            rcodes.get(server, Counter()),
            rtt.get(server, ()),
        )
        for (server,), count in queries.items()
    }
    late, orphans = (
        _by(states, f"pano_dns_{name}_responses").total() for name in ("late", "orphan")
    )
    packets = _by(states, "pano_zeek_packets", "state")
    lost = ("pano_bridge_lost_batches", "pano_bridge_lost_messages")
    return Look(
        time,
        _sum(servers),
        servers,
        {name: _top(states.get(family)) for name, family in TOPS.items()},
        queries.total() + late + orphans,
        _by(states, "pano_zeek_records").total(),
        packets["dropped",],
        sum(_by(states, family).total() for family in lost),
    )


def _sum(servers: dict[str, Totals]) -> Totals:
    parts = list(servers.values())
    rcodes: Counter[str] = Counter()
    for part in parts:
        rcodes.update(part.rcodes)
    return Totals(
        sum(part.queries for part in parts),
        sum(part.timeouts for part in parts),
        sum(part.unreachable for part in parts),
        sum(part.retransmits for part in parts),
        rcodes,
        tuple(map(sum, zip(*(part.rtt for part in parts if part.rtt), strict=True))),
    )


def _by(states: Mapping[str, object], name: str, *labels: str) -> Counter[Key]:
    """Sum a counter by some of its labels."""
    state = states.get(name)
    summed: Counter[Any] = Counter()
    if isinstance(state, CountersState):
        places = [state.labels.index(label) for label in labels]
        for key, value in state.values.items():
            summed[tuple(plain(key[place]) for place in places)] += int(value)
    return summed


def _buckets(states: Mapping[str, object]) -> dict[str, Buckets]:
    """Sum the buckets of the response time by server."""
    state = states.get("pano_dns_rtt_seconds")
    summed: dict[str, Buckets] = {}
    if isinstance(state, HistogramsState):
        place = state.labels.index("server")
        for key, buckets in state.values.items():
            server = plain(key[place])
            before = summed.get(server) or (0,) * len(buckets.counts)
            summed[server] = tuple(map(sum, zip(before, buckets.counts, strict=True)))
    return summed


def _top(state: object) -> dict[str, float]:
    if not isinstance(state, TopState):
        return {}
    return {value: shown.count for value, shown in state.shown.items()}


def plain(value: str) -> str:
    """Take back what `metrics.family.escaped` did."""
    if "\\" not in value:
        return value
    return value.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n").replace("\0", "\\")
