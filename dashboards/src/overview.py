"""DNS / Overview: is DNS slow or failing, for whom, because of which server, and is it all there?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.src.board import DNS, HERE, SENSOR, board
from dashboards.src.panels import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    bars,
    figure,
    heat,
    instant,
    joined,
    lines,
    matrix,
    query,
    ranking,
    stacked,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

RATE = "[$__rate_interval]"
FAILED = 'rcode!~"NOERROR|NXDOMAIN"'
RESOLVER = "/d/pano-resolver?${__url_time_range}&var-server=${__data.fields.server}&${datasource:queryparam}"
QUANTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def rate(family: str, more: str = "", by: str = "", over: str = RATE) -> str:
    """Sum the rates of a family of DNS, with further matchers, by some labels."""
    where = f"{DNS},{more}" if more else DNS
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({family}{{{where}}}{over}))"


def quantile(share: float, by: str = "", over: str = RATE, more: str = "") -> str:
    """Estimate a quantile of the time that answers took."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate('pano_dns_rtt_seconds_bucket', more, labels, over)})"


def errors(by: str = "", over: str = RATE) -> str:
    """Give the rate of queries that failed."""
    return " + ".join(
        (
            rate("pano_dns_timeouts_total", "", by, over),
            rate("pano_dns_unreachable_total", "", by, over),
            rate("pano_dns_responses_total", FAILED, by, over),
        )
    )


def ratio(part: str, whole: str) -> str:
    """Divide, and give nothing where there is nothing to divide by."""
    return f"({part}) / ({whole} > 0)"


QUERIES = rate("pano_dns_queries_total")
RESPONSES = rate("pano_dns_responses_total")


def overview() -> dashboard.Dashboard:
    """Make the board."""
    return board(
        "pano-overview",
        "DNS / Overview",
        "Is DNS slow or failing, for whom, because of which server, since when, and is it all there?",
        ("job", "instance", "sensor", "server", "proto", "role", "group"),
        {
            "Health": _health(),
            "Servers": [_servers()],
            "Latency": _latency(),
            "Outcomes": [*_outcomes(), *_flags()],
            "Who and what": _who(),
            "Eight panels": _eight(),
        },
    )


def _health() -> list[Any]:
    written, received = (
        f"sum(increase({family}{{{HERE},{SENSOR}{more}}}[5m]))"
        for family, more in (
            ("pano_zeek_records_total", ""),
            ("pano_zeek_packets_total", ',state="received"'),
        )
    )
    counted = " + ".join(
        f"sum(increase({family}{{{HERE},{SENSOR}}}[5m]))"
        for family in (
            "pano_dns_queries_total",
            "pano_dns_late_responses_total",
            "pano_dns_orphan_responses_total",
        )
    )
    dropped = f'sum(increase(pano_zeek_packets_total{{{HERE},{SENSOR},state="dropped"}}[5m]))'
    complete = f"clamp_max(({counted}) / ({written} > 0), 1) * (1 - {dropped} / ({received} + {dropped} > 0))"
    good = ((None, RED), (0.99, YELLOW), (0.999, GREEN))
    bad = ((None, GREEN), (0.01, YELLOW), (0.05, RED))
    timeouts = rate("pano_dns_timeouts_total")
    servfail = rate("pano_dns_responses_total", 'rcode="SERVFAIL"')
    return [
        figure(
            "Success",
            "Queries that were answered, and not with a failure: any code but NOERROR and NXDOMAIN.",
            "percentunit",
            f"1 - {ratio(errors(), QUERIES)}",
            good,
            decimals=2,
        ),
        figure(
            "p99",
            "Of 100 answers, 99 came within this time. Timeouts are not among them.",
            "s",
            quantile(0.99),
            ((None, GREEN), (0.1, YELLOW), (0.5, RED)),
        ),
        figure(
            "Timeouts",
            "Queries without a reply within the sensor's timeout.",
            "percentunit",
            ratio(timeouts, QUERIES),
            bad,
            decimals=2,
        ),
        figure(
            "SERVFAIL",
            "Replies that say the server could not resolve.",
            "percentunit",
            ratio(servfail, RESPONSES),
            bad,
            decimals=2,
        ),
        figure(
            "Queries", "Queries each second; a query sent again is counted once.", "reqps", QUERIES
        ),
        figure(
            "Data complete",
            "Records counted of those that the sensors wrote, times packets received of those captured, over five minutes. Below 99 % look at PANO / Pipeline before you believe the rest.",
            "percentunit",
            complete,
            good,
            decimals=1,
        ),
    ]


def _servers() -> Any:  # noqa: ANN401 - the SDK's builders have no common name
    over = "[$__range]"
    queries = rate("pano_dns_queries_total", "", "server", over)
    responses = rate("pano_dns_responses_total", "", "server", over)

    def share(family: str, more: str, whole: str) -> tuple[str, str]:
        return "percentunit", ratio(rate(family, more, "server", over), whole)

    return joined(
        "Servers, worst first",
        "Over the time range. A click on a server opens DNS / Resolver for it.",
        "server",
        {
            "failed": ("percentunit", ratio(errors("server", over), queries)),
            "queries/s": ("reqps", queries),
            "p50": ("s", quantile(0.5, "server", over)),
            "p99": ("s", quantile(0.99, "server", over)),
            "timeouts": share("pano_dns_timeouts_total", "", queries),
            "SERVFAIL": share("pano_dns_responses_total", 'rcode="SERVFAIL"', responses),
            "NXDOMAIN": share("pano_dns_responses_total", 'rcode="NXDOMAIN"', responses),
            "retransmits": share("pano_dns_retransmits_total", "", queries),
        },
        RESOLVER,
    )


def _latency() -> list[Any]:
    shape = f"sum by (le) (increase(pano_dns_rtt_seconds_bucket{{{DNS}}}{RATE}))"
    week = "[$__rate_interval] offset 1w"
    return [
        heat(
            "Answers by time taken",
            "Each column is a moment, each cell a range of times, its colour how many answers. Dots are single transactions: the slowest answer and the newest failure of each server; they lead to the record.",
            "s",
            shape,
        ),
        lines(
            "Quantiles",
            "Of 100 answers, 50, 75, 90, 95 and 99 came within this time.",
            "s",
            [
                query(quantile(share), name, exemplar=name == "p99")
                for name, share in QUANTILES.items()
            ],
        ),
        lines(
            "p99 by server",
            "Which server is it?",
            "s",
            [query(quantile(0.99, "server"), "{{server}}")],
        ),
        lines(
            "p99, now and a week ago",
            "Is it like this every week at this time?",
            "s",
            [query(quantile(0.99), "now"), query(quantile(0.99, over=week), "a week ago")],
        ),
    ]


def _outcomes() -> list[Any]:
    shares = {
        code: ratio(rate("pano_dns_responses_total", f'rcode="{code}"'), RESPONSES)
        for code in ("NXDOMAIN", "SERVFAIL", "REFUSED")
    }
    shares["NODATA"] = ratio(rate("pano_dns_nodata_total"), RESPONSES)
    shares["timeout"] = ratio(rate("pano_dns_timeouts_total"), QUERIES)
    shares["truncated"] = ratio(rate("pano_dns_truncated_total"), RESPONSES)
    return [
        lines(
            "Shares",
            "Parts of all responses, and of all queries for timeouts.",
            "percentunit",
            [query(expr, name) for name, expr in shares.items()],
        ),
        matrix(
            "Type by code",
            "Responses in the time range: which types end how?",
            "short",
            f"sum by (qtype, rcode) (increase(pano_dns_responses_total{{{DNS}}}[$__range])) > 0",
            "rcode",
            "qtype",
        ),
    ]


def _flags() -> list[Any]:
    flags = {
        "validated (AD)": ratio(rate("pano_dns_authenticated_total"), RESPONSES),
        "DNSSEC asked for (DO)": ratio(rate("pano_dns_dnssec_ok_total"), QUERIES),
        "unchecked (CD)": ratio(rate("pano_dns_unchecked_total"), QUERIES),
        "client subnet": ratio(rate("pano_dns_ecs_total"), QUERIES),
    }
    wasted = f"sum by (reason) (rate(pano_dns_wasted_queries_total{{{HERE}}}{RATE}))"
    return [
        lines(
            "DNSSEC and client subnets",
            "Shares of responses for AD, of queries for the others.",
            "percentunit",
            [query(expr, name) for name, expr in flags.items()],
        ),
        lines(
            "Asked in vain",
            "Queries that need not have been sent: a search suffix, a pair of which one has no data, a repeat within the TTL.",
            "cps",
            [query(wasted, "{{reason}}")],
        ),
    ]


def _who() -> list[Any]:
    groups = f'{HERE},group=~"$group"'

    def top(title: str, meaning: str, family: str, label: str, unit: str = "cps") -> Any:  # noqa: ANN401
        expr = f"topk(20, sum by ({label}) (rate({family}{{{HERE}}}[$__range])) > 0)"
        return ranking(title, meaning, unit, expr, label)

    return [
        lines(
            "Client groups, queries",
            "Who asks, by the networks in [clients]. Not narrowed by server.",
            "reqps",
            [
                query(
                    f"sum by (group) (rate(pano_dns_client_queries_total{{{groups}}}{RATE}))",
                    "{{group}}",
                )
            ],
            width=8,
        ),
        lines(
            "Client groups, failures",
            "Who suffers, and how.",
            "cps",
            [
                query(
                    f"sum by (group, kind) (rate(pano_dns_client_failures_total{{{groups}}}{RATE}))",
                    "{{group}} {{kind}}",
                )
            ],
            width=8,
        ),
        lines(
            "Client groups, p95",
            "Who waits.",
            "s",
            [
                query(
                    f"histogram_quantile(0.95, sum by (le, group) (rate(pano_dns_client_rtt_seconds_bucket{{{groups}}}{RATE})))",
                    "{{group}}",
                )
            ],
            width=8,
        ),
        top(
            "Domains, queries",
            "Registered domains that most queries were for.",
            "pano_dns_top_queries_total",
            "domain",
        ),
        top(
            "Domains, NXDOMAIN",
            "Registered domains below which names were asked for that do not exist.",
            "pano_dns_top_nxdomain_total",
            "domain",
        ),
        top(
            "Domains, failures",
            "Registered domains with most timeouts and failures.",
            "pano_dns_top_failures_total",
            "domain",
        ),
        top(
            "Domains, timeouts",
            "Registered domains with most queries that nobody answered.",
            "pano_dns_top_timeouts_total",
            "domain",
        ),
        top(
            "Domains, seconds waited",
            "Registered domains whose answers were waited for longest, all together.",
            "pano_dns_top_seconds_total",
            "domain",
            "s",
        ),
        top(
            "Domains, bytes",
            "Registered domains that most bytes were moved for.",
            "pano_dns_top_bytes_total",
            "domain",
            "Bps",
        ),
        top("Clients, queries", "Clients that asked most.", "pano_dns_top_clients_total", "client"),
        top(
            "Clients, NXDOMAIN",
            "Clients that asked most for what does not exist.",
            "pano_dns_top_client_nxdomain_total",
            "client",
        ),
        top(
            "Clients, failures",
            "Clients with most timeouts and failures.",
            "pano_dns_top_client_failures_total",
            "client",
        ),
        top(
            "Clients, bytes",
            "Clients that moved most bytes.",
            "pano_dns_top_client_bytes_total",
            "client",
            "Bps",
        ),
        lines(
            "Different clients and names",
            "Estimated, of the last five minutes.",
            "short",
            [
                query(f"sum(pano_dns_clients{{{HERE}}})", "clients"),
                query(f"sum(pano_dns_names{{{HERE}}})", "names"),
            ],
        ),
    ]


def _eight() -> list[Any]:
    codes = rate("pano_dns_responses_total", "", "rcode")
    types = rate("pano_dns_queries_total", "", "qtype")
    mean = f"{rate('pano_dns_rtt_seconds_sum', '', 'server')} / {rate('pano_dns_rtt_seconds_count', '', 'server')}"
    in_range = f"sum by ({{}}) (increase({{}}{{{{{DNS}}}}}[$__range])) > 0"
    return [
        figure(
            "Total queries",
            "In the time range.",
            "short",
            f"sum(increase(pano_dns_queries_total{{{DNS}}}[$__range]))",
            ((None, BLUE),),
            width=6,
        ),
        stacked(
            "Query rate",
            "By server.",
            "reqps",
            [query(rate("pano_dns_queries_total", "", "server"), "{{server}}")],
            width=18,
        ),
        lines("Average response time", "By server.", "s", [query(mean, "{{server}}")]),
        lines(
            "Latency quantiles",
            "Half of the answers come within the median.",
            "s",
            [query(quantile(0.5), "median"), query(quantile(0.95), "p95")],
        ),
        stacked("Return codes", "Responses each second.", "cps", [query(codes, "{{rcode}}")]),
        bars(
            "Return codes, share",
            "Responses in the time range.",
            "short",
            [instant(in_range.format("rcode", "pano_dns_responses_total"), "{{rcode}}")],
        ),
        stacked("Query types", "Queries each second.", "reqps", [query(types, "{{qtype}}")]),
        bars(
            "Query types, share",
            "Queries in the time range.",
            "short",
            [instant(in_range.format("qtype", "pano_dns_queries_total"), "{{qtype}}")],
        ),
    ]
