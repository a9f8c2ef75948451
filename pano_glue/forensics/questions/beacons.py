"""`beacons`: one client, one name, again and again in even steps."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import QUERY
from pano_glue.forensics.options import Every, Least, Limit
from pano_glue.forensics.records import Records

SHORTEST = 5.0  # seconds between two lookups: below is a busy program, not a timer
JITTER = 0.25  # spread of the intervals (p90 - p10) over their median
SHARED = 3  # clients with the same rhythm for a name: it is a service that many use
EVEN = f"interval_seconds >= {SHORTEST} AND jitter_share <= {JITTER}"


def beacons(
    records: Records,
    least: Least = 8,
    all: Every = False,  # noqa: A002, FBT002 - the option's name
    limit: Limit = 50,
) -> Answer:
    """Periodic lookups of one name by one client: interval, jitter, count.

    Verdicts: `beacon`; `shared` where more than 3 clients keep a rhythm for the same name, as
    for time servers and update checks; `refresh` where the rhythm is the answer's TTL.
    """
    records.keep("ts, client, query, list_min(TTLs) AS ttl", f"query <> '' AND {QUERY}")
    # Both address families, or a repetition, at one time are one lookup.
    records.engine.table(
        "steps",
        "SELECT client, query, ttl, ts, (us - before) / 1e6 AS step FROM (SELECT *, lag(us) OVER "
        "(PARTITION BY client, query ORDER BY us) AS before FROM (SELECT client, query, "
        "max(ttl) AS ttl, min(ts) AS ts, min(epoch_us(ts)) AS us FROM records "
        "GROUP BY client, query, epoch_us(ts) // 1000000))",
    )
    records.engine.table(
        "pairs",
        "SELECT client, query, count(*) AS lookups, quantile_disc(step, 0.5) AS interval_seconds, "
        "quantile_disc(step, 0.1) AS p10, quantile_disc(step, 0.9) AS p90, max(ttl) AS ttl_seconds, "
        f"min(ts) AS first_seen, max(ts) AS last_seen FROM steps GROUP BY ALL HAVING count(*) >= {least}",
    )
    records.engine.table(
        "rhythms",
        "SELECT * EXCLUDE (p10, p90), (p90 - p10) / nullif(interval_seconds, 0) AS jitter_share FROM pairs",
    )
    judged = (
        "SELECT client, query, CASE WHEN same > "
        f"{SHARED} THEN 'shared' WHEN abs(interval_seconds - ttl_seconds) <= 1 + ttl_seconds / 20 "
        "THEN 'refresh' ELSE 'beacon' END AS verdict, lookups, interval_seconds, jitter_share, "
        "same AS clients_alike, ttl_seconds, first_seen, last_seen FROM (SELECT *, count(*) OVER "
        f"(PARTITION BY query) AS same FROM rhythms WHERE {EVEN})"
    )
    records.engine.table("judged", judged)
    wanted = "TRUE" if all else "verdict = 'beacon'"
    table = records.frame(
        f"SELECT * FROM judged WHERE {wanted} ORDER BY verdict, jitter_share, lookups DESC, client, "
        f"query LIMIT {limit}"
    )
    counts = records.frame(
        "SELECT verdict, count(*) AS pairs FROM judged GROUP BY verdict ORDER BY 1"
    )
    told = dict(zip(counts["verdict"], counts["pairs"], strict=True))
    fact = (
        f"{told.get('beacon', 0):,} beacons; {told.get('shared', 0):,} rhythms shared by more than "
        f"{SHARED} clients, {told.get('refresh', 0):,} of a TTL; at least {least} lookups, "
        f"{SHORTEST:g} s or more apart, jitter up to {JITTER:.0%}"
    )
    return Answer("beacons", [fact], {"beacons": table})
