"""Every question's main numbers, on three logs, against SQL over the raw records (questions.sql).

DuckDB's own reader reads them for it: nothing of ours does.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pano_glue import forensics
from tests.data.planted import BEGIN, RESOLVER

LOGS = ("lab", "types", "planted")
TEXT = Path(__file__).with_name("questions.sql").read_text(encoding="utf-8")
SQL = re.split(r"^-- (\w+)\n", TEXT, flags=re.MULTILINE)
ANSWERS = dict(zip(SQL[1::2], SQL[2::2], strict=True))
COUNTED = ("queries", "nxdomain", "failures", "p50_seconds", "p99_seconds")
# By question: its options, its table, and the columns that the SQL gives.
QUESTIONS: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "slow": (
        {},
        "servers",
        ("server", "answers", "p50_seconds", "p99_seconds", "max_seconds"),
    ),
    "failures": ({}, "results", ("result", "records", "clients", "names")),
    "clients": ({}, "clients", ("client", *COUNTED)),
    "servers": ({}, "servers", ("server", *COUNTED)),
    "names": ({}, "names", ("domain", *COUNTED)),
    "timeline": ({"bucket": "10s"}, "timeline", COUNTED),
    "search": ({"limit": 30}, "records", ("uid", "trans_id", "qtype", "rcode", "rtt")),
    "show": ({"uid": "UID", "trans_id": 7}, "same name elsewhere", ("client", "server", "records")),
    "wasted": ({"limit": 1000}, "names", ("query", "queries")),
    "tunnels": (
        {"all": True},
        "tunnels",
        ("client", "domain", "names", "bytes_below", "bytes_in"),
    ),
    "beacons": (
        {"all": True, "limit": 1000},
        "beacons",
        ("client", "query", "lookups", "interval_seconds"),
    ),
    "new_names": ({"since": "HALFWAY", "limit": 1000}, "new names", ("domain", "queries")),
    "compare": ({"a": "FIRST/HALFWAY", "b": "HALFWAY/LAST"}, "in all", ("a", "b")),
    "upstream": (
        {"resolver": [RESOLVER]},
        "upstreams",
        ("upstream", "queries", "p50_seconds", "p99_seconds", "waited_seconds"),
    ),
}
COLUMNS = (
    "ts: 'DOUBLE', uid: 'VARCHAR', 'id.orig_h': 'VARCHAR', 'id.resp_h': 'VARCHAR', "
    "trans_id: 'INT', query: 'VARCHAR', qtype: 'INT', rcode: 'INT', rcode_name: 'VARCHAR', "
    "outcome: 'VARCHAR', rtt: 'DOUBLE', TTLs: 'DOUBLE[]', answers: 'VARCHAR[]', reply_bytes: 'INT'"
)


def every_type() -> list[dict[str, Any]]:
    """One record of each type and many codes, some without a reply."""
    outcomes = ["answered"] * 5 + ["timeout", "unreachable", "late", "orphan"]
    records = []
    for qtype in range(300):
        outcome = outcomes[qtype % len(outcomes)]
        replied = outcome not in {"timeout", "unreachable"}
        record = {
            "ts": BEGIN + qtype * 1.5,
            "uid": f"C{qtype:04}",
            "id.orig_h": f"10.9.0.{qtype % 7}",
            "id.orig_p": 4000 + qtype,
            "id.resp_h": f"10.9.1.{qtype % 3}",
            "id.resp_p": 53,
            "proto": "udp",
            "trans_id": qtype,
            "query": f"n{qtype % 90}.zone{qtype % 11}.test",
            "qtype": qtype,
            "qtype_name": f"TYPE{qtype}",
            "outcome": outcome,
            "retransmits": 0,
            "query_bytes": 40,
            "sensor": "types",
        }
        if replied:
            rcode = qtype % 24
            record |= {"rcode": rcode, "rcode_name": f"RCODE{rcode}", "reply_bytes": 100 + qtype}
            record |= {"answers": ["192.0.2.1"], "TTLs": [60.0]} if rcode == 0 else {}
            record |= {"rtt": (qtype % 50 + 1) / 1000} if outcome != "orphan" else {}
        records.append(record)
    return records


class Log:
    """A log, and SQL over its records."""

    def __init__(self, path: Path) -> None:
        """Read it with DuckDB's own reader."""
        import duckdb

        self.path = path
        self._db = duckdb.connect()
        self._db.execute(
            f"CREATE TABLE raw AS FROM read_json('{path}', columns = {{{COLUMNS}}}, "
            "format = 'newline_delimited')"
        )
        self._db.execute(ANSWERS["views"])
        first, last = self._db.sql("SELECT min(ts), max(ts) FROM raw").fetchall()[0]
        uid = self._db.sql("SELECT min(uid) FROM raw WHERE trans_id = 7").fetchall()[0][0]
        middle = int((first + last) / 2)
        words = {"FIRST": int(first), "HALFWAY": middle, "LAST": int(last) + 1}
        self._words = {name: str(value) for name, value in words.items()} | {"UID": uid}

    def told(self, text: str, *, sql: bool = False) -> str:
        """Put this log's times and uid where their words stand."""
        for word, value in self._words.items():
            text = text.replace(word, f"'{value}'" if sql and word == "UID" else value)
        return text.replace("RESOLVER", f"'{RESOLVER}'")

    def ask(self, name: str) -> list[tuple[Any, ...]]:
        """Run a question's SQL."""
        return self._db.sql(self.told(ANSWERS[name], sql=True)).fetchall()


@pytest.fixture(scope="module")
def logs(
    lab_log: Path, planted_log: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Log]:
    types = tmp_path_factory.mktemp("types") / "dns.log"
    types.write_text("".join(json.dumps(record) + "\n" for record in every_type()))
    return {"lab": Log(lab_log), "types": Log(types), "planted": Log(planted_log)}


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_same_as_sql(name: str, log: str, logs: dict[str, Log]) -> None:
    options, title, columns = QUESTIONS[name]
    options = {
        key: logs[log].told(value) if isinstance(value, str) else value
        for key, value in options.items()
    }
    table = getattr(forensics, name)(logs[log].path, **options).tables.get(title)
    if name == "compare":
        table = table[table["measure"] == "queries"]
    if name == "timeline":  # with the steps in which nothing happened
        table = table[(table["queries"] > 0) | table["p50_seconds"].notna()]
    found = [] if table is None or table.empty else plain(table[list(columns)])
    expected = logs[log].ask(name)
    if name in {"tunnels", "beacons"}:  # ordered by verdict
        found.sort()
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert list(row) == [
            pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            for value in other
        ]


def plain(table: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a DataFrame
    values = table.astype("object").where(table.notna(), None)
    return list(values.itertuples(index=False, name=None))
