"""`names`: what is asked for."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.domains import name_domains
from pano_glue.forensics.measures import FAILURES, NXDOMAIN, QUERIES, SEEN, quantiles, share
from pano_glue.forensics.options import Full, Limit
from pano_glue.forensics.records import Records


def names(records: Records, full: Full = False, limit: Limit = 20) -> Answer:  # noqa: FBT002 - a flag
    """What is asked for: registered domains, or whole names."""
    records.keep("ts, client, query, outcome, rcode, rtt", "query <> ''")
    column, relation = ("query", "records") if full else ("domain", "named")
    if not full:
        name_domains(records)
    records.engine.table(
        "counted",
        f"SELECT {column}, {QUERIES}, count(DISTINCT client) AS clients, count(DISTINCT query) AS "
        f"names, {NXDOMAIN}, {FAILURES}, {SEEN} FROM {relation} GROUP BY {column}",
    )
    records.engine.table(
        "most", f"SELECT * FROM counted ORDER BY queries DESC, {column} LIMIT {limit}"
    )
    # Quantiles hold every value that they see: only of what is shown.
    times = (
        f"SELECT {column}, {quantiles(50, 99)} FROM {relation} "
        f"WHERE {column} IN (SELECT {column} FROM most) GROUP BY {column}"
    )
    shares = ", ".join(share(part, "queries", part) for part in ("nxdomain", "failures"))
    table = records.frame(
        f"SELECT {column}, queries, clients, names, nxdomain, failures, p50_seconds, p99_seconds, "
        f"first_seen, last_seen, {shares} FROM most JOIN ({times}) AS times USING ({column}) "
        f"ORDER BY queries DESC, {column}"
    )
    whole = records.frame(
        "SELECT count(*) AS groups, coalesce(sum(names), 0) AS names FROM counted"
    ).iloc[0]
    what = "names" if full else f"registered domains, {whole['names']:,.0f} names"
    return Answer("names", [f"{whole['groups']:,.0f} {what}"], {"names": table})
