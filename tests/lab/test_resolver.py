"""A recursive resolver between clients and servers: PANO against what unbound counts itself."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config, Local
from pano_glue.lab.network import CACHE, CLIENT, FAST, OFFICE, SLOW, Network
from pano_glue.lab.recursive import Recursive
from pano_glue.lab.resolvers import start_resolver
from pano_glue.lab.workload import Tally, read_summary, wait_for_answers
from pano_glue.paths import find_zeek, shared_folder
from pano_glue.pipeline.process import Child
from pano_glue.sources import Batch
from tests.bridge.records import Page, read_page, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack
    from pathlib import Path

RATE, SECONDS = 400, 3
LINKS = (CLIENT, OFFICE, CACHE, FAST, SLOW)
CACHES = [CACHE.address4, CACHE.address6]
"""The clients' and the resolver's names and addresses."""


class Run:
    """One run of load: what unbound, dnsperf and PANO say."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        """Ask unbound from two subnets while tcpdump captures both of its legs."""
        self.folder = folder
        self.network = Network(folder, LINKS)
        undo.callback(self.network.close)
        for link in (FAST, SLOW):
            inside = self.network.inside(link.host)
            undo.callback(start_resolver(link.host, inside.enter, folder, limits=False).stop)
        forwards = {".": FAST.address4, "limited.test": SLOW.address4}
        self.unbound = Recursive(self.network.inside(CACHE.host), folder, forwards, ttl=1)
        undo.callback(self.unbound.child.stop)
        wait_for_answers(CACHE, self.network.inside(CLIENT.host), folder)
        before = self.unbound.stats()
        tap = self._tap()
        loads = [self._load(CLIENT.host, CACHE.address4), self._load(OFFICE.host, CACHE.address6)]
        self.dnsperf = [self._finish(load) for load in loads]
        after = self.unbound.stats()
        self.stats = {name: after[name] - before.get(name, 0.0) for name in after}
        self.recursions = (
            after["total.recursion.time.avg"] * after["total.num.recursivereplies"]
            - before["total.recursion.time.avg"] * before["total.num.recursivereplies"]
        ) / self.stats["total.num.recursivereplies"]
        tap.stop()
        self.page = self._page()

    def _tap(self) -> Child:
        argv = ["tcpdump", "-n", "-i", "eth0", "-B", "65536", "--immediate-mode", "-U"]
        argv += ["-w", str(self.folder / "both.pcap"), "port", "53"]
        tap = Child("tcpdump", self.network.inside(CACHE.host).enter(argv), self.folder)
        tap.wait_until(lambda: "listening on" in tap.output(), "word that tcpdump listens")
        return tap

    def _load(self, host: str, server: str) -> Child:
        kinds = ["host{n}.pano.test A", "host{n}.pano.test AAAA", "alias{n}.pano.test A"]
        kinds += ["gone{n}.pano.test A", "x{n}.limited.test A"]
        names = [kind.format(n=n % 20) for n in range(100) for kind in kinds]
        questions = self.folder / f"{host}.questions"
        questions.write_text("".join(f"{name}\n" for name in names))
        argv = ["dnsperf", "-s", server, "-d", str(questions), "-l", str(SECONDS), "-Q", str(RATE)]
        return Child(f"load-{host}", self.network.inside(host).enter(argv), self.folder)

    @staticmethod
    def _finish(load: Child) -> Tally:
        load.wait(SECONDS + 30)
        return read_summary("load", load.output())

    def _page(self) -> Page:
        zeek = [str(find_zeek()), "-b", str(shared_folder("zeek-scripts")), "-r", "both.pcap"]
        subprocess.run([*zeek, "PANO::sensor=cache"], cwd=self.folder, check=True)
        config = Config(
            local=Local(CACHES), clients={"198.18.1.0/24": "home", "2001:db8:5::/64": "office"}
        )
        counting = Counting(config)
        records = (self.folder / "dns.log").read_bytes()
        counting.apply("log:t", Batch("dns", records))
        self.records = [json.loads(line) for line in records.splitlines()]
        page, _ = Pages(counting, None).page(Visit("t"), openmetrics=False)
        return read_page(page.decode())


@pytest.fixture(scope="module")
def run(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run the load once."""
    from contextlib import ExitStack

    for program in ("unbound", "unbound-control", "nsd", "dnsperf", "tcpdump"):
        require(program)
    if find_zeek() is None:
        pytest.skip("zeek is not installed")
    with ExitStack() as undo:
        yield Run(tmp_path_factory.mktemp("resolver"), undo)


def test_roles_are_the_resolvers_two_legs(run: Run) -> None:
    inbound, outbound, transit = (
        total(run.page, "pano_dns_queries_total", role=role)
        for role in ("inbound", "outbound", "transit")
    )
    assert inbound == sum(tally.queries for tally in run.dnsperf)
    assert inbound == run.stats["total.num.queries"]
    assert outbound == len([r for r in run.records if r["id.orig_h"] in CACHES]) > 0
    assert transit == 0


def test_hits_and_misses_are_unbounds(run: Run) -> None:
    hits, misses = (
        total(run.page, "pano_dns_cache_answers_total", result=r) for r in ("hit", "miss")
    )
    theirs = run.stats["total.num.cachemiss"]
    assert hits + misses == theirs + run.stats["total.num.cachehits"]
    # unbound calls a query a miss, too, that joins the recursion of an earlier one.
    assert theirs * 0.75 <= misses <= theirs * 1.02
    assert min(hits, misses) > 100


def test_unbounds_recursion_time_lies_between_upstreams_and_all_of_it(run: Run) -> None:
    misses = total(run.page, "pano_dns_upstream_seconds_count")
    upstream = total(run.page, "pano_dns_upstream_seconds_sum") / misses
    own = total(run.page, "pano_dns_resolver_seconds_sum", result="miss") / misses
    # unbound's time begins when it reads a query; on the wire it has waited in the socket before.
    assert 0 < upstream <= run.recursions * 1.05
    assert upstream + own >= run.recursions * 0.95


def test_groups_add_up(run: Run) -> None:
    for group, tally in zip(("home", "office"), run.dnsperf, strict=True):
        assert total(run.page, "pano_dns_client_queries_total", group=group) == tally.queries
        failed = total(run.page, "pano_dns_client_failures_total", group=group, kind="nxdomain")
        assert failed == tally.rcodes["NXDOMAIN"] > 0
    inbound = total(run.page, "pano_dns_queries_total", role="inbound")
    assert inbound == sum(tally.queries for tally in run.dnsperf)
