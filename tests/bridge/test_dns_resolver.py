"""Both legs of a resolver: roles, cache, upstream; and what clients ask in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config, Local, Search
from pano_glue.metrics.metric import Birth
from pano_glue.protocols.dns.columns import DnsColumns
from pano_glue.protocols.dns.record import LOGS, DnsRecord, DnsRow
from pano_glue.protocols.dns.upstream import Spans
from pano_glue.protocols.lines import LineDecoder
from pano_glue.sources import Batch
from tests.bridge.records import Page, lines, read_page, record, total

if TYPE_CHECKING:
    from pathlib import Path

RESOLVER, STUB, UPSTREAM = "192.0.2.53", "192.0.2.1", "198.51.100.7"
T = 1_700_000_000.0
OURS = Config(local=Local(["192.0.2.53"]))
QUERIES = "pano_dns_queries_total"
STATS = dict.fromkeys(
    (
        *("packets_received", "packets_dropped", "bytes_received", "dns_queries", "dns_responses"),
        *("answered", "timeouts", "late", "orphans", "retransmits", "duplicate_replies"),
        *("other_opcodes", "malformed", "pending", "records_logged"),
    ),
    0,
)


def stats(**fields: object) -> bytes:
    return lines({"ts": T, "sensor": "s1"} | STATS | fields)


def asked(at: float, name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a query of the stub to the resolver."""
    return record(ts=T + at, query=name, **({"id__orig_h": STUB, "id__resp_h": RESOLVER} | fields))


def forwarded(at: float, name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a query of the resolver to somebody."""
    ends: dict[str, Any] = {"id__orig_h": RESOLVER, "id__resp_h": UPSTREAM}
    return record(ts=T + at, query=name, **(ends | fields))


class Bridge:
    """Counting over any number of lives."""

    def __init__(self, folder: Path, config: Config = OURS) -> None:
        """Begin at zero."""
        self._folder, self._config = folder, config
        self.now = T
        self.restart()

    def restart(self) -> None:
        """Die after a checkpoint, and begin again."""
        self.counting = Counting(self._config, lambda: self.now)
        self.pages = Pages(self.counting, CheckpointFile(self._folder), clock=lambda: self.now)

    def count(self, *records: dict[str, Any]) -> None:
        self.counting.apply("log:t", Batch("dns", lines(*records)))

    def page(self) -> Page:
        """Look twice, so that what is new is past its 0."""
        for _ in range(2):
            page, _ = self.pages.page(Visit("t"), openmetrics=False)
        return read_page(page.decode())


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    return Bridge(tmp_path)


def roles(page: Page) -> list[float]:
    return [total(page, QUERIES, role=role) for role in ("inbound", "outbound", "transit")]


PASSING = record(id__orig_h="203.0.113.1", id__resp_h="203.0.113.2")


def test_a_role_is_told_by_local_networks(bridge: Bridge) -> None:
    loopback = record(id__orig_h="127.0.0.1", id__resp_h="127.0.0.53")
    bridge.count(asked(0, "a.org"), loopback, forwarded(0, "a.org"), PASSING)
    assert roles(bridge.page()) == [2, 1, 1]


def test_clients_of_one_server_may_have_different_roles(bridge: Bridge) -> None:
    bridge.count(forwarded(0, "a.org"), record(id__orig_h=STUB, id__resp_h=UPSTREAM))
    assert roles(bridge.page()) == [0, 1, 1]


@pytest.mark.parametrize("addresses", [[RESOLVER, "2001:db8::53"], None])
def test_without_networks_a_sensor_tells_its_own_addresses(
    tmp_path: Path, addresses: list[str] | None
) -> None:
    bridge = Bridge(tmp_path, Config())
    row = stats() if addresses is None else stats(addresses=addresses)
    bridge.counting.apply("log:s", Batch("pano_stats", row))
    six = record(id__orig_h="2001:db8::1", id__resp_h="2001:db8::53")
    other = asked(0, "a.org", sensor="s2")
    bridge.count(asked(0, "a.org"), six, forwarded(0, "a.org"), PASSING, other)
    assert roles(bridge.page()) == ([2, 1, 2] if addresses else [0, 0, 5])
    bridge.restart()
    bridge.count(asked(1, "a.org"))
    assert roles(bridge.page())[0] == (3 if addresses else 0)


def answers(page: Page) -> tuple[float, float]:
    name = "pano_dns_cache_answers_total"
    return total(page, name, result="hit"), total(page, name, result="miss")


def test_hits_and_misses_by_what_was_asked_meanwhile(bridge: Bridge) -> None:
    bridge.count(
        forwarded(0.001, "a.org", rtt=0.02),
        asked(0, "a.org", rtt=0.025),
        asked(0.5, "a.org", rtt=0.0001),  # after it: out of the cache
        asked(0.5, "a.org", rtt=0.0001, qtype=28),
        asked(0.6, "a.org", rtt=0.0001, RA=False),  # whoever offers no recursion has no cache
        record(ts=T, query="a.org", id__resp_h=UPSTREAM),  # passing by
    )
    page = bridge.page()
    assert answers(page) == (2, 1)
    assert total(page, "pano_dns_upstream_seconds_sum") == pytest.approx(0.02, abs=1e-6)
    own = "pano_dns_resolver_seconds_sum"
    assert total(page, own, result="miss") == pytest.approx(0.005, abs=1e-6)
    assert total(page, own, result="hit") == pytest.approx(0.0002, abs=1e-6)


def test_tries_that_overlap_are_not_added_up(bridge: Bridge) -> None:
    bridge.count(
        forwarded(0.1, "a.org", rtt=0.3),
        forwarded(0.2, "a.org", rtt=0.3, id__resp_h="198.51.100.8"),
        forwarded(0.7, "a.org", rtt=0.1),
        asked(0, "a.org", rtt=0.9),
    )
    page = bridge.page()
    assert total(page, "pano_dns_upstream_seconds_sum") == pytest.approx(0.5, abs=1e-5)


def test_who_joins_a_query_in_flight_misses_too(bridge: Bridge) -> None:
    bridge.count(forwarded(0, "a.org", rtt=0.1), asked(0, "a.org", rtt=0.11))
    bridge.count(asked(0.06, "a.org", rtt=0.05))
    page = bridge.page()
    assert answers(page) == (0, 2)
    assert total(page, "pano_dns_upstream_seconds_sum") == pytest.approx(0.14, abs=1e-5)


def test_a_prefetch_is_no_miss_whatever_the_batches_are(tmp_path: Path) -> None:
    for together in (True, False):
        bridge = Bridge(tmp_path / str(together))
        (tmp_path / str(together)).mkdir()
        bridge.count(forwarded(-1, "b.org"))
        records = [asked(0, "a.org", rtt=0.0002), forwarded(0.0001, "a.org", rtt=0.02)]
        for batch in (records,) if together else [[each] for each in records]:
            bridge.count(*batch)
        assert answers(bridge.page()) == (1, 0)


def test_a_server_that_asks_nobody_has_no_cache(bridge: Bridge) -> None:
    bridge.count(asked(0, "a.org"), asked(1, "a.org"))
    assert answers(bridge.page()) == (0, 0)


def test_nobody_answers_upstream(bridge: Bridge) -> None:
    unanswered = {"outcome": "timeout", "rcode": None, "rtt": None}
    bridge.count(forwarded(0.1, "a.org", **unanswered), asked(0, "a.org", rtt=6.0, rcode=2))
    page = bridge.page()
    assert answers(page) == (0, 1)
    assert total(page, "pano_dns_upstream_seconds_sum") == pytest.approx(5.0, abs=1e-5)


def test_a_checkpoint_keeps_what_is_in_flight(bridge: Bridge) -> None:
    bridge.count(forwarded(0.1, "a.org", rtt=0.3))
    bridge.pages.checkpoint()
    bridge.restart()
    bridge.count(asked(0, "a.org", rtt=0.5))
    assert answers(bridge.page()) == (0, 1)


def test_what_is_in_flight_is_bounded() -> None:
    spans, decoder = Spans(), LineDecoder(LOGS, DnsRecord, DnsRow)

    def ask(sensor: str, *records: dict[str, Any]) -> None:
        columns = DnsColumns(*decoder.decode(lines(*records)).columns)
        spans.add(sensor, columns, range(len(records)))

    for start in range(0, 18_000, 1000):
        batch = [forwarded(0, f"n{n}.org") for n in range(start, start + 1000)]
        ask(f"s{start}", *batch)
        spans.forget()
    state = spans.freeze(Birth(1, 0.0))
    assert sum(map(len, state.asked.values())) <= 17_000
    ask("s1", forwarded(60, "late.org"))
    spans.forget()
    assert [list(names) for names in spans.freeze(Birth(1, 0.0)).asked.values() if names] == [
        ["late.org"]
    ]


ANSWER = {"answers": ["192.0.2.80"], "TTLs": [300.0, 60.0]}


def wasted(page: Page) -> dict[str, float]:
    reasons = ("search", "pair", "repeat")
    return {r: total(page, "pano_dns_wasted_queries_total", reason=r) for r in reasons}


def test_a_repeat_is_asked_while_the_answer_may_be_cached(bridge: Bridge) -> None:
    bridge.count(asked(0, "a.org", **ANSWER), asked(59, "a.org", **ANSWER))
    bridge.count(
        asked(30, "a.org", id__orig_h="192.0.2.2", **ANSWER),
        asked(30, "a.org", qtype=28, **ANSWER),
        asked(30, "a.org", sensor="s2", **ANSWER),
        asked(61, "a.org", **ANSWER),  # the least of its TTLs is over
        asked(62, "a.org", outcome="timeout", rcode=None, rtt=None),
    )
    assert wasted(bridge.page()) == {"search": 0, "pair": 0, "repeat": 2}


@pytest.mark.parametrize("empty", [28, 1])
@pytest.mark.parametrize("first", [True, False])
def test_a_pair_of_which_one_has_no_data(bridge: Bridge, empty: int, *, first: bool) -> None:
    full = asked(0.01, "a.org", qtype=29 - empty, **ANSWER)
    nodata = asked(0, "a.org", qtype=empty)
    bridge.count(*([nodata, full] if first else [full, nodata]))
    bridge.count(asked(0, "b.org", qtype=28), asked(0, "c.org", qtype=16))
    bridge.count(asked(0, "d.org", qtype=28, RA=False), asked(1, "d.org", **ANSWER))
    assert wasted(bridge.page()) == {"search": 0, "pair": 1, "repeat": 0}


def test_search_suffixes_are_told(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path, Config(search=Search(["Corp.example.", "lan"])))
    names = ["a.org.corp.example", "b.lan", "notcorp.example", "lan", "c.org"]
    bridge.count(*(asked(0, name, rcode=3) for name in names), asked(0, "d.lan"))
    assert wasted(bridge.page()) == {"search": 2, "pair": 0, "repeat": 0}


def test_search_suffixes_are_learnt_and_kept(bridge: Bridge) -> None:
    def ask(name: str, client: str, at: float) -> None:
        for suffix in ("ns.svc.local", "svc.local"):
            bridge.count(asked(at, f"{name}.{suffix}", rcode=3, id__orig_h=client))
        bridge.count(asked(at + 0.1, name, id__orig_h=client, **ANSWER))

    for n in range(5):  # one client alone may be asking a blocklist
        ask(f"n{n}.org", "192.0.2.8", n)
    ask("late.org", "192.0.2.9", 100)
    assert wasted(bridge.page())["search"] == 0
    for n in range(3):
        ask(f"m{n}.org", "192.0.2.9", 200 + n)
    before = wasted(bridge.page())["search"]
    bridge.restart()
    ask("after.org", "192.0.2.10", 300)
    assert wasted(bridge.page())["search"] == before + 2


def test_repeats_of_more_clients_than_are_remembered_are_estimated(bridge: Bridge) -> None:
    def ask(client: int) -> dict[str, Any]:
        return asked(0, "a.org", id__orig_h=f"10.0.{client >> 8}.{client & 255}", **ANSWER)

    for start in range(0, 10_000, 1000):
        bridge.count(*(ask(start + n // 2) for n in range(2000)))
    assert wasted(bridge.page())["repeat"] == pytest.approx(10_000, rel=0.1)


def test_flags_of_queries_and_responses(bridge: Bridge) -> None:
    timeout = {"outcome": "timeout", "rcode": None, "rtt": None, "reply_bytes": None}
    bridge.count(
        asked(0, "a.org", AD=True, TC=True),
        asked(0, "b.org", CD=True, DO=True, ecs="198.51.100.0/24"),
        asked(0, "c.org", DO=True, **timeout),
        asked(0, "d.org", AD=True, CD=True, outcome="late"),
    )
    page = bridge.page()
    flags = ("truncated", "authenticated", "unchecked", "dnssec_ok", "ecs")
    assert [total(page, f"pano_dns_{flag}_total") for flag in flags] == [1, 2, 1, 2, 1]


def test_nodata_is_no_error_without_an_answer_from_who_should_know(bridge: Bridge) -> None:
    nodata = "pano_dns_nodata_total"
    bridge.count(asked(0, "a.org"))  # perhaps this sensor never tells answers
    assert (nodata, frozenset()) not in bridge.page()
    bridge.count(
        asked(1, "b.org", **ANSWER),
        asked(1, "c.org", rcode=3),
        asked(1, "d.org", TC=True),
        asked(1, "e.org", RA=False),  # a referral
        asked(1, "f.org", RA=False, AA=True),
        asked(1, "g.org", qtype=28),
        asked(1, "h.org", opcode=4),
    )
    assert total(bridge.page(), nodata) == 2
    bridge.restart()
    bridge.count(asked(2, "i.org"))
    assert total(bridge.page(), nodata) == 3


def test_a_name_that_the_sensor_tells_is_the_servers_label(bridge: Bridge) -> None:
    bridge.count(asked(0, "a.org", server="ours"), asked(0, "b.org"))
    page = bridge.page()
    assert total(page, QUERIES, server="ours") == 1
    assert total(page, QUERIES, server=RESOLVER) == 1


def test_two_zeeks_of_one_name_are_told_apart(bridge: Bridge) -> None:
    def say(records: int, started: float, **fields: object) -> None:
        process = {"started": started, "pid": int(started), "memory_bytes": 1000, "lag": 0.5}
        row = stats(records_logged=records, **(process | fields))
        bridge.counting.apply("log:s", Batch("pano_stats", row))

    def zeeks(name: str) -> float:
        return total(bridge.page(), f"pano_zeek_{name}")

    say(100, 1.0, pending=3)
    say(150, 1.0)
    say(7, 2.0)  # a restart
    assert (zeeks("records_total"), zeeks("processes")) == (157, 1)
    for n in range(10):
        bridge.now += 10
        say(8 + n, 2.0, memory_bytes=500)
        say(1000 + n, 3.0, pending=1, lag=2.0)
    assert zeeks("records_total") == 150 + 17 + 1009
    assert (zeeks("processes"), zeeks("memory_bytes")) == (2, 1500)
    assert (zeeks("pending"), zeeks("lag_seconds"), zeeks("start_time_seconds")) == (1, 2, 3)
    bridge.restart()
    say(18, 2.0)
    say(5, 2.0)  # an old row
    assert zeeks("records_total") == 150 + 18 + 1009
    for _ in range(20):
        bridge.now += 10
        say(18, 2.0)
    assert (zeeks("processes"), zeeks("memory_bytes")) == (1, 1000)
