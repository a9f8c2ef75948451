"""DNS / Resolver: one server. Does it keep what was promised, and where does it fail?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.src.board import DNS, HERE, board
from dashboards.src.overview import (
    FAILED,
    QUANTILES,
    QUERIES,
    RATE,
    RESPONSES,
    quantile,
    rate,
    ratio,
)
from dashboards.src.panels import BLUE, GREEN, RED, YELLOW, figure, heat, lines, query, stacked

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

SERVER = '{server=~"$server"}'
MONTH = "[30d]"
LIMITS = {"512": "512.0", "1232": "1232.0", "4096": "4096.0"}


def resolver() -> dashboard.Dashboard:
    """Make the board."""
    return board(
        "pano-resolver",
        "DNS / Resolver",
        "One server, or some: objectives and their budgets, latency, failures, sizes.",
        ("job", "instance", "sensor", "server", "proto", "role", "group"),
        {
            "Objectives": _objectives(),
            "Latency": _latency(),
            "Failures": _failures(),
            "Transport and sizes": _sizes(),
            "Cache and upstreams": _cache(),
            "Clients": _clients(),
        },
    )


def _over(window: str, part: str, whole: str) -> str:
    """Give the share of `part` in `whole`, recorded rates, over a window."""
    return (
        f"sum(sum_over_time({part}{SERVER}{window})) / sum(sum_over_time({whole}{SERVER}{window}))"
    )


def _objectives() -> list[Any]:
    failed = _over(MONTH, "server:pano_dns_errors:rate5m", "server:pano_dns_queries:rate5m")
    slow = _over(MONTH, "server:pano_dns_slow:rate5m", "server:pano_dns_answers:rate5m")
    left = ((None, RED), (0.0, YELLOW), (0.25, GREEN))

    def budget(share: str, objective: str) -> str:
        return f"1 - ({share}) / (1 - scalar(pano:slo_{objective}:ratio))"

    def burn(what: str, objective: str) -> list[Any]:
        return [
            query(
                f"max(server:pano_dns_{what}:ratio_rate{window}{SERVER}) / (1 - scalar(pano:slo_{objective}:ratio))",
                window,
            )
            for window in ("1h", "6h", "3d")
        ]

    return [
        figure(
            "Success, 30 days",
            "Queries that were answered, and not with a failure.",
            "percentunit",
            f"1 - ({failed})",
            ((None, BLUE),),
            width=6,
            decimals=3,
        ),
        figure(
            "Error budget left",
            "Of the failures that the objective allows in thirty days. Below 0 it is broken.",
            "percentunit",
            budget(failed, "success"),
            left,
            width=6,
            decimals=1,
        ),
        figure(
            "Fast, 30 days",
            "Answers within the objective's time (rules/thresholds.yml).",
            "percentunit",
            f"1 - ({slow})",
            ((None, BLUE),),
            width=6,
            decimals=3,
        ),
        figure(
            "Latency budget left",
            "Of the slow answers that the objective allows in thirty days.",
            "percentunit",
            budget(slow, "fast"),
            left,
            width=6,
            decimals=1,
        ),
        lines(
            "Burn rate, errors",
            "1 spends the budget in exactly thirty days; alerts fire at 14.4 over an hour, 6 over six hours, 1 over three days. The worst of the servers.",
            "none",
            burn("errors", "success"),
        ),
        lines("Burn rate, latency", "The same for slow answers.", "none", burn("slow", "fast")),
    ]


def _latency() -> list[Any]:
    shape = f"sum by (le) (increase(pano_dns_rtt_seconds_bucket{{{DNS}}}{RATE}))"
    week = "[$__rate_interval] offset 1w"
    results = f"histogram_quantile(0.95, {rate('pano_dns_rtt_seconds_bucket', '', 'le, result')})"
    return [
        heat(
            "Answers by time taken",
            "Colour tells how many. Dots are single transactions and lead to the record.",
            "s",
            shape,
        ),
        lines(
            "Quantiles",
            "Of 100 answers, 50, 75, 90, 95 and 99 came within this time.",
            "s",
            [query(quantile(share), name) for name, share in QUANTILES.items()],
        ),
        lines(
            "Now and a week ago",
            "Median and p99.",
            "s",
            [
                query(quantile(share, over=over), f"{name}{ago}")
                for name, share in (("p50", 0.5), ("p99", 0.99))
                for over, ago in ((RATE, ""), (week, ", a week ago"))
            ],
        ),
        lines(
            "p95 by result",
            "A failure that takes long is a resolver that waits for somebody else.",
            "s",
            [query(results, "{{result}}")],
        ),
    ]


def _failures() -> list[Any]:
    counted = {
        "timeout": "pano_dns_timeouts_total",
        "unreachable": "pano_dns_unreachable_total",
        "late": "pano_dns_late_responses_total",
        "orphan": "pano_dns_orphan_responses_total",
        "sent again": "pano_dns_retransmits_total",
    }
    return [
        stacked(
            "Failures by code",
            "Responses that are neither NOERROR nor NXDOMAIN.",
            "cps",
            [query(rate("pano_dns_responses_total", FAILED, "rcode"), "{{rcode}}")],
        ),
        lines(
            "Not answered in order",
            "No reply in time, an ICMP error, a reply after its timeout, a reply without a query, a query sent again.",
            "cps",
            [query(rate(family), name) for name, family in counted.items()],
        ),
    ]


def _sizes() -> list[Any]:
    tcp = rate("pano_dns_queries_total", 'proto="tcp"')
    counts = rate("pano_dns_response_bytes_count")
    within = {
        limit: rate("pano_dns_response_bytes_bucket", f'le="{le}"') for limit, le in LIMITS.items()
    }
    beyond = {
        f"above {limit}": ratio(f"{counts} - {fits}", counts) for limit, fits in within.items()
    }
    sizes = {
        f"{what} {name}": f"histogram_quantile({share}, {rate(f'pano_dns_{family}_bytes_bucket', '', 'le')})"
        for what, family in (("queries", "query"), ("replies", "response"))
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }
    return [
        lines(
            "TCP and truncation",
            "Queries over TCP, and replies with the TC bit, which are asked for again over TCP.",
            "percentunit",
            [
                query(ratio(tcp, QUERIES), "TCP"),
                query(ratio(rate("pano_dns_truncated_total"), RESPONSES), "truncated"),
            ],
            width=8,
        ),
        lines(
            "Replies beyond a limit",
            "512 octets without EDNS, 1232 without fragments, 4096 as older resolvers offer.",
            "percentunit",
            [query(expr, name) for name, expr in beyond.items()],
            width=8,
        ),
        lines(
            "Message sizes",
            "Median and p99.",
            "bytes",
            [query(expr, name) for name, expr in sizes.items()],
            width=8,
        ),
    ]


def _cache() -> list[Any]:
    where = f'{HERE},sensor=~"$sensor",server=~"$server"'
    answers = f"sum by (server) (rate(pano_dns_cache_answers_total{{{where}%s}}{RATE}))"
    hits = ratio(answers % ',result="hit"', answers % "")

    def times(family: str, by: str) -> str:
        return (
            f"histogram_quantile(0.9, sum by (le, {by}) (rate({family}_bucket{{{where}}}{RATE})))"
        )

    return [
        lines(
            "Cache hits",
            "Of the answers of a resolver on a watched host, those for which it asked nobody.",
            "percentunit",
            [query(hits, "{{server}}")],
            width=8,
        ),
        lines(
            "Upstream, p90",
            "Of a miss, the time in which others were asked.",
            "s",
            [query(times("pano_dns_upstream_seconds", "server"), "{{server}}")],
            width=8,
        ),
        lines(
            "The resolver's own time, p90",
            "The rest of a miss, and all of a hit.",
            "s",
            [query(times("pano_dns_resolver_seconds", "server, result"), "{{server}} {{result}}")],
            width=8,
        ),
    ]


def _clients() -> list[Any]:
    groups = f'{HERE},group=~"$group"'
    failed = (
        f'sum by (group) (rate(pano_dns_client_failures_total{{{groups},kind!="nxdomain"}}{RATE}))'
    )
    queries = f"sum by (group) (rate(pano_dns_client_queries_total{{{groups}}}{RATE}))"
    waits = f"histogram_quantile(0.95, sum by (le, group) (rate(pano_dns_client_rtt_seconds_bucket{{{groups}}}{RATE})))"
    return [
        lines(
            "Failed, by client group",
            "Groups are counted over all servers.",
            "percentunit",
            [query(ratio(failed, queries), "{{group}}")],
        ),
        lines(
            "p95, by client group",
            "Groups are counted over all servers.",
            "s",
            [query(waits, "{{group}}")],
        ),
    ]
