"""Whether dnsperf, the agent, the analyzer, the bridge and Prometheus tell the same numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pano_glue.lab.workload import Tally
from pano_glue.pipeline.prometheus import query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pano_glue.pipeline.samples import Samples

ZEEK_STATS = {
    "packets_received": ("pano_zeek_packets_total", {"state": "received"}),
    "packets_dropped": ("pano_zeek_packets_total", {"state": "dropped"}),
    "transactions": ("pano_zeek_transactions_total", {}),
    "records": ("pano_zeek_records_total", {}),
}


@dataclass
class Reading:
    """What every stage says at one moment. `resolvers` by the server's name."""

    analyzer: str
    dnsperf: Mapping[str, Tally]
    pano: Mapping[str, Tally]
    prometheus: Mapping[str, Tally]
    agent: Mapping[str, int]
    stats: Mapping[str, int]
    bridge: Mapping[str, int]

    def as_json(self) -> dict[str, object]:
        """Return the report of `up --lab --json`."""
        return {
            "analyzer": self.analyzer,
            "resolvers": [
                {"server": name, "dnsperf": truth.as_json(), "pano": self.pano[name].as_json()}
                for name, truth in self.dnsperf.items()
            ],
            "agent": dict(self.agent),
            self.analyzer: dict(self.stats),
            "bridge": dict(self.bridge),
            "prometheus": {name: tally.as_json() for name, tally in self.prometheus.items()},
            "agree": not self.disagreements(),
        }

    def disagreements(self) -> list[str]:
        """Say, a line each, where two stages differ; empty when everything adds up."""
        found = []
        for name, truth in self.dnsperf.items():
            if self.pano[name] != truth:
                found.append(f"{name}: dnsperf says {truth}, pano {self.pano[name]}")
            if self.prometheus[name] != truth:
                found.append(f"{name}: dnsperf says {truth}, Prometheus {self.prometheus[name]}")
        agent, stats, bridge = self.agent, self.stats, self.bridge
        if agent["matched"] != agent["mirrored"] or agent["error"]:
            found.append(f"agent: {agent}")
        if self.analyzer == "zeek":
            if stats["packets_received"] != agent["mirrored"] or stats["packets_dropped"]:
                found.append(f"agent mirrored {agent['mirrored']}, zeek {stats}")
            if stats["records"] != bridge["counted"]:
                found.append(f"zeek logged {stats['records']}, bridge {bridge}")
        if bridge["malformed"] or bridge["skipped"]:
            found.append(f"bridge: {bridge}")
        return found


def pano_tally(samples: Samples, server: str) -> Tally:
    """Sum the bridge's DNS counters of one server."""
    return Tally(
        samples.sum("pano_dns_queries_total", server=server),
        samples.sum("pano_dns_responses_total", server=server),
        samples.sum("pano_dns_timeouts_total", server=server),
        +samples.by("rcode", "pano_dns_responses_total", server=server),
    )


def prometheus_tally(listen: str, server: str) -> Tally:
    """Ask Prometheus for the same sums."""
    where = f'{{server="{server}"}}'
    rcodes: Counter[str] = Counter()
    for labels, value in query(listen, f"sum by (rcode) (pano_dns_responses_total{where})"):
        rcodes[labels["rcode"]] = int(value)

    def total(name: str) -> int:
        return sum(int(value) for _, value in query(listen, f"sum({name}{where})"))

    return Tally(
        total("pano_dns_queries_total"),
        total("pano_dns_responses_total"),
        total("pano_dns_timeouts_total"),
        +rcodes,
    )


def agent_sums(samples: Samples) -> dict[str, int]:
    """Sum the agent's packets by verdict."""
    verdicts = samples.by("verdict", "pano_agent_packets_total")
    return {verdict: verdicts[verdict] for verdict in ("matched", "mirrored", "duplicate", "error")}


def bridge_sums(samples: Samples, source: str) -> dict[str, int]:
    """Sum the bridge's records of one source by result."""
    results = samples.by("result", "pano_bridge_records_total", source=source)
    return {result: results[result] for result in ("counted", "malformed", "skipped")}


def zeek_sums(samples: Samples) -> dict[str, int]:
    """Sum what Zeek says of itself (`pano_stats`)."""
    return {key: samples.sum(name, **where) for key, (name, where) in ZEEK_STATS.items()}
