"""`clients`: who asks, how much, and with what success."""

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


def clients(records: Records, limit: Limit = 20) -> Answer:
    """Who asks: queries, names, failures and times of each client."""
    records.keep(
        "ts, client, server, query, outcome, rcode, rtt, retransmits, query_bytes, reply_bytes"
    )
    inner = (
        f"SELECT client, {QUERIES}, count(DISTINCT query) AS names, "
        f"count(DISTINCT server) AS servers, {NXDOMAIN}, {FAILURES}, {TIMEOUTS}, "
        "coalesce(sum(retransmits), 0) AS retransmits, sum(query_bytes) AS bytes_out, "
        f"sum(reply_bytes) AS bytes_in, {quantiles(50, 99)}, {SEEN} FROM records GROUP BY client"
    )
    shares = ", ".join(share(part, "queries", part) for part in ("nxdomain", "failures"))
    table = records.frame(
        f"SELECT *, {shares} FROM ({inner}) ORDER BY queries DESC, client LIMIT {limit}"
    )
    whole = records.frame(
        "SELECT count(DISTINCT client) AS clients, count(*) AS n FROM records"
    ).iloc[0]
    fact = f"{whole['clients']:,.0f} clients in {whole['n']:,.0f} records"
    return Answer("clients", [fact], {"clients": table})
