"""`servers`: who answers, how fast, and how often not."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import ranked
from pano_glue.forensics.options import Limit
from pano_glue.forensics.records import Records


def servers(records: Records, limit: Limit = 20) -> Answer:
    """Who answers: queries, timeouts, failures and times of each server."""
    records.keep("ts, client, server, outcome, rcode, rtt, retransmits")
    counted = (
        "count(DISTINCT client) AS clients, count(*) FILTER (WHERE outcome = 'late') AS late, "
        "count(*) FILTER (WHERE outcome = 'orphan') AS orphans"
    )
    table, fact = ranked(records, "server", counted, ("timeouts", "failures"), (50, 95, 99), limit)
    return Answer("servers", [fact], {"servers": table})
