"""`clients`: who asks, how much, and with what success."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import ranked
from pano_glue.forensics.options import Limit
from pano_glue.forensics.records import Records


def clients(records: Records, limit: Limit = 20) -> Answer:
    """Who asks: queries, names, failures and times of each client."""
    records.keep(
        "ts, client, server, query, outcome, rcode, rtt, retransmits, query_bytes, reply_bytes"
    )
    counted = (
        "count(DISTINCT query) AS names, count(DISTINCT server) AS servers, "
        "sum(query_bytes) AS bytes_out, sum(reply_bytes) AS bytes_in"
    )
    table, fact = ranked(records, "client", counted, ("nxdomain", "failures"), (50, 99), limit)
    return Answer("clients", [fact], {"clients": table})
