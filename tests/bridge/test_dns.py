"""What one record adds to the metrics."""

from __future__ import annotations

import random

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.openmetrics.exposition import generate_latest

from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config, Limits, TopLists
from pano_glue.sources import Batch
from tests.bridge.records import Page, lines, many, read_openmetrics, read_page, record, total


def page_of(*batches: bytes, config: Config | None = None) -> Page:
    counting = Counting(config or Config(), lambda: 1_700_000_100.0)
    for batch in batches:
        counting.apply("log:t", Batch("dns", batch))
    return read_page(shown(counting))


def shown(counting: Counting, *, openmetrics: bool = False) -> str:
    page, _ = Pages(counting, None).page(Visit("test"), openmetrics=openmetrics)
    return page.decode()


def test_each_outcome_is_counted_as_what_it_is() -> None:
    page = page_of(
        lines(
            record(rcode=3),
            record(outcome="timeout", rcode=None, rtt=None, reply_bytes=None, retransmits=2),
            record(outcome="late", rtt=6.0, retransmits=2),
            record(outcome="orphan", rtt=None, query_bytes=None, TC=True),
            record(outcome="unreachable", rcode=None, rtt=None, reply_bytes=None),
        )
    )
    assert total(page, "pano_dns_queries_total") == 3
    assert total(page, "pano_dns_unreachable_total") == 1
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
    assert total(page, "pano_dns_query_bytes_count") == 3
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
    lines(record(rtt="fast")).strip(),
    lines(record(rtt=float("nan"))).strip(),
    lines(record(qtype=1 << 70)).strip(),
    lines(record(rcode=-1)).strip(),
    lines(record(outcome="won")).strip(),
    lines(record(query_bytes=65536)).strip(),
    lines(record(id__resp_h="x" * 10_000)).strip(),
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
    assert {label["server"] for label in labels} == {"10.0.0.0", "10.0.0.1", "other"}
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
        read_page(shown(counting)),
        read_openmetrics(shown(counting, openmetrics=True)),
    ):
        assert total(page, "pano_dns_queries_total", sensor=sensor, server='"\n\\') == 1
        assert total(page, "pano_dns_top_queries_total", domain='x"\\\n.evil') == 1


def exemplars_of(pages: Pages) -> dict[tuple[str, str], tuple[dict[str, str], float, float]]:
    page, _ = pages.page(Visit("test"), openmetrics=True)
    return {
        (sample.labels["result"], sample.labels["le"]): (
            sample.exemplar.labels,
            sample.exemplar.value,
            float(sample.exemplar.timestamp),
        )
        for family in openmetrics.text_string_to_metric_families(page.decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    }


def test_exemplars_are_the_slowest_answer_and_the_newest_failure_for_one_page() -> None:
    counting = Counting(Config(), lambda: 1_700_000_100.0)
    pages = Pages(counting, None, clock=lambda: 1_700_000_100.0)
    old = {"ts": 1_699_990_000.0}  # too old for an exemplar
    counting.apply("log:t", Batch("dns", lines(record(0, **old), record(0, rcode=2, **old))))
    for _ in range(2):
        pages.page(Visit("test"), openmetrics=True)

    def count(*records: dict[str, object]) -> None:
        counting.apply("log:t", Batch("dns", lines(*records)))

    count(record(1, rtt=0.3), record(2, rtt=0.03))
    count(record(3, rtt=0.2), record(5, rtt=0.04, rcode=2), record(6, rtt=0.001, rcode=2))
    uids = [f"C{n:017d}" for n in range(9)]
    assert exemplars_of(pages) == {
        ("success", "0.512"): ({"uid": uids[1], "trans_id": "1"}, 0.3, 1_700_000_001.8),
        ("failure", "0.064"): ({"uid": uids[5], "trans_id": "5"}, 0.04, 1_700_000_005.54),
        ("failure", "0.001"): ({"uid": uids[6], "trans_id": "6"}, 0.001, 1_700_000_006.501),
    }
    count(record(4, rtt=0.003))
    assert exemplars_of(pages)["success", "0.004"][0] == {"uid": uids[4], "trans_id": "4"}
    assert not exemplars_of(pages)
    count(record(0, ts=1_699_990_000.0, rtt=5.0))
    assert not exemplars_of(pages)


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
    assert total(page, "pano_dns_top_timeouts_total", domain="example.net") == 1
    assert total(page, "pano_dns_top_nxdomain_total", domain="example.net") == 1
    assert total(page, "pano_dns_top_seconds_total", domain="example.org") == pytest.approx(0.02)
    assert total(page, "pano_dns_top_bytes_total", domain="example.org") == 20 * 160
    assert total(page, "pano_dns_top_client_bytes_total", client="192.0.2.9") == 20 * 160
    assert total(page, "pano_dns_clients") == 2
    assert total(page, "pano_dns_names") == 34


def test_the_newest_record_is_told_by_its_time_on_the_wire() -> None:
    page = page_of(lines(record(rtt=0.5)), lines(record(rtt=0.25)))
    newest = total(page, "pano_bridge_newest_record_timestamp_seconds")
    assert newest == pytest.approx(1_700_000_001.0)


def test_what_a_server_may_do_wrong_is_there_before_it_does() -> None:
    page = page_of(lines(record()))
    names = {name for name, _ in page}
    for outcome in ("timeouts", "late_responses", "orphan_responses", "retransmits", "truncated"):
        assert f"pano_dns_{outcome}_total" in names
    rcodes = {dict(labels)["rcode"] for n, labels in page if n == "pano_dns_responses_total"}
    assert rcodes >= {"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"}
    assert total(page, "pano_dns_responses_total") == 1


def test_top_lists_of_clients_can_be_networks_or_off() -> None:
    batch = lines(record(id__orig_h="192.0.2.9"), record(id__orig_h="2001:db8:1:2::3"))
    shortened = page_of(batch, config=Config(top=TopLists(clients_prefix="24/56")))
    assert total(shortened, "pano_dns_top_clients_total", client="192.0.2.0/24") == 1
    assert total(shortened, "pano_dns_top_clients_total", client="2001:db8:1::/56") == 1
    off = page_of(batch, config=Config(top=TopLists(clients=0)))
    assert not [name for name, _ in off if name.startswith("pano_dns_top_client")]
    assert total(off, "pano_dns_clients") == 2


def test_groups_of_clients_add_up() -> None:
    config = Config(clients={"10.1.0.0/16": "office", "10.1.9.0/24": "lab"})
    timeout = record(id__orig_h="10.1.9.7", outcome="timeout", rcode=None, rtt=None)
    page = page_of(
        lines(
            record(id__orig_h="10.1.2.3", rtt=0.01),
            record(id__orig_h="10.1.2.4", rcode=3),
            timeout,
            record(id__orig_h="10.1.9.8", rcode=2),
            record(id__orig_h="192.0.2.1"),
        ),
        config=config,
    )
    queries = "pano_dns_client_queries_total"
    assert [total(page, queries, group=g) for g in ("office", "lab", "other")] == [2, 2, 1]
    assert total(page, queries) == total(page, "pano_dns_queries_total")
    failures = "pano_dns_client_failures_total"
    assert total(page, failures, group="office", kind="nxdomain") == 1
    assert total(page, failures, group="lab", kind="timeout") == 1
    assert total(page, failures, group="lab", kind="servfail") == 1
    assert total(page, failures) == 3
    assert total(page, "pano_dns_client_rtt_seconds_count", group="lab") == 1
    assert not [
        name for name, _ in page_of(lines(record())) if "client_" in name and "top" not in name
    ]


def test_latency_by_result_and_responses_by_type_and_code() -> None:
    page = page_of(
        lines(
            record(rtt=0.1),
            record(rtt=0.2, rcode=3, qtype=28),
            record(rtt=0.3, rcode=2),
            record(outcome="unreachable", rcode=None, rtt=0.001),
        )
    )
    count = "pano_dns_rtt_seconds_count"
    results = [total(page, count, result=r) for r in ("success", "nxdomain", "failure")]
    assert results == [1, 1, 1]
    assert total(page, "pano_dns_responses_total", qtype="AAAA", rcode="NXDOMAIN") == 1
    assert total(page, "pano_dns_unreachable_total") == 1
    assert total(page, "pano_dns_queries_total") == 4


class Resolver:
    """A bridge beside a recursive resolver, with a clock of our own."""

    def __init__(self, config: Config) -> None:
        """Begin at zero."""
        self.now = 1_700_000_000.0
        self.counting = Counting(config, lambda: self.now)
        self.pages = Pages(self.counting, None, clock=lambda: self.now)
        self.sent = 0

    def count(self, *servers: str, sensor: str = "s1") -> None:
        batch = lines(*(record(n, id__resp_h=s, sensor=sensor) for n, s in enumerate(servers)))
        self.counting.apply("log:t", Batch("dns", batch))
        self.sent += len(servers)

    def page(self) -> Page:
        """Look twice, so that what is new is past its 0."""
        for _ in range(2):
            page, _ = self.pages.page(Visit("t"), openmetrics=False)
        return read_page(page.decode())

    def queries(self, server: str, sensor: str = "s1") -> float:
        return total(self.page(), "pano_dns_queries_total", server=server, sensor=sensor)


def strangers(number: int, of: int = 250) -> list[str]:
    return [f"198.51.{n >> 8}.{n & 255}" for n in range(number, number + of)]


def test_ones_own_resolver_has_a_label_whoever_came_first() -> None:
    bridge = Resolver(Config(servers={"192.0.2.53": "ours"}))
    bridge.count(*strangers(0))
    bridge.count(*["192.0.2.53"] * 10_000)
    assert bridge.queries("ours") == 10_000
    assert bridge.queries("other") == 50
    assert total(bridge.page(), "pano_dns_queries_total") == bridge.sent


def test_a_busy_server_has_its_label_within_a_minute_whatever_came_before() -> None:
    bridge = Resolver(Config())
    bridge.count(*strangers(0))
    bridge.page()
    for _ in range(3):
        bridge.count(*["192.0.2.53"] * 100, *strangers(0, of=90))
        bridge.now += 20
        bridge.page()
    bridge.count(*["192.0.2.53"] * 100)
    assert bridge.queries("192.0.2.53") >= 100
    assert total(bridge.page(), "pano_dns_queries_total") == bridge.sent


def test_a_server_that_is_idle_for_an_hour_gives_its_label_back_and_no_count_is_lost() -> None:
    bridge = Resolver(Config(limits=Limits(servers=2)))
    bridge.count("10.0.0.1", "10.0.0.2")
    last: Page = {}
    added = 0.0
    for minute in range(120):
        bridge.now += 60
        bridge.count("10.0.0.2")
        if minute > 90:
            bridge.count("10.0.0.1")
        page = bridge.page()
        added += sum(
            value - last.get(key, 0.0)
            for key, value in page.items()
            if key[0] == "pano_dns_queries_total" and minute
        )
        last = page
        if minute == 80:
            assert bridge.queries("10.0.0.1") == 0
    assert added == bridge.sent - 3


def test_one_sensor_cannot_take_anothers_labels() -> None:
    bridge = Resolver(Config(limits=Limits(servers=100, groups=100)))
    for round_ in range(5):
        bridge.count(*strangers(100 * round_, of=100), sensor="busy")
        bridge.now += 30
        bridge.page()
    bridge.count(*[f"10.0.0.{n}" for n in range(20)], sensor="quiet")
    assert bridge.queries("10.0.0.19", sensor="quiet") == 1
    assert total(bridge.page(), "pano_dns_queries_total") == bridge.sent


def test_who_wants_a_place_waits_until_scrapers_have_seen_its_last_counts() -> None:
    bridge = Resolver(Config(limits=Limits(servers=100, groups=60)))
    bridge.count(*strangers(0, of=60), sensor="first")
    for n in range(20):
        bridge.count(*strangers(100 * n, of=3), sensor=f"later-{n}")
    assert total(bridge.page(), "pano_dns_queries_total") == bridge.sent
    bridge.now += 90
    bridge.page()
    bridge.count(*strangers(9000, of=3), sensor="later-19")
    assert bridge.queries("other", sensor="later-19") < 6


def test_servers_without_a_name_can_be_folded() -> None:
    bridge = Resolver(Config(servers={"192.0.2.53": "ours"}, limits=Limits(other_servers="fold")))
    bridge.count("192.0.2.53", "10.0.0.1", "10.0.0.2")
    assert bridge.queries("ours") == 1
    assert bridge.queries("other") == 2


def test_an_attack_after_a_month_is_on_top_within_a_minute() -> None:
    bridge = Resolver(Config())
    daily = lines(*(record(n, query=f"www{n}.daily{n % 20}.org") for n in range(200)))
    attack = lines(
        *(
            record(n, query=f"x{n}.attack.example", rcode=3, id__orig_h="192.0.2.66")
            for n in range(400)
        )
    )
    for _ in range(30 * 4):
        bridge.counting.apply("log:t", Batch("dns", daily))
        bridge.now += 6 * 3600
        bridge.pages.checkpoint()
    before = bridge.page()
    bridge.counting.apply("log:t", Batch("dns", daily + attack))
    bridge.now += 60
    page = bridge.page()

    def increase(name: str) -> tuple[float, str]:
        """Tell what grew most, and by how much: what topk() of a rate shows."""
        grown = [
            (value - before.get(key, 0.0), next(iter(key[1]))[1])
            for key, value in page.items()
            if key[0] == name
        ]
        return max(grown)

    for kind in ("queries", "nxdomain"):
        assert increase(f"pano_dns_top_{kind}_total") == (400, "attack.example")
    assert increase("pano_dns_top_client_nxdomain_total") == (400, "192.0.2.66")
