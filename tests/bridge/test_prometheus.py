"""What real Prometheus servers have in the end, whoever looks and whatever dies.

Two servers scrape one bridge from two addresses, every second and every five; somebody uses curl, a
probe asks for health; the bridge is restarted again and again, by SIGTERM and SIGKILL in turn,
while the log is rotated; one Prometheus is restarted, once so that it refuses every page.
RESTARTS sets how often (docs/bridge.md has a long run).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.bridge.living import Living, wait_until
from tests.bridge.prometheus import Prometheus, Series, increase, resets
from tests.bridge.records import lines, record, total
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RESTARTS = int(os.environ.get("RESTARTS", "6"))
BURST = 10_000
COUNTERS = '{__name__=~"pano_(dns_|bridge_records|bridge_lost).*(_total|_count|_bucket)"}'


class Writer:
    """Writes a log of many servers, names and outcomes, rare ones among them."""

    def __init__(self, log: Path, draw: random.Random) -> None:
        """Begin with an empty log."""
        self._log = log
        self._draw = draw
        self._file = log.open("ab", buffering=0)
        self._rotated = 0
        self.written = 0

    def write(self, count: int, **fields: object) -> None:
        self._file.write(lines(*(self._record(**fields) for _ in range(count))))
        self.written += count

    def rotate(self) -> None:
        self._rotated += 1
        self._log.rename(self._log.with_name(f"dns.log.{self._rotated:03}"))
        self._file.close()
        self._file = self._log.open("ab", buffering=0)

    def _record(self, **fields: object) -> dict[str, object]:
        draw = self._draw
        made: dict[str, object] = {
            "rcode": draw.choices((0, 3, 2, 5), (100, 20, 1, 1))[0],
            "qtype": draw.choices((1, 28, 16, 257), (100, 50, 2, 1))[0],
            "id__resp_h": f"10.0.0.{int(draw.paretovariate(1)) % 40}",
            "query": f"host.example{int(draw.paretovariate(1)) % 60}.org",
            "rtt": draw.expovariate(100),
        }
        if draw.random() < 0.01:
            made |= {"outcome": "timeout", "rcode": None, "rtt": None, "reply_bytes": None}
        return record(self.written, **(made | fields))


def test_every_prometheus_has_every_record(tmp_path: Path, require: Callable[[str], str]) -> None:
    draw = random.Random(5)  # noqa: S311 - the same each time
    program, curl = require("prometheus"), require("curl")
    port = free_port()
    often = Prometheus(program, tmp_path / "often", [f"127.0.0.1:{port}"], 1)
    seldom = Prometheus(program, tmp_path / "seldom", [f"[::1]:{port}"], 5)
    (tmp_path / "logs").mkdir()
    writer = Writer(tmp_path / "logs" / "dns.log", draw)
    source = f"log:{tmp_path / 'logs' / 'dns.log'}?from=beginning"
    arguments = ["--source", source, "--state-dir", str(tmp_path / "state")]
    arguments += ["--listen", f"[::]:{port}"]

    def write_for(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            writer.write(draw.randrange(200))
            time.sleep(draw.random() * 0.05)
            for path in ("/metrics", "/-/healthy"):
                url = f"http://127.0.0.1:{port}{path}"
                subprocess.run([curl, "-s", "-o", "/dev/null", url], check=False)

    bridge = Living(tmp_path, *arguments)
    try:
        often.start()
        seldom.start()
        for life in range(RESTARTS):
            write_for(draw.uniform(0.5, 2))
            bridge.process.send_signal((signal.SIGTERM, signal.SIGKILL)[life % 2])
            bridge.process.wait(30)
            write_for(draw.uniform(0, 0.5))
            bridge = Living(tmp_path, *arguments)
            if life % 3 == 1:
                writer.rotate()
            if life == RESTARTS // 2:
                writer.write(BURST, id__resp_h="10.9.9.9", rcode=2, outcome="answered", rtt=0.5)
            if life == RESTARTS // 4:
                often.stop()
                often.start(limit=5)
            if life == RESTARTS // 4 + 1:
                often.stop()
                often.start()
        page = settle(bridge, (often, seldom), writer)
        for prometheus in (often, seldom):
            compare(prometheus, page, writer)
        assert bridge.end() == 0
    finally:
        bridge.kill()
        often.stop()
        seldom.stop()
    print(f"{RESTARTS} restarts: {writer.written} written, as many in each Prometheus")


def settle(bridge: Living, servers: tuple[Prometheus, ...], writer: Writer) -> dict[Series, float]:
    """Wait until all is counted, and both have scraped it twice."""

    def counted() -> float:
        return total(bridge.page(), "pano_bridge_records_total", result="counted")

    wait_until(lambda: counted() == writer.written, "all is counted")
    page = bridge.page()
    selector = 'pano_bridge_records_total{result="counted"}'
    for prometheus in servers:
        scraped = sum(len(samples) for samples in prometheus.raw("up").values())
        wait_until(
            lambda prometheus=prometheus, scraped=scraped: (  # type: ignore[misc]
                sum(len(samples) for samples in prometheus.raw("up").values()) >= scraped + 3
                and max(map(max, prometheus.raw(selector).values())) == writer.written
            ),
            "all is scraped",
        )
    return page


def compare(prometheus: Prometheus, page: dict[Series, float], writer: Writer) -> None:
    """Compare what the raw samples add up to with the page, series by series."""
    raw = prometheus.raw(COUNTERS)
    added = {series: increase(samples) for series, samples in raw.items()}
    wrong = {
        series: (added.get(series), value)
        for series, value in page.items()
        if series[0].startswith(("pano_dns_", "pano_bridge_records"))
        and series[0].endswith(("_total", "_count", "_bucket"))
        and added.get(series) != pytest.approx(value, rel=1e-12)  # rounding
    }
    assert not wrong
    assert sum(v for (name, _), v in added.items() if name == "pano_dns_queries_total") == (
        writer.written
    )
    burst = {("server", "10.9.9.9"), ("rcode", "SERVFAIL")}
    born = [
        v for (name, labels), v in added.items() if name.endswith("es_total") and burst <= labels
    ]
    assert sum(born) == BURST
    top = "pano_dns_top_"
    assert not [s for s, v in raw.items() if resets(v) and not s[0].startswith(top)]
