"""`pano-bridge top`: what the resolvers do now, in the terminal, from a bridge's page."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING, NamedTuple
from urllib.error import URLError

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from pano_glue.errors import PanoError
from pano_glue.pipeline.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 10
TIMEOUT = 10.0  # seconds


class ServerRates(NamedTuple):
    """One server, over the time since the last look; times in seconds."""

    server: str
    queries_per_second: float
    timeouts_per_second: float
    median: float
    p99: float
    rcodes_per_second: dict[str, float]


class View(NamedTuple):
    """One look at a page; `domains` and `clients` are totals."""

    servers: list[ServerRates]
    domains: dict[str, int]
    failures: dict[str, int]
    clients: dict[str, int]
    distinct_clients: int
    distinct_names: int
    newest_record: float  # epoch seconds


def top(url: str, interval: float, *, once: bool, as_json: bool) -> None:
    """Show the page at `url` every `interval` seconds, or once, as a table or as JSON.

    Raises:
        PanoError: when the page cannot be had.
    """
    views = _views(url, interval)
    if once or as_json:
        view = next(views)
        if as_json:
            print(msgspec.json.encode(view._asdict() | {"servers": _plain(view)}).decode())
        else:
            Console().print(_screen(view))
        return
    with Live(console=Console(), auto_refresh=False, screen=True) as live:
        for view in views:
            live.update(_screen(view), refresh=True)


def view(before: Samples, after: Samples, seconds: float) -> View:
    """Compare two looks at a page, `seconds` apart."""
    queries = after.by("server", "pano_dns_queries_total")
    earlier = before.by("server", "pano_dns_queries_total")
    rates = {server: (count - earlier[server]) / seconds for server, count in queries.items()}
    busiest = sorted(rates, key=lambda server: (-rates[server], server))
    return View(
        [_server(server, before, after, seconds) for server in busiest],
        _most(after, "domain", "pano_dns_top_queries_total"),
        _most(after, "domain", "pano_dns_top_failures_total"),
        _most(after, "client", "pano_dns_top_clients_total"),
        after.sum("pano_dns_clients"),
        after.sum("pano_dns_names"),
        max(after.values("pano_bridge_newest_record_timestamp_seconds"), default=0.0),
    )


def _server(server: str, before: Samples, after: Samples, seconds: float) -> ServerRates:
    def rate(name: str) -> float:
        return (after.sum(name, server=server) - before.sum(name, server=server)) / seconds

    rcodes = after.by("rcode", "pano_dns_responses_total", server=server)
    rcodes.subtract(before.by("rcode", "pano_dns_responses_total", server=server))
    return ServerRates(
        server,
        rate("pano_dns_queries_total"),
        rate("pano_dns_timeouts_total"),
        after.quantile("pano_dns_rtt_seconds", 0.5, server=server),
        after.quantile("pano_dns_rtt_seconds", 0.99, server=server),
        {rcode: count / seconds for rcode, count in rcodes.most_common() if count},
    )


def _most(samples: Samples, label: str, name: str) -> dict[str, int]:
    return dict(samples.by(label, name).most_common(ROWS))


def _views(url: str, interval: float) -> Iterator[View]:
    before, then = _look(url), time.monotonic()
    while True:
        time.sleep(interval)
        after, now = _look(url), time.monotonic()
        yield view(before, after, now - then)
        before, then = after, now


def _look(url: str) -> Samples:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the user's URL
            page = answer.read().decode()
        families = list(text_string_to_metric_families(page))
    except (URLError, OSError, ValueError) as error:
        raise PanoError(
            f"--url {url}: {error}", "name the /metrics page of a running bridge"
        ) from error
    return Samples(sample for family in families for sample in family.samples)


def _age(newest: float) -> str:
    return f"{max(0.0, time.time() - newest):.1f} s ago" if newest else "none yet"


def _plain(view: View) -> list[dict[str, object]]:
    return [server._asdict() for server in view.servers]


def _screen(view: View) -> Group:
    servers = Table("server", "queries/s", "timeouts/s", "median", "p99", "return codes/s")
    for column in servers.columns[1:5]:
        column.justify = "right"
    for server in view.servers[:ROWS]:
        servers.add_row(
            server.server,
            f"{server.queries_per_second:,.1f}",
            f"{server.timeouts_per_second:,.1f}",
            f"{server.median * 1000:.2f} ms",
            f"{server.p99 * 1000:.2f} ms",
            "  ".join(f"{rcode} {rate:,.1f}" for rcode, rate in server.rcodes_per_second.items()),
        )
    values = Table("domain", "queries", "domain", "failures", "client", "queries")
    blank = [("", "")] * ROWS
    columns = [
        [(name, f"{count:,}") for name, count in counted.items()] + blank
        for counted in (view.domains, view.failures, view.clients)
    ]
    for cells in list(zip(*columns, strict=False))[:ROWS]:
        values.add_row(*[text for cell in cells for text in cell])
    note = (
        f"5 minutes: {view.distinct_clients:,} clients, {view.distinct_names:,} names"
        f" | newest record {_age(view.newest_record)}"
    )
    return Group(servers, values, note)
