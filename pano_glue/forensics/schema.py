"""The columns of a record: what Zeek calls them, what they hold, what our SQL calls them.

https://docs.zeek.org/en/master/logs/dns.html, and zeek-scripts/record.zeek for what PANO adds.
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """One column: its name in Zeek's logs, its DuckDB type, and its name in our SQL."""

    zeek: str
    kind: str
    name: str


def _fields(kind: str, names: str) -> list[Field]:
    return [Field(name, kind, name) for name in names.split()]


FIELDS = [
    Field("ts", "DOUBLE", "ts"),
    *_fields("VARCHAR", "uid"),
    Field("id.orig_h", "VARCHAR", "client"),
    Field("id.orig_p", "INTEGER", "client_port"),
    Field("id.resp_h", "VARCHAR", "server"),
    Field("id.resp_p", "INTEGER", "server_port"),
    *_fields("VARCHAR", "proto"),
    *_fields("INTEGER", "trans_id"),
    *_fields("DOUBLE", "rtt"),
    *_fields("VARCHAR", "query"),
    *_fields("INTEGER", "qclass"),
    *_fields("VARCHAR", "qclass_name"),
    *_fields("INTEGER", "qtype"),
    *_fields("VARCHAR", "qtype_name"),
    *_fields("INTEGER", "rcode"),
    *_fields("VARCHAR", "rcode_name"),
    *_fields("BOOLEAN", "AA TC RD RA"),
    *_fields("INTEGER", "Z"),
    *_fields("VARCHAR[]", "answers"),
    *_fields("DOUBLE[]", "TTLs"),
    *_fields("BOOLEAN", "rejected"),
    *_fields("VARCHAR", "outcome"),
    *_fields("INTEGER", "retransmits"),
    *_fields("DOUBLE", "rtt_last"),
    *_fields("INTEGER", "query_bytes reply_bytes"),
    *_fields("BOOLEAN", "AD CD DO"),
    *_fields("INTEGER", "edns_bufsize"),
    *_fields("VARCHAR", "ecs"),
    Field("server", "VARCHAR", "server_name"),
    *_fields("VARCHAR", "sensor"),
    *_fields("INTEGER", "opcode"),
    *_fields("VARCHAR", "opcode_name"),
]
NAMES = [field.name for field in FIELDS]
TYPES = {field.name: field.kind for field in FIELDS}
BY_ZEEK = {field.zeek: field for field in FIELDS}

# Beside them in some logs: which log a line is of, and who wrote it (json-streaming-logs).
PATH = "_path"
SYSTEM = "_system_name"
PATHS = ("dns", "pano_dns")  # the logs that hold DNS transactions

LATEST = 1e11  # epoch seconds beyond this (the year 5138) are another unit: ms, us or ns

# What is not as the log holds it; a stock dns.log, without `outcome`, tells it by the rcode.
MEANINGS = {
    "ts": "make_timestamp(CAST(round(ts * 1000000) AS BIGINT))",
    "outcome": "coalesce(outcome, CASE WHEN rcode IS NULL THEN 'timeout' ELSE 'answered' END)",
    "query": "lower(query)",
    "qtype_name": "coalesce(qtype_name, 'TYPE' || CAST(qtype AS VARCHAR))",
    "rcode_name": "coalesce(rcode_name, 'RCODE' || CAST(rcode AS VARCHAR))",
    "sensor": f"coalesce(sensor, \"{SYSTEM}\", '')",
}


def meaning(name: str) -> str:
    """Write the SQL that reads a column's meaning from what a log holds."""
    return MEANINGS.get(name, f'"{name}"')


# A row that is not as a clean log has it sends its file to the reader of damaged logs.
FAULT = (
    f"(ts IS NULL OR ts <= 0 OR ts >= {LATEST:.0f} OR client IS NULL OR server IS NULL "
    "OR rtt < 0 OR (outcome = 'answered' AND rcode IS NULL) "
    f'OR "{PATH}" NOT IN {PATHS})'
)


def quoted(text: str) -> str:
    """Write a string as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
