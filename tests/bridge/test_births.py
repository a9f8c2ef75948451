"""A new series is 0 to each scraper before its count appears, and never again after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Scrapers, Visit
from pano_glue.config import Config
from pano_glue.sources import Batch
from tests.bridge.records import lines, read_page, record, total

if TYPE_CHECKING:
    from pathlib import Path

QUERIES = "pano_dns_queries_total"
PROMETHEUS = Visit("192.0.2.7 Prometheus/3.0", periodic=True)
CURL = Visit("192.0.2.7 curl/8")


class Bridge:
    """Counting and pages over any number of lives, with a clock of our own."""

    def __init__(self, folder: Path) -> None:
        """Keep checkpoints in `folder`."""
        self._folder = folder
        self.now = 1_000_000.0
        self.restart()

    def restart(self) -> None:
        """Die, and begin again."""
        self.counting = Counting(Config(), lambda: self.now)
        file = CheckpointFile(self._folder)
        self.pages = Pages(self.counting, file, clock=lambda: self.now)
        self._connections: dict[str, int] = {}

    def count(self, number: int, **fields: object) -> None:
        batch = lines(*(record(n, **fields) for n in range(number)))
        self.counting.apply("log:t", Batch("dns", batch, self.now))

    def queries(self, visit: Visit, **labels: str) -> float:
        """Look, as a scraper that keeps its connection."""
        seen = self._connections.get(visit.scraper)
        page, self._connections[visit.scraper] = self.pages.page(
            visit._replace(seen=seen), openmetrics=False
        )
        return total(read_page(page.decode()), QUERIES, **labels)


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    return Bridge(tmp_path)


def test_a_first_burst_is_seen_whole(bridge: Bridge) -> None:
    bridge.count(10_000)
    assert bridge.queries(PROMETHEUS) == 0
    assert bridge.queries(PROMETHEUS) == 10_000
    bridge.count(5, id__resp_h="10.0.0.9")
    assert bridge.queries(PROMETHEUS) == 10_000
    assert bridge.queries(PROMETHEUS) == 10_005


def test_a_person_who_looks_sees_the_counts_and_takes_nothing_from_the_scraper(
    bridge: Bridge,
) -> None:
    bridge.queries(PROMETHEUS)
    bridge.count(10)
    assert bridge.queries(CURL) == 10
    assert bridge.queries(PROMETHEUS) == 0
    assert bridge.queries(PROMETHEUS) == 10


def test_no_zero_after_a_restart(bridge: Bridge) -> None:
    bridge.count(10)
    bridge.queries(PROMETHEUS)
    assert bridge.queries(PROMETHEUS) == 10
    bridge.restart()
    bridge.count(1)
    assert bridge.queries(PROMETHEUS) == 11


def test_a_bridge_has_one_name_in_all_its_lives(bridge: Bridge) -> None:
    bridge.count(1)
    bridge.pages.checkpoint()
    name = bridge.pages.instance
    bridge.restart()
    assert bridge.pages.instance == name != ""
    assert Pages(Counting(Config()), None).instance == ""


def test_a_zero_that_nobody_remembers_is_shown_again(bridge: Bridge) -> None:
    bridge.queries(PROMETHEUS)
    bridge.count(10)
    assert bridge.queries(PROMETHEUS) == 0
    bridge.restart()  # before anything else was put on disk
    assert bridge.queries(PROMETHEUS) == 0
    assert bridge.queries(PROMETHEUS) == 10


def test_what_was_born_before_a_kill_and_seen_by_nobody_is_born_for_them(bridge: Bridge) -> None:
    bridge.queries(PROMETHEUS)
    bridge.count(10)
    bridge.pages.checkpoint()
    bridge.restart()
    assert bridge.queries(PROMETHEUS) == 0
    assert bridge.queries(PROMETHEUS) == 10


def test_each_scraper_and_each_connection_has_its_own_zero(bridge: Bridge) -> None:
    other = Visit("192.0.2.8 Prometheus/3.0", periodic=True)
    bridge.queries(PROMETHEUS)
    bridge.queries(other)
    bridge.count(3)
    assert bridge.queries(PROMETHEUS) == 0
    assert bridge.queries(PROMETHEUS) == 3
    assert bridge.queries(other) == 0
    behind, number = bridge.pages.page(PROMETHEUS._replace(seen=1), openmetrics=False)
    assert number > 1
    assert total(read_page(behind.decode()), QUERIES) == 0


def test_a_page_that_was_given_up_on_was_not_seen(bridge: Bridge) -> None:
    bridge.queries(PROMETHEUS)
    bridge.count(10)
    assert bridge.queries(PROMETHEUS._replace(waiting=lambda: False)) == 0
    del bridge._connections[PROMETHEUS.scraper]  # noqa: SLF001 - it is closed
    assert bridge.queries(PROMETHEUS) == 0
    assert bridge.queries(PROMETHEUS) == 10


def test_a_scraper_that_comes_after_a_day_sees_the_counts(bridge: Bridge) -> None:
    bridge.queries(PROMETHEUS)
    bridge.count(10)
    for _ in range(3):
        bridge.now += 86_400
        bridge.count(1)
        bridge.pages.checkpoint()
    assert bridge.queries(PROMETHEUS) == 13
    newcomer = Visit("192.0.2.9 Prometheus/3.0", periodic=True)
    assert bridge.queries(newcomer) == 13


def test_scrapers_are_bounded_and_what_the_forgotten_saw_is_known() -> None:
    scrapers = Scrapers()
    for n in range(3000):
        scrapers.came(Visit(f"10.0.{n >> 8}.{n & 255} x"), n, float(n))
    state = scrapers.freeze(3000, 3000.0)
    assert len(state.seen) <= 1000
    assert state.forgotten == 3000 - len(state.seen) - 1


def test_an_idle_bridge_writes_nothing(bridge: Bridge) -> None:
    bridge.count(10)
    for _ in range(3):
        bridge.queries(PROMETHEUS)
    numbers = {bridge.pages.page(PROMETHEUS, openmetrics=False)[1] for _ in range(5)}
    assert len(numbers) == 1


def test_sensors_totals_add_up_over_their_restarts(bridge: Bridge) -> None:
    def stats(total_records: int) -> bytes:
        fields = "packets_received packets_dropped bytes_received dns_queries dns_responses"
        fields += " answered timeouts late orphans retransmits duplicate_replies other_opcodes"
        fields += " malformed pending"
        row = dict.fromkeys(fields.split(), 0) | {"records_logged": total_records}
        return lines({"ts": 1.0, "sensor": "s1", "packets_received": 0} | row)

    for records in (5, 9, 3, 4):
        bridge.counting.apply("log:s", Batch("pano_stats", stats(records)))
    page, _ = bridge.pages.page(CURL, openmetrics=False)
    assert total(read_page(page.decode()), "pano_zeek_records_total") == 9 + 4
