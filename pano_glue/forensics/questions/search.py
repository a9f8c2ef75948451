"""`search`: single records, newest last."""

from __future__ import annotations

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.options import Limit
from pano_glue.forensics.records import ALL, Records
from pano_glue.forensics.schema import FIELDS

BRIEF = (
    "ts",
    "uid",
    "trans_id",
    "id.orig_h",
    "id.resp_h",
    "query",
    "qtype_name",
    "outcome",
    "rcode_name",
    "rtt",
    "answers",
)


def search(records: Records, limit: Limit = 100) -> Answer:
    """Show the newest records that the filter lets through, newest last."""
    records.keep("ts")
    found = int(records.number("SELECT count(*) FROM records"))
    oldest = records.number(
        f"SELECT min(ts) FROM (SELECT ts FROM records ORDER BY ts DESC LIMIT {limit})"
    )
    records.keep(ALL, f"ts >= TIMESTAMP '{oldest}'" if found else "FALSE")
    named = ", ".join(
        f'"{field.name}" AS "{field.zeek}"' for field in FIELDS if field.name != "server_name"
    )
    newest = records.frame(
        f"SELECT {named}, server_name FROM (SELECT * FROM records ORDER BY ts DESC, uid DESC, "
        f"trans_id DESC LIMIT {limit}) ORDER BY ts, uid, trans_id"
    )
    return Answer(
        "search",
        [f"{found:,} records, the newest {len(newest):,} shown"],
        {"records": newest},
        brief=BRIEF,
    )
