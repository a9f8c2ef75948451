"""`slow`: which transactions, servers and names are slow."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import MICROSECONDS, quantiles
from pano_glue.forensics.options import Limit
from pano_glue.forensics.records import Records
from pano_glue.forensics.words import seconds

COLUMNS = (
    "ts, uid, trans_id, client, server, query, qtype_name, rcode_name, outcome, retransmits, rtt"
)


def slow(records: Records, limit: Limit = 20) -> Answer:
    """Which transactions, servers and names took longest."""
    records.keep(COLUMNS, "rtt IS NOT NULL")
    whole = records.frame(
        f"SELECT count(*) AS answers, {quantiles(50, 95, 99)}, max(rtt) AS longest FROM records"
    ).iloc[0]
    fact = "no record has an rtt"
    if whole["answers"]:
        p50, p95, p99, longest = (
            seconds(whole[name])
            for name in ("p50_seconds", "p95_seconds", "p99_seconds", "longest")
        )
        fact = (
            f"{whole['answers']:,.0f} transactions with an rtt: half within {p50}, 95 % within "
            f"{p95}, 99 % within {p99}, the longest {longest}"
        )
    return Answer(
        "slow",
        [fact],
        {
            "transactions": records.frame(
                f"SELECT {COLUMNS.removesuffix(', rtt')}, rtt AS rtt_seconds FROM records "
                f"ORDER BY rtt DESC, ts, uid, trans_id LIMIT {limit}"
            ),
            "servers": records.frame(_grouped("server", limit)),
            "names": records.frame(_grouped("query", limit)),
        },
    )


def _grouped(column: str, limit: int) -> str:
    """Write where the time went: the groups that waited longest in all.

    Quantiles are of these only, for they hold every value that they see.
    """
    waited = f"sum({MICROSECONDS})"
    longest = (
        f"SELECT {column} FROM records WHERE {column} IS NOT NULL GROUP BY {column} "
        f"ORDER BY {waited} DESC, {column} LIMIT {limit}"
    )
    return (
        f"SELECT {column}, count(*) AS answers, {quantiles(50, 95, 99)}, max(rtt) AS max_seconds, "
        f"{waited} / 1e6 AS waited_seconds FROM records WHERE {column} IN ({longest}) "
        f"GROUP BY {column} ORDER BY waited_seconds DESC, {column}"
    )
