"""`servers`: who answers, how fast, and how often not."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import (
    FAILURES,
    NXDOMAIN,
    QUERIES,
    SEEN,
    TIMEOUTS,
    quantiles,
    share,
)
from pano_glue.forensics.options import Limit
from pano_glue.forensics.records import Records


def servers(records: Records, limit: Limit = 20) -> Answer:
    """Who answers: queries, timeouts, failures and times of each server."""
    records.keep("ts, client, server, outcome, rcode, rtt, retransmits")
    inner = (
        f"SELECT server, {QUERIES}, count(DISTINCT client) AS clients, {TIMEOUTS}, {FAILURES}, "
        f"{NXDOMAIN}, count(*) FILTER (WHERE outcome = 'late') AS late, "
        "count(*) FILTER (WHERE outcome = 'orphan') AS orphans, "
        f"coalesce(sum(retransmits), 0) AS retransmits, {quantiles(50, 95, 99)}, {SEEN} "
        "FROM records GROUP BY server"
    )
    shares = ", ".join(share(part, "queries", part) for part in ("timeouts", "failures"))
    table = records.frame(
        f"SELECT *, {shares} FROM ({inner}) ORDER BY queries DESC, server LIMIT {limit}"
    )
    whole = records.frame(
        "SELECT count(DISTINCT server) AS servers, count(*) AS n FROM records"
    ).iloc[0]
    fact = f"{whole['servers']:,.0f} servers in {whole['n']:,.0f} records"
    return Answer("servers", [fact], {"servers": table})
