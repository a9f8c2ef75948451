"""`failures`: what went wrong, by return code and for want of an answer."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import FAILED, RESULT
from pano_glue.forensics.options import Limit
from pano_glue.forensics.records import Records
from pano_glue.forensics.words import share


def failures(records: Records, limit: Limit = 20) -> Answer:
    """What failed: by return code and timeout, by server, by name."""
    columns = "ts, client, server, query, qtype_name"
    records.keep(f"{columns}, {RESULT} AS result, {FAILED} AS failed")
    results = records.frame(
        "SELECT result, count(*) AS records, "
        "count(*) / (SELECT CAST(count(*) AS DOUBLE) FROM records) AS records_share, "
        "count(DISTINCT client) AS clients, count(DISTINCT server) AS servers, "
        "count(DISTINCT query) AS names, min(ts) AS first_seen, max(ts) AS last_seen "
        "FROM records WHERE failed GROUP BY result ORDER BY records DESC, result"
    )
    whole = int(records.number("SELECT count(*) FROM records"))
    failed = int(results["records"].sum())
    ratio = share(failed / whole) if whole else "-"
    tables = {"results": results}
    for title, column in (("servers", "server"), ("names", "query"), ("clients", "client")):
        tables[title] = records.frame(
            f"SELECT {column}, result, count(*) AS records, min(ts) AS first_seen, "
            f"max(ts) AS last_seen FROM records WHERE failed GROUP BY {column}, result "
            f"ORDER BY records DESC, {column}, result LIMIT {limit}"
        )
    return Answer("failures", [f"{failed:,} of {whole:,} transactions failed ({ratio})"], tables)
