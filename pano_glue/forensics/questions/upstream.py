"""`upstream`: on a resolver's host, what its clients waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import MICROSECONDS, QUERY, UNANSWERED, quantiles, share
from pano_glue.forensics.options import Limit, Resolver
from pano_glue.forensics.records import Records
from pano_glue.forensics.schema import quoted
from pano_glue.forensics.words import seconds
from pano_glue.forensics.words import share as percent

if TYPE_CHECKING:
    import pandas as pd

STEP = 10_000_000  # microseconds: what is compared in time lies in the same or the next step


def upstream(records: Records, resolver: Resolver = None, limit: Limit = 20) -> Answer:
    """Cache hits, the resolver's own time, and the upstreams that cost most.

    A client's transaction is joined with the resolver's own for the same name and type that began
    and ended within it; one without any was answered from the cache.
    """
    records.keep(
        f"ts, client, server, query, qtype, rcode, outcome, epoch_us(ts) AS us, rtt, "
        f"{MICROSECONDS} AS waited",
        f"query <> '' AND {QUERY}",
    )
    both = _resolvers(records, resolver)
    inside = f"({', '.join(quoted(one) for one in both)})"
    asked = f"server IN {inside} AND client NOT IN {inside} AND rtt IS NOT NULL"
    records.engine.table(
        "asked",
        f"SELECT row_number() OVER (ORDER BY us, client, query) AS number, * FROM records WHERE {asked}",
    )
    records.engine.table(
        "sent",
        f"SELECT *, us // {STEP} AS step FROM records WHERE client IN {inside} AND server NOT IN {inside}",
    )
    records.engine.table(
        "joined",
        "SELECT number, sent.server AS upstream, sent.waited AS cost FROM (SELECT *, unnest(range("
        f"us // {STEP}, (us + waited) // {STEP} + 1)) AS step FROM asked) AS front JOIN sent ON "
        "front.query = sent.query AND front.qtype = sent.qtype AND front.step = sent.step "
        "WHERE sent.us >= front.us AND sent.us + coalesce(sent.waited, 0) <= front.us + front.waited",
    )
    records.engine.table(
        "resolved",
        "SELECT asked.*, cost, coalesce(tries, 0) AS tries, greatest(waited - coalesce(cost, 0), 0) / 1e6 "
        "AS own FROM asked LEFT JOIN (SELECT number, sum(coalesce(cost, 0)) AS cost, count(*) AS tries "
        "FROM joined GROUP BY number) AS costs USING (number)",
    )
    whole = records.frame(
        "SELECT count(*) AS queries, count(*) FILTER (WHERE tries = 0) AS hits, "
        "quantile_disc(own, 0.5) AS p50, quantile_disc(own, 0.99) AS p99 FROM resolved"
    ).iloc[0]
    ratio = percent(whole["hits"] / whole["queries"]) if whole["queries"] else "-"
    fact = (
        f"{whole['queries']:,.0f} queries of clients, {whole['hits']:,.0f} of them ({ratio}) answered "
        f"without asking upstream; the resolver's own time: half within {seconds(whole['p50'])}, "
        f"99 % within {seconds(whole['p99'])}"
    )
    return Answer("upstream", [fact], _tables(records, limit))


def _tables(records: Records, limit: int) -> dict[str, pd.DataFrame]:
    return {
        "upstreams": records.frame(
            f"SELECT *, {share('timeouts', 'queries', 'timeouts')} FROM (SELECT server AS upstream, "
            f"count(*) AS queries, count(*) FILTER (WHERE {UNANSWERED}) AS timeouts, "
            f"{quantiles(50, 95, 99)}, coalesce(sum(waited), 0) / 1e6 AS waited_seconds FROM sent "
            f"GROUP BY server) ORDER BY waited_seconds DESC, upstream LIMIT {limit}"
        ),
        "client side": records.frame(
            "SELECT CASE WHEN tries = 0 THEN 'from the cache' ELSE 'asked upstream' END AS how, "
            f"count(*) AS queries, {quantiles(50, 95, 99)}, quantile_disc(own, 0.5) AS own_p50_seconds, "
            "quantile_disc(own, 0.99) AS own_p99_seconds FROM resolved GROUP BY 1 ORDER BY 1"
        ),
        "names that cost most": records.frame(
            "SELECT query, count(*) AS queries, count(*) FILTER (WHERE tries > 0) AS asked_upstream, "
            "coalesce(sum(cost), 0) / 1e6 AS upstream_seconds FROM resolved GROUP BY query "
            f"ORDER BY upstream_seconds DESC, query LIMIT {limit}"
        ),
    }


def _resolvers(records: Records, named: list[str] | None) -> list[str]:
    """Give the resolver's addresses: those named, else those that ask and are asked.

    Raises:
        PanoError: when there are none.
    """
    if named:
        return list(named)
    found = records.frame(
        "SELECT DISTINCT client AS both FROM records WHERE client IN (SELECT server FROM records) "
        "ORDER BY 1"
    )["both"]
    if found.empty:
        cure = (
            "give logs of a sensor that sees both sides of a resolver, or name it with --resolver"
        )
        raise PanoError("no address both asks and is asked", cure)
    return list(found)
