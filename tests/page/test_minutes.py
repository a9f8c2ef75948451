"""What the page is told, from looks with known counts."""

from __future__ import annotations

from collections import Counter

import pytest

from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.config import Config, Page
from pano_glue.page.look import Look, Totals, plain, take
from pano_glue.page.minutes import Minutes, quantile
from pano_glue.page.recent import Failure, Failures
from pano_glue.protocols.dns.metrics import RTT_BOUNDS
from pano_glue.sources import Batch
from tests.bridge.records import lines, record

FAILURE = Failure(1.0, "C1", 7, "192.0.2.9", "192.0.2.53", "secret.example", 1, 2, "answered")


def look(time: float, queries: int, servfail: int = 0, **more: int) -> Look:
    totals = Totals(queries, 0, 0, 0, Counter(NOERROR=queries - servfail, SERVFAIL=servfail), ())
    tops: dict[str, dict[str, float]] = {
        "domains": {"a.example": queries},
        "nxdomain": {},
        "failing": {},
        "clients": {"c": 1},
    }
    rest = {"counted": queries, "written": queries, "dropped": 0, "lost": 0} | more
    return Look(time, totals, {"ns1": totals}, tops, **rest)


def test_rates_are_of_what_came_between_two_looks() -> None:
    minutes = Minutes([], Page())
    for at, queries, servfail in ((100.0, 5000, 100), (105.0, 5500, 100), (115.0, 5600, 150)):
        minutes.add(look(at, queries, servfail))
    told = minutes.told([])
    assert told["points"]["queries"] == [100, 10]
    assert told["points"]["servfail"] == [0, 0.5]
    assert told["points"]["success"] == [1, 0.5]
    assert told["servers"][0]["queries"] == pytest.approx(600 / 15)
    assert told["tops"]["domains"] == [("a.example", pytest.approx(600 / 15))]


def test_a_quarter_of_an_hour_is_kept_and_a_minute_of_servers() -> None:
    minutes = Minutes([], Page())
    for n in range(1000):
        minutes.add(look(n * 5.0, n * 50))
    told = minutes.told([])
    assert len(told["points"]["time"]) == 181
    assert told["servers"][0]["queries"] == 10


def test_a_server_that_is_new_or_gone_is_no_error() -> None:
    minutes = Minutes([], Page())
    minutes.add(look(0.0, 10)._replace(servers={}))
    minutes.add(look(5.0, 20))
    assert minutes.told([])["servers"][0]["queries"] == 4


def test_names_and_clients_can_be_hidden() -> None:
    minutes = Minutes([], Page(names=False, clients=False))
    minutes.add(look(0.0, 0))
    minutes.add(look(5.0, 9))
    told = minutes.told([FAILURE])
    assert "secret.example" not in str(told)
    assert "192.0.2.9" not in str(told)
    assert "a.example" not in str(told)
    assert told["tops"] == {}


def test_what_is_missing_counts_from_the_first_look() -> None:
    minutes = Minutes([], Page())
    minutes.add(look(0.0, 1000, written=5000, dropped=7, lost=3))
    minutes.add(look(5.0, 1100, written=5200, dropped=9, lost=4))
    missing = minutes.told([])["missing"]
    assert missing == {"told": True, "records": 100, "packets": 2, "batches": 1}


def test_quantiles_are_prometheuss() -> None:
    # histogram_quantile(0.5, …) of 1, 3, 0 in le 1, 2, +Inf: rank 2 is a third into (1, 2].
    assert quantile([1.0, 2.0], [1, 3, 0], 0.5) == pytest.approx(1 + 1 / 3)
    assert quantile([1.0, 2.0], [0, 0, 4], 0.5) == 2.0
    assert quantile([1.0, 2.0], [0, 0, 0], 0.5) is None
    assert quantile([1.0, 2.0], [], 0.5) is None


def test_the_ring_of_failures_is_bounded_and_newest_first() -> None:
    counting = Counting(Config())
    kept = counting.protocols["dns"].failures  # type: ignore[attr-defined]
    assert isinstance(kept, Failures)
    for n in range(200):
        fields = {"rcode": (0, 3, 2)[n % 3], "query": f"n{n}"}
        counting.apply("s", Batch("dns", lines(record(n, **fields)), None))
        counting.protocols["dns"].settle()
    assert [failure.query for failure in kept.newest()[:2]] == ["n197", "n194"]
    assert len(kept.newest()) == 50


def test_a_look_sums_what_was_counted() -> None:
    counting = Counting(Config())
    pages = Pages(counting, None)
    name = 'quo"te\\n'
    batch = lines(
        record(1), record(2, outcome="timeout", rcode=None, rtt=None), record(3, query=name)
    )
    counting.apply("s", Batch("dns", batch, None))
    pages.checkpoint()
    durable = pages.durable()
    seen = take(durable.time, {metric.name: state for metric, state in durable.snapshot.metrics})
    assert (seen.all.queries, seen.all.timeouts, seen.counted) == (3, 1, 3)
    assert sum(seen.all.rtt) == 2
    assert len(seen.all.rtt) == len(RTT_BOUNDS) + 1


@pytest.mark.parametrize(
    ("escaped", "value"), [("a", "a"), ('\\"', '"'), ("\\\\n", "\\n"), ("\\n", "\n")]
)
def test_an_escaped_label_is_plain_again(escaped: str, value: str) -> None:
    assert plain(escaped) == value
