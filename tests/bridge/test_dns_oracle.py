"""Records that are counted by column, against one look at each record after the other."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pano_glue.protocols.dns.counting as dns
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config, Local
from pano_glue.sources import Batch
from pano_glue.sources.tsv import Layout, Table
from tests.bridge.records import lines, read_page, record

RESOLVER = "192.0.2.53"
CONFIG = Config(local=Local([RESOLVER]), clients={"203.0.113.0/24": "office"})
DOMAINS = {
    "a.example.org": "example.org",
    "b.c.shop.co.uk": "shop.co.uk",
    "example.org": "example.org",
}
QTYPES = {1: "A", 28: "AAAA", 65280: "other", -1: "other"}
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 3841: "other"}
KINDS = {0: "", 2: "servfail", 3: "nxdomain", -1: "timeout"}
QUERIES, RESPONSES = ("answered", "timeout", "unreachable"), ("answered", "late", "orphan")
OUTCOMES = {
    "timeout": "timeouts",
    "unreachable": "unreachable",
    "late": "late_responses",
    "orphan": "orphan_responses",
}
TYPES = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.resp_h": "addr", "proto": "enum",
    "trans_id": "count", "rtt": "interval", "query": "string", "qtype": "count", "rcode": "count",
    "AA": "bool", "TC": "bool", "RA": "bool", "TTLs": "vector[interval]", "outcome": "string",
    "retransmits": "count", "query_bytes": "count", "reply_bytes": "count", "AD": "bool",
    "CD": "bool", "DO": "bool", "ecs": "subnet", "sensor": "string",
}  # fmt: skip
Series = Counter[tuple[str, frozenset[tuple[str, str]]]]


@st.composite
def transactions(draw: st.DrawFn) -> dict[str, Any]:
    outcome = draw(st.sampled_from(["answered"] * 4 + ["timeout", "unreachable", "late", "orphan"]))
    flags = {flag: draw(st.booleans()) for flag in ("AA", "TC", "RA", "AD", "CD", "DO")}
    fields: dict[str, Any] = {
        "id__orig_h": draw(st.sampled_from(["203.0.113.1", "198.51.100.9", RESOLVER])),
        "id__resp_h": draw(st.sampled_from([RESOLVER, "198.51.100.7"])),
        "proto": draw(st.sampled_from(["udp", "tcp"])),
        "query": draw(st.sampled_from(list(DOMAINS))),
        "qtype": draw(st.sampled_from([1, 28, 65280, None])),
        "retransmits": draw(st.integers(0, 2)),
        "query_bytes": draw(st.sampled_from([None, 40, 600])),
        "ecs": draw(st.sampled_from([None, "198.51.100.0/24"])),
        "outcome": outcome,
    }
    answer: dict[str, Any] = dict.fromkeys(("rcode", "rtt", "reply_bytes", "TTLs"))
    if outcome in RESPONSES:
        answer["rcode"] = draw(st.sampled_from([0, 0, 2, 3, 3841]))
        answer["rtt"] = draw(st.sampled_from([0.25, 0.5, 0.0]))
        answer["reply_bytes"] = draw(st.sampled_from([None, 120, 1232]))
        answer["TTLs"] = draw(st.sampled_from([None, [300.0, 60.0]]))
    return fields | flags | answer


class Oracle:
    """Counts record by record."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        """Count all of them, in their order."""
        self.series: Series = Counter()
        self._cached: dict[tuple[Any, ...], float] = {}
        self._tells = any(r.get("TTLs") and not r["rcode"] for r in records)
        for r in records:
            ours = [r["id.resp_h"] == RESOLVER, r["id.orig_h"] == RESOLVER]
            role = "inbound" if ours[0] else "outbound" if ours[1] else "transit"
            labels = {"sensor": "s1", "server": r["id.resp_h"], "proto": r["proto"], "role": role}
            if r["outcome"] in QUERIES:
                self._query(r, labels)
                self._top(r, DOMAINS[r["query"]], r["id.orig_h"])
                self._client(r, "office" if r["id.orig_h"].startswith("203.") else "other")
                self._repeat(r)
            if r["outcome"] in RESPONSES:
                self._response(r, labels)
            if r["outcome"] != "answered":
                self._add(OUTCOMES[r["outcome"]] + "_total", 1, **labels)
        queries = [r for r in records if r["outcome"] in QUERIES]
        self._add("names", len({r["query"] for r in queries}))
        self._add("clients", len({r["id.orig_h"] for r in queries}))

    def _add(self, name: str, value: float, **labels: str) -> None:
        self.series["pano_dns_" + name, frozenset(labels.items())] += value  # type: ignore[assignment]

    def _query(self, r: dict[str, Any], labels: dict[str, str]) -> None:
        self._add("queries_total", 1, **labels, qtype=QTYPES[r.get("qtype", -1)])
        self._add("retransmits_total", r["retransmits"], **labels)
        self._add("unchecked_total", r["CD"], **labels)
        self._add("dnssec_ok_total", r["DO"], **labels)
        self._add("ecs_total", "ecs" in r, **labels)
        self._add("query_bytes_count", "query_bytes" in r, **labels)
        self._add("query_bytes_sum", r.get("query_bytes", 0), **labels)

    def _top(self, r: dict[str, Any], domain: str, client: str) -> None:
        size, rcode = r.get("query_bytes", 0) + r.get("reply_bytes", 0), r.get("rcode", -1)
        self._add("top_queries_total", 1, domain=domain)
        self._add("top_nxdomain_total", rcode == 3, domain=domain)
        self._add("top_failures_total", rcode not in (0, 3), domain=domain)
        self._add("top_timeouts_total", rcode == -1, domain=domain)
        self._add("top_seconds_total", r.get("rtt", 0.0), domain=domain)
        self._add("top_bytes_total", size, domain=domain)
        self._add("top_clients_total", 1, client=client)
        self._add("top_client_nxdomain_total", rcode == 3, client=client)
        self._add("top_client_failures_total", rcode not in (0, 3), client=client)
        self._add("top_client_bytes_total", size, client=client)

    def _client(self, r: dict[str, Any], group: str) -> None:
        kind = KINDS.get(r.get("rcode", -1), "other")
        self._add("client_queries_total", 1, group=group)
        if kind:
            self._add("client_failures_total", 1, group=group, kind=kind)
        self._add("client_rtt_seconds_count", "rtt" in r, group=group)
        self._add("client_rtt_seconds_sum", r.get("rtt", 0.0), group=group)

    def _repeat(self, r: dict[str, Any]) -> None:
        key = (r["id.orig_h"], r["query"], r.get("qtype"))
        if r["ts"] < self._cached.get(key, 0.0):
            self._add("wasted_queries_total", 1, reason="repeat")
        elif r.get("TTLs") and r["rcode"] == 0 and not r["TC"]:
            self._cached[key] = r["ts"] + r["rtt"] + min(r["TTLs"])

    def _response(self, r: dict[str, Any], labels: dict[str, str]) -> None:
        qtype, rcode, size = r.get("qtype", -1), r["rcode"], r.get("reply_bytes", 0)
        result = {0: "success", 3: "nxdomain"}.get(rcode, "failure")
        self._add("responses_total", 1, **labels, qtype=QTYPES[qtype], rcode=RCODES[rcode])
        self._add("truncated_total", r["TC"], **labels)
        self._add("authenticated_total", r["AD"], **labels)
        self._add("rtt_seconds_count", 1, **labels, result=result)
        self._add("rtt_seconds_sum", r["rtt"], **labels, result=result)
        self._add("rtt_seconds_bucket", r["rtt"] <= 0.256, **labels, result=result, le="0.256")
        self._add("response_bytes_count", size > 0, **labels)
        self._add("response_bytes_sum", size, **labels)
        self._add("response_bytes_bucket", 0 < size <= 512, **labels, le="512.0")
        empty = rcode == 0 and not r.get("TTLs") and not r["TC"] and (r["AA"] or r["RA"])
        self._add("nodata_total", empty and self._tells, **labels)


def tsv(records: list[dict[str, Any]]) -> Table:
    def cell(value: object) -> str:
        if isinstance(value, bool):
            return "T" if value else "F"
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    rows = ["\t".join(cell(r.get(name, "-")) for name in TYPES) + "\n" for r in records]
    layout = Layout(path="dns", names=tuple(TYPES), types=tuple(TYPES.values()))
    return Table(layout, "".join(rows).encode())


@settings(deadline=None, max_examples=25)
@given(
    st.lists(transactions(), min_size=1, max_size=60),
    st.integers(1, 60),
    st.sampled_from([1, 9, 256]),
    st.booleans(),
)
def test_columns_count_what_each_record_says(
    drawn: list[dict[str, Any]],
    size: int,
    enough: int,
    rows: bool,  # noqa: FBT001 - hypothesis
) -> None:
    records = [record(n, **fields) for n, fields in enumerate(drawn)]
    counting = Counting(CONFIG, lambda: 1_700_000_100.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dns, "ENOUGH", enough)
        for start in range(0, len(records), size):
            part = records[start : start + size]
            counting.apply("log:t", Batch("dns", tsv(part) if rows else lines(*part)))
        page, _ = Pages(counting, None).page(Visit("t"), openmetrics=False)
    series = Oracle(records).series
    wanted = {key: value for key, value in series.items() if value}
    names = {name for name, _ in series}
    page_says = read_page(page.decode())
    found = {
        (name, labels): value
        for (name, labels), value in page_says.items()
        if name in names and value and ("reason", "pair") not in labels
    }
    bounds = {dict(labels).get("le") for _, labels in wanted}
    found = {key: value for key, value in found.items() if dict(key[1]).get("le") in bounds}
    assert sorted(map(str, found.keys() ^ wanted.keys())) == []
    assert found == pytest.approx(wanted)
