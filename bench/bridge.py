"""Records per CPU second through the bridge's counting, against bare decoding and a naive bridge.

`python bench/bridge.py [FILE…]` prints one JSON object; without files, 100,000 records are made up
that look like an enriched dns.log (Zipf-distributed names, three servers of ours that ask others
for each new name). Everything is on: roles, groups of clients, search suffixes. The rounds of
all contestants are interleaved and the best of each is taken, so that other work on the machine
disturbs the ratios little.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram

from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.process import collect_seldom
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config, Local, Search
from pano_glue.protocols.dns.record import DnsRecord
from pano_glue.sources import Batch
from pano_glue.sources.lines import BLOCK
from pano_glue.sources.tsv import Layout, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Contestant = tuple[Callable[[bytes], object], list[bytes]]

RECORDS = 100_000
ROUNDS = 7
CHECKPOINT = 200  # batches, about 90,000 records: one in 10 s at 9,000 records a second
EVERYTHING = Config(
    clients={"10.1.0.0/17": "office", "10.1.128.0/17": "lab"},
    local=Local(["10.0.0.53", "10.0.0.54", "2001:db8::53"]),
    search=Search(["corp.example"]),
)
COLUMNS = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port",
    "id.resp_h": "addr", "id.resp_p": "port", "proto": "enum", "trans_id": "count",
    "rtt": "interval", "query": "string", "qclass": "count", "qclass_name": "string",
    "qtype": "count", "qtype_name": "string", "rcode": "count", "rcode_name": "string",
    "AA": "bool", "TC": "bool", "RD": "bool", "RA": "bool", "Z": "count",
    "answers": "vector[string]", "TTLs": "vector[interval]", "rejected": "bool",
    "outcome": "string", "retransmits": "count", "query_bytes": "count", "reply_bytes": "count",
    "AD": "bool", "CD": "bool", "DO": "bool", "edns_bufsize": "count", "sensor": "string",
}  # fmt: skip


def records(draw: random.Random) -> Iterator[dict[str, object]]:
    """Make up transactions: 97 % answered, 3 % timeouts; new names are asked of others, too."""
    cached: set[int] = set()
    for n in range(RECORDS):
        name = int(draw.paretovariate(0.8))
        kind = n % 4
        record: dict[str, object] = {
            "ts": round(1.7e9 + n / 20_000, 6),
            "uid": f"C{draw.getrandbits(80):017x}"[:18],
            "id.orig_h": f"10.1.{int(draw.paretovariate(1.1)) % 256}.{n % 50}",
            "id.orig_p": 1024 + n % 60_000,
            "id.resp_h": ("10.0.0.53", "10.0.0.54", "10.0.0.53", "2001:db8::53")[kind],
            "id.resp_p": 53,
            "proto": "tcp" if n % 20 == 0 else "udp",
            "trans_id": n % 65536,
            "rtt": round(draw.expovariate(800) + 5e-5, 6),
            "query": f"host{name % 100_000}.zone{name % 997}.example{name % 31}.com",
            "qclass": 1,
            "qclass_name": "C_INTERNET",
            "qtype": (1, 28, 65, 15)[kind],
            "qtype_name": ("A", "AAAA", "HTTPS", "MX")[kind],
            "rcode": 3 if n % 10 == 0 else 0,
            "rcode_name": "NXDOMAIN" if n % 10 == 0 else "NOERROR",
            "AA": False, "TC": False, "RD": True, "RA": True, "Z": 0,
            "answers": ["192.0.2.1", "192.0.2.2"],
            "TTLs": [300.0, 300.0],
            "rejected": False,
            "outcome": "answered",
            "retransmits": 0,
            "query_bytes": 40 + name % 20,
            "reply_bytes": 80 + name % 300,
            "AD": False, "CD": False, "DO": False,
            "edns_bufsize": 1232,
            "sensor": "bench",
        }  # fmt: skip
        if n % 12 == 1:
            del record["answers"], record["TTLs"]
        if n % 33 == 0:
            for field in ("rtt", "rcode", "rcode_name", "answers", "TTLs", "reply_bytes"):
                record.pop(field, None)
            record["outcome"] = "timeout"
        if name not in cached:
            cached.add(name)
            yield record | {
                "ts": float(str(record["ts"])) + 0.00001,
                "id.orig_h": record["id.resp_h"],
                "id.resp_h": f"198.51.100.{name % 3}",
                "rtt": 0.00004,
                "outcome": "answered",
            }
        yield record


def as_tsv(record: dict[str, object]) -> str:
    """Write a record as Zeek's TSV does."""

    def text(value: object) -> str:
        if isinstance(value, bool):
            return "T" if value else "F"
        if isinstance(value, list):
            return ",".join(map(str, value))
        return "-" if value is None else str(value)

    return "\t".join(text(record.get(name)) for name in COLUMNS)


class Naive:
    """What one writes first: json, labels(), inc()."""

    def __init__(self) -> None:
        """Make the metrics that every DNS dashboard needs."""
        labels = ("sensor", "server", "proto")
        registry = CollectorRegistry()
        self._queries = Counter("q", "q", (*labels, "qtype"), registry=registry)
        self._responses = Counter("r", "r", (*labels, "rcode"), registry=registry)
        self._timeouts = Counter("t", "t", labels, registry=registry)
        bounds = [62.5e-6 * 2**i for i in range(18)]
        self._rtt = Histogram("rtt", "rtt", labels, buckets=bounds, registry=registry)

    def count(self, lines: bytes) -> None:
        """Count a batch."""
        for line in lines.splitlines():
            record = json.loads(line)
            labels = (record["sensor"], record["id.resp_h"], record["proto"])
            self._queries.labels(*labels, record["qtype_name"]).inc()
            if "rcode" in record:
                self._responses.labels(*labels, record["rcode_name"]).inc()
                self._rtt.labels(*labels).observe(record["rtt"])
            else:
                self._timeouts.labels(*labels).inc()


class Zat:
    """What one takes to look at a TSV log: a pandas DataFrame by zat, without counting."""

    def __init__(self, path: Path) -> None:
        """Write the log to `path`, at the first read."""
        from zat.log_to_dataframe import LogToDataFrame

        self._path = path
        self._reader = LogToDataFrame()

    def read(self, rows: bytes) -> None:
        """Read all rows, after a header."""
        if not self._path.exists():
            header = [
                ("#separator \\x09",),
                ("#set_separator", ","),
                ("#empty_field", "(empty)"),
                ("#unset_field", "-"),
                ("#path", "dns"),
                ("#open", "2026-01-01-00-00-00"),
                ("#fields", *COLUMNS),
                ("#types", *COLUMNS.values()),
            ]
            text = "".join("\t".join(line) + "\n" for line in header)
            self._path.write_bytes(text.encode() + rows)
        self._reader.create_dataframe(str(self._path))


def batches(data: bytes) -> list[bytes]:
    """Cut into batches as the log source does."""
    cut, start = [], 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + BLOCK) + 1
        cut.append(data[start:end])
        start = end
    return cut


def cpu_ns_per_record(
    contestants: dict[str, tuple[Callable[[bytes], object], list[bytes]]],
) -> dict[str, float]:
    """Time all contestants by turns; the best round of each counts, all that it did included."""
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(ROUNDS):
        for name, (count, data) in contestants.items():
            begun = time.process_time_ns()
            for batch in data:
                count(batch)
            spent = time.process_time_ns() - begun
            best[name] = min(best[name], spent / sum(batch.count(b"\n") for batch in data))
    return best


def main(files: list[str]) -> None:
    """Run the benchmark and print its figures."""
    if files:
        lines = b"".join(Path(file).read_bytes() for file in files).splitlines(keepends=True)
        made = [json.loads(line) for line in lines]
    else:
        draw = random.Random(1)  # noqa: S311 - the same each time
        made = list(records(draw))
    json_data = batches(
        b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in made)
    )
    tsv_data = batches("".join(as_tsv(r) + "\n" for r in made).encode())
    layout = Layout(path="dns", names=tuple(COLUMNS), types=tuple(COLUMNS.values()))
    json_counting, tsv_counting, naive = Counting(EVERYTHING), Counting(EVERYTHING), Naive()
    bare = msgspec.json.Decoder(DnsRecord)
    folder = tempfile.TemporaryDirectory()
    pages = Pages(json_counting, CheckpointFile(Path(folder.name)))
    numbers = itertools.count(1)
    collect_seldom()  # as `pano-bridge run`

    def count_json(lines: bytes) -> None:
        number = next(numbers)
        json_counting.apply("log:j", Batch("dns", lines, number))
        if number % CHECKPOINT == 0:
            pages.checkpoint()

    best = cpu_ns_per_record(
        {
            "bare": (bare.decode_lines, json_data),
            "json": (count_json, json_data),
            "tsv": (
                lambda rows: tsv_counting.apply("log:t", Batch("dns", Table(layout, rows))),
                tsv_data,
            ),
            "zat": (Zat(Path(folder.name) / "dns.log").read, [b"".join(tsv_data)]),
            "naive": (naive.count, json_data),
        }
    )
    begun = time.process_time_ns()
    page, _ = pages.page(Visit("bench"), openmetrics=False)
    scrape = time.process_time_ns() - begun
    rates = {f"{name}_records_per_cpu_second": round(1e9 / ns) for name, ns in best.items()}
    ratios = {f"{name}_to_naive": round(best["naive"] / best[name], 2) for name in ("json", "tsv")}
    ratios["json_to_bare"] = round(best["bare"] / best["json"], 3)
    ratios["tsv_to_zat"] = round(best["zat"] / best["tsv"], 2)
    size = round(sum(map(len, json_data)) / len(made))
    figures = rates | ratios | {"bytes_per_record": size}
    print(json.dumps(figures | {"page_bytes": len(page), "scrape_cpu_ms": scrape / 1e6}))


if __name__ == "__main__":
    main(sys.argv[1:])
