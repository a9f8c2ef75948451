"""`timeline`: how it went over time."""

from __future__ import annotations

import math

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import NXDOMAIN, QUERY, UNANSWERED, quantiles, share
from pano_glue.forensics.options import Bucket
from pano_glue.forensics.records import Records
from pano_glue.forensics.times import duration

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 604800)
ROWS = 60  # about as many as a screen has
MOST = 10_000
SPARKS = "▁▂▃▄▅▆▇█"


def timeline(records: Records, bucket: Bucket = "") -> Answer:
    """Counts, ratios and quantiles in steps of time."""
    import pandas as pd

    step = max(1, math.ceil(duration(bucket, "--bucket").total_seconds())) if bucket else 0
    # Few bytes a record: what is kept of a long log fits into memory.
    records.keep(f"ts, {QUERY} AS asked, {UNANSWERED} AS unanswered, rcode, rtt")
    second = "epoch_us(ts) // 1000000"
    ends = records.frame(
        f"SELECT {second.replace('ts', 'min(ts)')} AS first, "
        f"{second.replace('ts', 'max(ts)')} AS last, count(*) AS n FROM records"
    ).iloc[0]
    if not ends["n"]:
        return Answer("timeline", ["no records"], {"timeline": pd.DataFrame()})
    first, last = int(ends["first"]), int(ends["last"])
    step = step or next((wide for wide in STEPS if (last - first) / wide <= ROWS), STEPS[-1])
    while (last - first) / step > MOST:
        step *= 2
    counted = records.frame(
        f"SELECT *, {share('failures', 'queries', 'failures')} FROM (SELECT {second} // {step} AS "
        f"bucket, count(*) FILTER (WHERE asked) AS queries, {NXDOMAIN}, count(*) FILTER (WHERE "
        "unanswered OR rcode NOT IN (0, 3)) AS failures, count(*) FILTER (WHERE unanswered) AS "
        f"timeouts, {quantiles(50, 95, 99)} FROM records GROUP BY 1) ORDER BY bucket"
    )
    every = pd.RangeIndex(first // step, last // step + 1, name="bucket")
    table = counted.set_index("bucket").reindex(every)
    for column in ("queries", "nxdomain", "failures", "timeouts"):
        table[column] = table[column].fillna(0).astype("int64")
    table = table.reset_index()
    table.insert(0, "time", pd.to_datetime(table.pop("bucket") * step, unit="s", utc=True))
    busiest = table.loc[table["queries"].idxmax()]
    whole = (
        f"{int(ends['n']):,} records in {len(table)} steps of {step} s; the busiest step, "
        f"{busiest['time']:%Y-%m-%d %H:%M:%S}, has {busiest['queries']:,} queries"
    )
    facts = [
        whole,
        "queries  " + sparkline(table["queries"].tolist()),
        "p95      " + sparkline(table["p95_seconds"].fillna(0).tolist()),
    ]
    return Answer("timeline", facts, {"timeline": table})


def sparkline(values: list[float]) -> str:
    """Draw values as one line of text; of more than a line holds, the highest of neighbours."""
    wide = math.ceil(len(values) / 120) or 1
    values = [max(values[start : start + wide]) for start in range(0, len(values), wide)]
    top = max(values, default=0) or 1
    return "".join(SPARKS[min(7, int(value / top * 7.999))] for value in values)
