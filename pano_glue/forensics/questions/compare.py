"""`compare`: what is different between two ranges of time, ranked by how much it explains."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pano_glue.forensics.addresses import network_of, tidy
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.domains import name_domains
from pano_glue.forensics.measures import FAILED, MICROSECONDS, QUERY, RESULT
from pano_glue.forensics.options import Limit, Range
from pano_glue.forensics.records import Records
from pano_glue.forensics.times import literal, span

if TYPE_CHECKING:
    import pandas as pd

# What may have changed, per second of each range, and where to look for why.
MEASURES = {
    "queries": f"count(*) FILTER (WHERE {QUERY})",
    "failures": "count(*) FILTER (WHERE failed)",
    "waiting": "coalesce(sum(microseconds), 0) / 1e6",
}
RELATIONS = {"domain": "named", "network": "networked"}
DIMENSIONS = ("server", "client", "network", "domain", "qtype_name", "result")
COLUMNS = (
    f"ts, client, server, query, qtype_name, outcome, {RESULT} AS result, {FAILED} AS failed, "
    f"{MICROSECONDS} AS microseconds"
)


def compare(records: Records, a: Range, b: Range, limit: Limit = 20) -> Answer:
    """What changed from range A to range B, ranked by how much of the change it explains."""
    now = datetime.now(UTC)
    ranges = {"a": span(a, "A", now), "b": span(b, "B", now)}
    both = " OR ".join(
        f"(ts >= {literal(begin)} AND ts < {literal(end)})" for begin, end in ranges.values()
    )
    records.keep(COLUMNS, both, often=True)
    # Of an address once, not of every record.
    records.engine.table(
        "networks",
        f"SELECT client, {network_of('client')} AS network FROM (SELECT DISTINCT client FROM records)",
    )
    records.engine.view("networked", "SELECT * FROM records JOIN networks USING (client)")
    name_domains(records)
    seconds = {side: (end - begin).total_seconds() for side, (begin, end) in ranges.items()}
    rates = ", ".join(
        f"{sql.replace('count(*) FILTER (WHERE ', f'count(*) FILTER (WHERE {_in(ranges[side])} AND ') if 'FILTER' in sql else _summed(ranges[side])}"
        f" / CAST({seconds[side]} AS DOUBLE) AS {measure}_{side}"
        for measure, sql in MEASURES.items()
        for side in ranges
    )
    whole = records.frame(f"SELECT {rates} FROM records")
    tables = {"what explains it": _explained(records, rates, whole, limit)}
    tables["in all"] = _in_all(whole)
    moved = ", ".join(
        f"{row.measure} {row.a:,.4g} to {row.b:,.4g} a second"
        for row in tables["in all"].itertuples()
    )
    return Answer("compare", [f"from A to B: {moved}"], tables)


def _in(ends: tuple[datetime, datetime]) -> str:
    return f"(ts >= {literal(ends[0])} AND ts < {literal(ends[1])})"


def _summed(ends: tuple[datetime, datetime]) -> str:
    return f"coalesce(sum(CASE WHEN {_in(ends)} THEN microseconds END), 0) / 1e6"


def _in_all(whole: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    row = whole.iloc[0]
    return pd.DataFrame(
        [
            {
                "measure": measure,
                "a": row[f"{measure}_a"],
                "b": row[f"{measure}_b"],
                "change": row[f"{measure}_b"] - row[f"{measure}_a"],
            }
            for measure in MEASURES
        ]
    )


def _explained(records: Records, rates: str, whole: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Rank the values of every dimension by their part in each measure's change.

    A measure that changed by half weighs more than one that changed by a tenth.
    """
    import pandas as pd

    total = whole.iloc[0]
    found = []
    for dimension in DIMENSIONS:
        relation = RELATIONS.get(dimension, "records")
        frame = records.frame(
            f"SELECT CAST({dimension} AS VARCHAR) AS value, {rates} FROM {relation} "
            f"WHERE {dimension} IS NOT NULL GROUP BY 1"
        )
        if dimension == "network":
            frame["value"] = frame["value"].map(tidy)
        for measure in MEASURES:
            a, b = frame[f"{measure}_a"], frame[f"{measure}_b"]
            before, after = total[f"{measure}_a"], total[f"{measure}_b"]
            if before == after:
                continue
            part = pd.DataFrame(
                {"measure": measure, "by": dimension, "value": frame["value"], "a": a, "b": b}
            )
            part["change"] = b - a
            part["explains_share"] = part["change"] / (after - before)
            part["weight"] = part["change"].abs() / max(before, after)
            found.append(part[part["change"] != 0])
    if not found:
        return pd.DataFrame(
            columns=["measure", "by", "value", "a", "b", "change", "explains_share"]
        )
    ranked = pd.concat(found).sort_values(
        ["weight", "measure", "by", "value"], ascending=[False, True, True, True]
    )
    return ranked.drop(columns="weight").head(limit).reset_index(drop=True)
