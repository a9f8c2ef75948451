"""`wasted`: queries that need not have been sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.forensics.addresses import network_of, tidy
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import NODATA, QUERY, share
from pano_glue.forensics.options import Limit
from pano_glue.forensics.records import Records
from pano_glue.forensics.words import share as percent

if TYPE_CHECKING:
    import pandas as pd

LABELS = 10  # of a name that are tried as what was meant before a suffix was put behind it

# Each wasted query is counted once, for the first of these that holds.
REASONS = {
    "search suffix": "a search list's suffix behind a name that the client asks for too: NXDOMAIN (ndots)",
    "no such family": "AAAA (or A) without data beside the other family with data",
    "repeat": "asked again, by the same client, within the TTL of the answer",
}


def wasted(records: Records, limit: Limit = 20) -> Answer:
    """Queries that need not have been sent, why, by whom, and what it would save."""
    records.keep(
        "ts, client, query, qtype, rcode, array_length(answers) > 0 AS answered, "
        f"{NODATA} AS nodata, list_min(TTLs) AS ttl",
        f"query <> '' AND {QUERY}",
    )
    records.engine.table("asked", "SELECT DISTINCT client, query FROM records")
    records.engine.table("suffixed", _suffixed())
    records.engine.table("families", _families())
    records.engine.table("judged", _judged())
    whole = int(records.number("SELECT count(*) FROM records"))
    reasons = records.frame(
        "SELECT reason, count(*) AS queries, "
        f"count(*) / CAST({max(whole, 1)} AS DOUBLE) AS saved_share, count(DISTINCT client) AS clients, "
        "count(DISTINCT query) AS names FROM judged WHERE reason IS NOT NULL GROUP BY reason "
        "ORDER BY queries DESC, reason"
    )
    reasons["meaning"] = reasons["reason"].map(REASONS)
    saved = int(reasons["queries"].sum())
    ratio = percent(saved / whole) if whole else "-"
    return Answer(
        "wasted",
        [f"{saved:,} of {whole:,} queries ({ratio}) need not have been sent"],
        {
            "reasons": reasons,
            "search suffixes": _by(records, "suffix", "reason = 'search suffix'", limit),
            "names": _by(records, "query", "reason IS NOT NULL", limit),
            "networks": _networks(records, limit),
        },
    )


def _suffixed() -> str:
    """Find NXDOMAIN names that are a name the client asks for, with a suffix behind it."""
    cuts = ", ".join(str(labels) for labels in range(1, LABELS + 1))
    base = "array_to_string(list_slice(string_split(query, '.'), 1, labels), '.')"
    return (
        "SELECT tried.client, tried.query, max_by(base, length(base)) AS base FROM (SELECT client, query, "
        f"{base} AS base FROM (SELECT client, query, unnest([{cuts}]) AS labels FROM "
        "(SELECT DISTINCT client, query FROM records WHERE rcode = 3)) "
        "WHERE labels < array_length(string_split(query, '.'))) AS tried JOIN asked "
        "ON tried.client = asked.client AND tried.base = asked.query "
        "GROUP BY tried.client, tried.query"
    )


def _families() -> str:
    """Find names of a client for which one address family has data."""
    return (
        "SELECT client, query, bool_or(qtype = 1 AND answered) AS v4, "
        "bool_or(qtype = 28 AND answered) AS v6 FROM records WHERE qtype IN (1, 28) "
        "GROUP BY client, query HAVING bool_or(answered)"
    )


def _judged() -> str:
    before = "OVER (PARTITION BY client, query, qtype ORDER BY ts)"
    return (
        "SELECT turn.client, turn.query, "
        "substr(turn.query, length(base) + 2) AS suffix, "
        "CASE WHEN rcode = 3 AND base IS NOT NULL THEN 'search suffix' "
        "WHEN nodata AND ((qtype = 28 AND v4) OR (qtype = 1 AND v6)) THEN 'no such family' "
        "WHEN epoch_us(ts) - epoch_us(asked_before) < ttl_before * 1000000 THEN 'repeat' END AS reason "
        f"FROM (SELECT *, lag(ts) {before} AS asked_before, lag(ttl) {before} AS ttl_before "
        "FROM records) AS turn "
        "LEFT JOIN suffixed ON turn.client = suffixed.client AND turn.query = suffixed.query "
        "LEFT JOIN families ON turn.client = families.client AND turn.query = families.query"
    )


def _by(records: Records, column: str, condition: str, limit: int) -> pd.DataFrame:
    return records.frame(
        f"SELECT {column}, count(*) AS queries, count(DISTINCT client) AS clients FROM judged "
        f"WHERE {condition} GROUP BY {column} ORDER BY queries DESC, {column} LIMIT {limit}"
    )


def _networks(records: Records, limit: int) -> pd.DataFrame:
    by_client = "SELECT client, count(*) AS n, count(reason) AS wasted FROM judged GROUP BY client"
    by_network = (
        f"SELECT {network_of('client')} AS network, CAST(sum(n) AS BIGINT) AS queries, "
        f"CAST(sum(wasted) AS BIGINT) AS wasted FROM ({by_client}) GROUP BY 1"
    )
    table = records.frame(
        f"SELECT *, {share('wasted', 'queries', 'wasted')} FROM ({by_network}) "
        f"ORDER BY wasted DESC, network LIMIT {limit}"
    )
    table["network"] = table["network"].map(tidy)
    return table
