"""What is measured of a group of records: the same words and SQL in every question.

Quantiles are of values that occurred (`quantile_disc`), so that every engine gives the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from pano_glue.forensics.records import Records

QUERY = "outcome IN ('answered', 'timeout', 'unreachable')"
RESPONSE = "outcome IN ('answered', 'late', 'orphan')"
UNANSWERED = "outcome IN ('timeout', 'unreachable')"
RESULT = f"CASE WHEN {UNANSWERED} THEN outcome WHEN rcode = 0 THEN 'NOERROR' ELSE rcode_name END"
FAILED = f"({UNANSWERED} OR (rcode IS NOT NULL AND rcode <> 0))"
NODATA = "(rcode = 0 AND coalesce(array_length(answers), 0) = 0)"
MICROSECONDS = "CAST(round(rtt * 1000000) AS BIGINT)"

QUERIES = f"count(*) FILTER (WHERE {QUERY}) AS queries"
TIMEOUTS = f"count(*) FILTER (WHERE {UNANSWERED}) AS timeouts"
NXDOMAIN = "count(*) FILTER (WHERE rcode = 3) AS nxdomain"
FAILURES = f"count(*) FILTER (WHERE {UNANSWERED} OR rcode NOT IN (0, 3)) AS failures"
SEEN = "min(ts) AS first_seen, max(ts) AS last_seen"


def quantiles(*percents: int) -> str:
    """Write quantiles of the rtt as columns `p50_seconds` and so on.

    All come of one aggregate, which is computed once: it holds every value that it sees.
    """
    listed = ", ".join(str(percent / 100) for percent in percents)
    return ", ".join(
        f"quantile_disc(rtt, [{listed}])[{place}] AS p{percent}_seconds"
        for place, percent in enumerate(percents, 1)
    )


def ranked(  # noqa: PLR0913, PLR0917 - the parts of one query
    records: Records,
    group: str,
    counted: str,
    shares: tuple[str, ...],
    percents: tuple[int, ...],
    limit: int,
) -> tuple[pd.DataFrame, str]:
    """Count records by `group`, the most asked first; give the table and how many there are."""
    inner = (
        f"SELECT {group}, {QUERIES}, {counted}, {NXDOMAIN}, {FAILURES}, {TIMEOUTS}, "
        f"coalesce(sum(retransmits), 0) AS retransmits, {quantiles(*percents)}, {SEEN} "
        f"FROM records GROUP BY {group}"
    )
    parts = ", ".join(share(part, "queries", part) for part in shares)
    table = records.frame(
        f"SELECT *, {parts} FROM ({inner}) ORDER BY queries DESC, {group} LIMIT {limit}"
    )
    whole = records.frame(
        f"SELECT count(DISTINCT {group}) AS groups, count(*) AS n FROM records"
    ).iloc[0]
    return table, f"{whole['groups']:,.0f} {group}s in {whole['n']:,.0f} records"


def share(part: str, whole: str, name: str) -> str:
    """Write a part of a whole, NULL of nothing."""
    return f"CAST({part} AS DOUBLE) / nullif({whole}, 0) AS {name}_share"
