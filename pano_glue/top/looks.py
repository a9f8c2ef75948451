"""Two looks at a bridge's page, and what happened between them."""

from __future__ import annotations

import time
import urllib.request
from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.error import URLError

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from pano_glue.errors import PanoError
from pano_glue.pipeline.samples import Samples

if TYPE_CHECKING:
    from collections import Counter

TIMEOUT = 10.0  # seconds
OLD = 60.0  # seconds after which the newest record is said to be old
FINE = ("NOERROR", "NXDOMAIN")
DOMAINS = ("queries", "nxdomain", "failures", "timeouts", "seconds", "bytes")
CLIENTS = {
    "queries": "pano_dns_top_clients_total",
    "nxdomain": "pano_dns_top_client_nxdomain_total",
    "failures": "pano_dns_top_client_failures_total",
    "bytes": "pano_dns_top_client_bytes_total",
}

Rates = dict[str, float]


class Server(msgspec.Struct):
    """One server between two looks: rates each second, times in seconds, shares of one."""

    server: str
    queries: float
    failed: float | None
    p50: float | None
    p99: float | None
    timeouts: float | None
    servfail: float | None
    nxdomain: float | None
    again: float | None
    rcodes: Rates
    qtypes: Rates


class Health(msgspec.Struct):
    """Whether the numbers can be trusted; counts are of the time between two looks."""

    newest: float  # when the newest record was complete on the wire, in epoch seconds; 0: never
    clients: int  # different ones in five minutes
    names: int
    records: Rates  # of the bridge, each second, by result
    dropped: int  # packets
    uncounted: int  # records, since their counters began
    lost: int  # batches and messages
    failed_checkpoints: int
    backlog_bytes: int
    pending: int
    resident: float  # bytes of the bridge

    def age(self, now: float) -> str:
        """Say how old the newest record is."""
        if not self.newest:
            return "no record yet"
        seconds = max(0.0, now - self.newest)
        old = "OLD: " if seconds > OLD else ""
        return f"{old}newest record {seconds:.1f} s ago"

    def complete(self) -> str:
        """Say whether all is there."""
        lost = {
            "packets dropped": self.dropped,
            "batches or messages lost": self.lost,
            "checkpoints not written": self.failed_checkpoints,
        }
        said = [f"{count:,} {what}" for what, count in lost.items() if count > 0]
        return "INCOMPLETE: " + ", ".join(said) if said else "complete"


class View(msgspec.Struct):
    """What happened between two looks; domains and clients by what is counted of them."""

    servers: list[Server]
    domains: dict[str, Rates]
    clients: dict[str, Rates]
    outcomes: Rates
    health: Health


def fetch(url: str) -> Samples:
    """Look at a page.

    Raises:
        PanoError: when it cannot be had or is none.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the user's URL
            page = answer.read().decode()
        families = list(text_string_to_metric_families(page))
    except (URLError, OSError, ValueError) as error:
        cure = "name the /metrics page of a running bridge"
        raise PanoError(f"--url {url}: {error}", cure) from error
    return Samples(sample for family in families for sample in family.samples)


def view(before: Samples, after: Samples, seconds: float) -> View:
    """Compare two looks, `seconds` apart."""
    change = Change(before, after, seconds)
    servers = [_server(change, name) for name in after.by("server", "pano_dns_queries_total")]
    servers.sort(key=lambda server: (-(server.failed or 0), -server.queries, server.server))
    outcomes = {
        "timeout": change.rate("pano_dns_timeouts_total"),
        "unreachable": change.rate("pano_dns_unreachable_total"),
        "late": change.rate("pano_dns_late_responses_total"),
        "orphan": change.rate("pano_dns_orphan_responses_total"),
        "truncated": change.rate("pano_dns_truncated_total"),
    }
    return View(
        servers,
        change.tops("domain", {kind: f"pano_dns_top_{kind}_total" for kind in DOMAINS}),
        change.tops("client", CLIENTS),
        change.by("rcode", "pano_dns_responses_total") | outcomes,
        _health(change),
    )


class Change:
    """What was added to counters between two looks."""

    def __init__(self, before: Samples, after: Samples, seconds: float) -> None:
        """Compare two looks, `seconds` apart."""
        self.after = after
        self._before = before
        self._seconds = seconds

    def added(self, name: str, **where: str) -> int:
        """Give what was added to a family."""
        return self.after.sum(name, **where) - self._before.sum(name, **where)

    def rate(self, name: str, **where: str) -> float:
        """Give it each second."""
        return self.added(name, **where) / self._seconds

    def by(self, label: str, name: str, **where: str) -> Rates:
        """Give it each second, by one label, the most first."""
        grown = self._grown(label, name, **where)
        return {value: count / self._seconds for value, count in grown.most_common() if count > 0}

    def share(self, part: float, whole: float) -> float | None:
        """Divide; None where there is nothing to divide by."""
        return min(1.0, part / whole) if whole > 0 else None

    def quantile(self, share: float, **where: str) -> float | None:
        """Estimate a quantile of the answers' time as the upper bound of its bucket."""
        buckets = self._grown("le", "pano_dns_rtt_seconds_bucket", **where)
        bounds = sorted(buckets, key=float)
        # A page's buckets include those below; a difference of two pages does, too.
        counts = list(accumulate((buckets[bound] for bound in bounds), max))
        if not counts or counts[-1] <= 0:
            return None
        rank = share * counts[-1]
        return next(float(b) for b, count in zip(bounds, counts, strict=True) if count >= rank)

    def tops(self, label: str, families: dict[str, str]) -> dict[str, Rates]:
        """Give each value of a label with its rates, by what is counted."""
        found: dict[str, Rates] = {}
        for kind, family in families.items():
            for value, count in self.by(label, family).items():
                found.setdefault(value, dict.fromkeys(families, 0.0))[kind] = count
        return found

    def _grown(self, label: str, name: str, **where: str) -> Counter[str]:
        grown = self.after.by(label, name, **where)
        grown.subtract(self._before.by(label, name, **where))
        return grown


def _server(change: Change, server: str) -> Server:
    def added(name: str, **where: str) -> int:
        return change.added(f"pano_dns_{name}_total", server=server, **where)

    rcodes = change.by("rcode", "pano_dns_responses_total", server=server)
    queries, responses = added("queries"), added("responses")
    timeouts = added("timeouts")
    fine = sum(added("responses", rcode=code) for code in FINE)
    failed = timeouts + added("unreachable") + responses - fine
    return Server(
        server,
        change.rate("pano_dns_queries_total", server=server),
        change.share(failed, queries),
        change.quantile(0.5, server=server),
        change.quantile(0.99, server=server),
        change.share(timeouts, queries),
        change.share(added("responses", rcode="SERVFAIL"), responses),
        change.share(added("responses", rcode="NXDOMAIN"), responses),
        change.share(added("retransmits"), queries),
        rcodes,
        change.by("qtype", "pano_dns_queries_total", server=server),
    )


def _health(change: Change) -> Health:
    after = change.after
    counted = sum(
        after.sum(f"pano_dns_{name}_total")
        for name in ("queries", "late_responses", "orphan_responses")
    )
    written = after.sum("pano_zeek_records_total")
    return Health(
        max(after.values("pano_bridge_newest_record_timestamp_seconds"), default=0.0),
        after.sum("pano_dns_clients"),
        after.sum("pano_dns_names"),
        change.by("result", "pano_bridge_records_total", log="dns"),
        change.added("pano_zeek_packets_total", state="dropped"),
        max(0, written - counted),
        change.added("pano_bridge_lost_batches_total")
        + change.added("pano_bridge_lost_messages_total"),
        change.added("pano_bridge_failed_checkpoints_total"),
        after.sum("pano_bridge_backlog_bytes"),
        after.sum("pano_zeek_pending"),
        max(after.values("process_resident_memory_bytes"), default=0.0),
    )


def now() -> float:
    """Give the epoch second."""
    return time.time()
