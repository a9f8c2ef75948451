"""`show`: one transaction or connection, and what happened around it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.measures import RESULT
from pano_glue.forensics.options import Limit, TransId, Uid
from pano_glue.forensics.records import ALL, Records
from pano_glue.forensics.schema import quoted
from pano_glue.forensics.times import literal

if TYPE_CHECKING:
    import pandas as pd

FEW = 3  # records whose every field fits a screen
AROUND = timedelta(seconds=10)  # neighbours on the same socket
FIRST = "ts, uid, trans_id, client, client_port, server, query"
SHORT = (
    f"ts, uid, trans_id, client, client_port, server, query, qtype_name, {RESULT} AS result, "
    "rtt AS rtt_seconds, retransmits"
)


def show(records: Records, uid: Uid, trans_id: TransId = None, limit: Limit = 10) -> Answer:
    """Show one transaction or connection: every field, its neighbours, the same name elsewhere."""
    chosen = f"uid = {quoted(uid)}"
    if trans_id is not None:
        chosen += f" AND trans_id = {trans_id}"
    records.keep(FIRST, chosen)  # the whole log is read for it: few columns
    found = records.frame("SELECT * FROM records ORDER BY ts, trans_id")
    if found.empty:
        cure = "check it, the range of time and whether these logs are the ones of that sensor"
        raise PanoError(
            f"no record has uid {uid}" + ("" if trans_id is None else f" and id {trans_id}"), cure
        )
    first, last = found["ts"].min(), found["ts"].max()
    one = found.iloc[0]
    socket = (
        f"client = {quoted(one['client'])} AND client_port = {one['client_port']} "
        f"AND server = {quoted(one['server'])}"
    )
    near = f"ts BETWEEN {literal(first - AROUND)} AND {literal(last + AROUND)}"
    # What else happened on the socket, and to the same names.
    names = sorted({name for name in found["query"].dropna() if name})[:limit]
    same = f"query IN ({', '.join(quoted(name) for name in names)})" if names else "FALSE"
    own = f"({chosen}) AND ({records.filter.where()})"
    records.engine.table(
        "nearby", f"SELECT {ALL} FROM every WHERE ({own}) OR ({socket} AND {near}) OR ({same})"
    )
    whole = f"FROM nearby WHERE {own} ORDER BY ts, trans_id LIMIT"
    if len(found) > FEW:
        tables = {"transactions": records.frame(f"SELECT {SHORT} {whole} {limit}")}
    else:
        tables = {"fields": _fields(records.frame(f"SELECT {ALL} {whole} {FEW}"))}
    tables["same socket"] = records.frame(
        f"SELECT {SHORT} FROM nearby WHERE {socket} AND {near} AND NOT ({chosen}) "
        f"ORDER BY abs(epoch_us(ts) - epoch_us({literal(first)})), uid, trans_id LIMIT {limit}"
    ).sort_values(["ts", "trans_id"])
    tables["same name elsewhere"] = records.frame(
        f"SELECT client, server, {RESULT} AS result, count(*) AS records, min(ts) AS first_seen, "
        f"max(ts) AS last_seen FROM nearby WHERE {same} AND NOT ({chosen}) GROUP BY ALL "
        f"ORDER BY records DESC, client, server, result LIMIT {limit}"
    )
    fact = f"{len(found):,} records of this connection" if trans_id is None else "the transaction"
    return Answer(
        "show", [fact], {name: table for name, table in tables.items() if not table.empty}
    )


def _fields(found: pd.DataFrame) -> pd.DataFrame:
    """Turn few records into one row for each field."""
    import pandas as pd

    fields = found.dropna(axis="columns", how="all").astype("object")
    table = pd.DataFrame({"field": fields.columns})
    for place in range(len(fields)):
        table[f"record {place + 1}"] = list(fields.iloc[place])
    return table
