"""DNS records for tests, and what a page says, read by Prometheus's own client library."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

Page = dict[tuple[str, frozenset[tuple[str, str]]], float]


def record(n: int = 0, **fields: object) -> dict[str, Any]:
    """Build one enriched record; a field given as None is left out."""
    base: dict[str, object] = {
        "ts": 1_700_000_000.5 + n,
        "uid": f"C{n:017d}",
        "id.orig_h": "192.0.2.1",
        "id.orig_p": 40000,
        "id.resp_h": "192.0.2.53",
        "id.resp_p": 53,
        "proto": "udp",
        "trans_id": n % 65536,
        "rtt": 0.001,
        "query": f"host{n}.example.org",
        "qclass": 1,
        "qtype": 1,
        "qtype_name": "A",
        "rcode": 0,
        "rcode_name": "NOERROR",
        "AA": False,
        "TC": False,
        "RD": True,
        "RA": True,
        "Z": 0,
        "rejected": False,
        "outcome": "answered",
        "retransmits": 0,
        "query_bytes": 40,
        "reply_bytes": 120,
        "sensor": "s1",
    }
    merged = base | {key.replace("__", "."): value for key, value in fields.items()}
    return {key: value for key, value in merged.items() if value is not None}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in records)


def many(count: int, start: int = 0) -> bytes:
    return lines(*(record(n) for n in range(start, start + count)))


def read_page(page: str) -> Page:
    """Parse the Prometheus text format."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def read_openmetrics(page: str) -> Page:
    """Parse OpenMetrics, exemplars included."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in openmetrics.text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def total(page: Page, name: str, **labels: str) -> float:
    """Sum the samples of `name` that have all `labels`."""
    return sum(
        value for (n, have), value in page.items() if n == name and labels.items() <= set(have)
    )
