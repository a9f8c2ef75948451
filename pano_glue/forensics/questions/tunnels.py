"""`tunnels`: data in names, and in answers."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from pano_glue.forensics.answer import Answer
from pano_glue.forensics.domains import below, name_domains, registrable
from pano_glue.forensics.measures import QUERY
from pano_glue.forensics.options import Conn, Every, Limit
from pano_glue.forensics.records import Records

if TYPE_CHECKING:
    import pandas as pd

# Rule: column, threshold, what it says. A tunnel fires at least three; one alone means little.
RULES: dict[str, tuple[str, float, str]] = {
    "names": ("names", 50, "different names"),
    "length": ("length", 40, "characters below the domain, on average"),
    "entropy": ("entropy", 3.75, "bits a character, on average over names"),
    "types": ("odd_types_share", 0.3, "TXT, NULL, CNAME, MX, SRV and private types"),
    "bytes": ("bytes_below", 10_000, "characters below the domain in all"),
    "unvisited": ("unvisited_share", 0.9, "answers that the client never connected to"),
}
FIRED = 3
# Reputation lists answer with 127.0.0.0/8 or NXDOMAIN (RFC 5782); their names are short.
REPUTATION, REPUTATION_LENGTH = 0.9, 80
SAMPLE = 1000  # names of a pair whose entropy is measured: the first ones by alphabet
ODD = "('TXT', 'NULL', 'CNAME', 'MX', 'SRV', 'TYPE65399', 'TYPE65300', 'KEY', 'PRIVATE')"


def tunnels(
    records: Records,
    conn: Conn = None,
    all: Every = False,  # noqa: A002, FBT002 - the option's name
    limit: Limit = 50,
) -> Answer:
    """Which clients may move data through names of which domains; says which rules fired."""
    records.keep(
        "ts, client, query, qtype, qtype_name, rcode, answers, query_bytes, reply_bytes, outcome",
        f"query <> '' AND {QUERY}",
    )
    name_domains(records)
    records.engine.table("pairs", _pairs())
    table = records.frame(
        f"SELECT * FROM pairs WHERE names >= {RULES['names'][1]} AND length >= 8 ORDER BY client, domain"
    )
    table["entropy"] = _entropies(records, table)
    if conn:
        from pano_glue.forensics.readers.connected import unvisited

        table = table.merge(unvisited(records, conn), how="left", on=["client", "domain"])
    table = _judged(table)
    found = table[table["verdict"] == "tunnel"]
    pairs = int(records.number("SELECT count(*) FROM pairs"))
    shown = (table if all else found).sort_values(
        ["verdict", "score", "bytes_below"], ascending=[False, False, False], kind="stable"
    )
    fact = (
        f"{len(found):,} of {pairs:,} pairs of client and domain fire {FIRED} rules or more: "
        + "; ".join(f"{name}: {least:g} {what}" for name, (_, least, what) in RULES.items())
    )
    return Answer("tunnels", [fact], {"tunnels": shown.head(limit).reset_index(drop=True)})


def _pairs() -> str:
    """Measure each pair of client and registered domain."""
    harmless = "count(*) FILTER (WHERE rcode = 3 OR (array_length(answers) > 0 AND answers[1] LIKE '127.%'))"
    return (
        "SELECT client, domain, count(*) AS queries, count(DISTINCT query) AS names, "
        f"sum(length({below()})) / CAST(count(*) AS DOUBLE) AS length, "
        f"count(*) FILTER (WHERE qtype_name IN {ODD} OR qtype >= 65280) / CAST(count(*) AS DOUBLE) "
        f"AS odd_types_share, sum(length({below()})) AS bytes_below, "
        "sum(coalesce(query_bytes, 0)) AS bytes_out, sum(coalesce(reply_bytes, 0)) AS bytes_in, "
        f"{harmless} / CAST(count(*) AS DOUBLE) AS reputation_share, min(ts) AS first_seen, "
        f"max(ts) AS last_seen FROM named WHERE {registrable()} GROUP BY client, domain"
    )


def _entropies(records: Records, pairs: pd.DataFrame) -> list[float]:
    """Measure the mean entropy of each pair's names, of the first `SAMPLE` by alphabet."""
    records.engine.put("candidates", pairs[["client", "domain"]])
    frame = records.frame(
        "SELECT client, domain, below FROM (SELECT *, row_number() OVER (PARTITION BY client, "
        f"domain ORDER BY below) AS place FROM (SELECT DISTINCT client, domain, {below()} AS below "
        f"FROM named JOIN candidates USING (client, domain))) WHERE place <= {SAMPLE}"
    )
    sums: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    for client, domain, text in zip(frame["client"], frame["domain"], frame["below"], strict=True):
        sums[client, domain] += entropy(text)  # type: ignore[assignment]
        counts[client, domain] += 1
    return [
        sums[pair] / counts[pair] for pair in zip(pairs["client"], pairs["domain"], strict=True)
    ]


def entropy(text: str) -> float:
    """Measure Shannon's entropy of a text's characters, dots apart, in bits each."""
    counts = Counter(text.replace(".", ""))
    whole = counts.total()
    return -sum(n / whole * math.log2(n / whole) for n in counts.values()) if whole else 0.0


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Say which rules fire, and by how much: `length 1.9x`."""
    fired = [
        {
            name: row[column] / least
            for name, (column, least, _) in RULES.items()
            if column in row and row[column] >= least
        }
        for row in table.to_dict("records")
    ]
    reputation = (table["reputation_share"] >= REPUTATION) & (table["length"] < REPUTATION_LENGTH)
    table["score"] = [len(rules) for rules in fired]
    table["rules"] = [
        ", ".join(f"{name} {by:.1f}x" for name, by in rules.items()) for rules in fired
    ]
    table["verdict"] = [
        ("reputation list" if harmless else "tunnel")
        if len(rules) >= FIRED and "names" in rules
        else "none"
        for rules, harmless in zip(fired, reputation, strict=True)
    ]
    first = ["client", "domain", "verdict", "rules"]
    return table[[*first, *(name for name in table.columns if name not in first)]]
