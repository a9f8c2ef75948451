"""What one record adds to the metrics."""

from __future__ import annotations

import random

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.openmetrics.exposition import generate_latest

from pano_glue.bridge.counting import Counting
from pano_glue.config import Config, Limits
from pano_glue.sources import Batch
from tests.bridge.records import Page, lines, many, read_openmetrics, read_page, record, total


def page_of(*batches: bytes, config: Config | None = None) -> Page:
    counting = Counting(config or Config(), lambda: 1_700_000_100.0)
    for batch in batches:
        counting.apply("log:t", Batch("dns", batch))
    return read_page(counting.scrape(openmetrics=False).page.decode())


def test_each_outcome_is_counted_as_what_it_is() -> None:
    page = page_of(
        lines(
            record(rcode=3),
            record(outcome="timeout", rcode=None, rtt=None, reply_bytes=None, retransmits=2),
            record(outcome="late", rtt=6.0, retransmits=2),
            record(outcome="orphan", rtt=None, query_bytes=None, TC=True),
        )
    )
    assert total(page, "pano_dns_queries_total") == 2
    assert total(page, "pano_dns_responses_total") == 3
    assert total(page, "pano_dns_responses_total", rcode="NXDOMAIN") == 1
    assert total(page, "pano_dns_timeouts_total") == 1
    assert total(page, "pano_dns_late_responses_total") == 1
    assert total(page, "pano_dns_orphan_responses_total") == 1
    assert total(page, "pano_dns_retransmits_total") == 2
    assert total(page, "pano_dns_truncated_total") == 1
    assert total(page, "pano_dns_rtt_seconds_count") == 2
    assert total(page, "pano_dns_rtt_seconds_bucket", le="8.192") == 2
    assert total(page, "pano_dns_rtt_seconds_bucket", le="4.096") == 1
    assert total(page, "pano_dns_query_bytes_count") == 2
    assert total(page, "pano_dns_response_bytes_count") == 3


def test_stock_log_has_an_outcome_by_its_rcode() -> None:
    stock = record(outcome=None, sensor=None, query_bytes=None, reply_bytes=None, rtt=None)
    unanswered = {key: value for key, value in stock.items() if not key.startswith("rcode")}
    page = page_of(lines(stock, unanswered))
    assert total(page, "pano_dns_queries_total") == 2
    assert total(page, "pano_dns_responses_total") == 1
    assert total(page, "pano_dns_timeouts_total") == 1
    assert total(page, "pano_dns_rtt_seconds_count") == 0


def test_histogram_agrees_with_prometheus_client() -> None:
    draw = random.Random(5)  # noqa: S311 - a fixed sequence
    bounds = [62.5e-6 * 2**i for i in range(18)]
    rtts = [draw.choice([draw.expovariate(500), draw.choice(bounds), 0.0]) for _ in range(3000)]
    registry = CollectorRegistry()
    truth = Histogram("truth", "t", buckets=bounds, registry=registry)
    for rtt in rtts:
        truth.observe(rtt)
    ours = page_of(lines(*(record(rtt=rtt) for rtt in rtts)))
    theirs = read_openmetrics(generate_latest(registry).decode())  # type: ignore[no-untyped-call]
    for bound in [*(repr(b) for b in bounds), "+Inf"]:
        expected = total(theirs, "truth_bucket", le=bound)
        assert total(ours, "pano_dns_rtt_seconds_bucket", le=bound) == expected, bound
    assert total(ours, "pano_dns_rtt_seconds_sum") == pytest.approx(sum(rtts))


def test_numbers_without_a_common_name_become_other() -> None:
    page = page_of(lines(record(qtype=65280, rcode=3841), record(qtype=None)))
    assert total(page, "pano_dns_queries_total", qtype="other") == 2
    assert total(page, "pano_dns_responses_total", rcode="other") == 1


def test_tagged_records_and_other_logs() -> None:
    tagged = b'{"dns":' + lines(record()).strip() + b"}\n"
    other = b'{"conn":{"ts":1.0}}\n'
    page = page_of(tagged + other, tagged)
    assert total(page, "pano_dns_queries_total") == 2
    assert total(page, "pano_bridge_records_total", result="counted") == 2
    assert total(page, "pano_bridge_records_total", result="skipped") == 1


BAD = [
    b'{"ts":1}',
    b"{",
    b"\x00\x01\x02",
    b'{"id.resp_h":"a","id.orig_h":"b","proto":"udp","TC":false,"query":"\xff"}',
    b"[" * 100_000,
    lines(record(rtt=-1.0)).strip(),
    lines(record(rtt=1e300)).strip(),
    lines(record(rtt="fast")).strip(),
    lines(record(rtt=float("nan"))).strip(),
    lines(record(qtype=1 << 70)).strip(),
    lines(record(rcode=-1)).strip(),
    lines(record(outcome="won")).strip(),
    lines(record(query_bytes=65536)).strip(),
    lines(record(id__resp_h="x" * 10_000)).strip(),
    lines(record(TC=None)).strip(),
    b"null",
    b'"dns"',
    b'{"dns":1}',
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_malformed_record_is_counted_and_passed_by(bad: bytes) -> None:
    page = page_of(many(2) + bad + b"\n" + many(3))
    assert total(page, "pano_bridge_records_total", result="malformed") == 1
    assert total(page, "pano_bridge_records_total", result="counted") == 5
    assert total(page, "pano_dns_queries_total") == 5


def test_labels_beyond_their_caps_become_other() -> None:
    config = Config(limits=Limits(servers=3, sensors=2, groups=4))
    records = [
        record(id__resp_h=f"10.0.0.{server}", sensor=f"s{sensor}")
        for server in range(10)
        for sensor in range(5)
    ]
    page = page_of(lines(*records), lines(*records), config=config)
    labels = [dict(have) for name, have in page if name == "pano_dns_queries_total"]
    assert {label["sensor"] for label in labels} == {"s0", "s1", "other"}
    assert {label["server"] for label in labels} == {"10.0.0.0", "10.0.0.1", "10.0.0.2", "other"}
    assert len([label for label in labels if "other" not in label.values()]) == 4
    assert total(page, "pano_dns_queries_total") == 100
    assert total(page, "pano_bridge_folded_labels_total", label="sensor") == 60
    assert total(page, "pano_bridge_folded_labels_total", label="server") > 0


def test_servers_have_names_and_groups() -> None:
    config = Config(servers={"192.0.2.53": "ns1", "2001:db8::/32": "six", "192.0.2.0/24": "lan"})
    records = [
        record(id__resp_h=h) for h in ("192.0.2.53", "192.0.2.54", "2001:db8::9", "10.1.1.1")
    ]
    page = page_of(lines(*records), config=config)
    for server in ("ns1", "lan", "six", "10.1.1.1"):
        assert total(page, "pano_dns_queries_total", server=server) == 1


def test_hostile_label_values_survive_both_formats() -> None:
    counting = Counting(Config(), lambda: 0.0)
    sensor = 'a"b\\c\nd\u2028é'
    hostile = record(sensor=sensor, uid='"\\\n', query='x"\\\n.evil', id__resp_h='"\n\\')
    counting.apply("log:t", Batch("dns", lines(hostile)))
    for page in (
        read_page(counting.scrape(openmetrics=False).page.decode()),
        read_openmetrics(counting.scrape(openmetrics=True).page.decode()),
    ):
        assert total(page, "pano_dns_queries_total", sensor=sensor, server='"\n\\') == 1
        assert total(page, "pano_dns_top_queries_total", domain='x"\\\n.evil') == 1


def test_the_slowest_answer_between_scrapes_is_the_exemplar() -> None:
    counting = Counting(Config(), lambda: 0.0)

    def exemplars() -> dict[str, tuple[dict[str, str], float]]:
        page = counting.scrape(openmetrics=True).page.decode()
        return {
            sample.labels["le"]: (sample.exemplar.labels, sample.exemplar.value)
            for family in openmetrics.text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
            for sample in family.samples
            if sample.exemplar is not None
        }

    counting.apply("log:t", Batch("dns", lines(record(1, rtt=0.3), record(2, rtt=0.03))))
    counting.apply("log:t", Batch("dns", lines(record(3, rtt=0.2))))
    assert exemplars() == {"0.512": ({"uid": f"C{1:017d}"}, 0.3)}
    counting.apply("log:t", Batch("dns", lines(record(4, rtt=0.003))))
    assert exemplars()["0.004"] == ({"uid": f"C{4:017d}"}, 0.003)


def test_top_lists_and_distinct_counts() -> None:
    page = page_of(
        lines(*(record(n, query=f"h{n}.shop.example.co.uk") for n in range(30))),
        lines(*(record(n, query="www.example.org", id__orig_h="192.0.2.9") for n in range(20))),
        lines(record(query="gone.example.net", outcome="timeout", rcode=None, rtt=None)),
        lines(record(query="no.example.net", rcode=3), record(query="a.example.com", rcode=2)),
    )
    assert total(page, "pano_dns_top_queries_total", domain="example.co.uk") == 30
    assert total(page, "pano_dns_top_queries_total", domain="example.org") == 20
    assert total(page, "pano_dns_top_failures_total") == 2
    assert total(page, "pano_dns_top_failures_total", domain="example.net") == 1
    assert total(page, "pano_dns_top_clients_total", client="192.0.2.9") == 20
    assert total(page, "pano_dns_clients") == 2
    assert total(page, "pano_dns_names") == 34


def test_lag_is_from_the_reply_to_the_count() -> None:
    page = page_of(lines(record(rtt=0.5)))
    assert total(page, "pano_bridge_lag_seconds") == pytest.approx(99.0)
