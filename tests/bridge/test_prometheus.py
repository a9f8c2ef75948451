"""What a real Prometheus has in the end, over kills of the bridge and a time without Prometheus.

`increase()` extrapolates to the edges of its window, so it is close, not exact. Exact is the sum
over the raw samples: what each adds to the one before, or all of it after a reset.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.bridge.living import Living, wait_until
from tests.bridge.test_faults import Writer
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - {{job_name: bridge, static_configs: [{{targets: ["{target}"]}}]}}
"""
KILLS = 2


class Prometheus:
    """Debian's Prometheus, with its data in a folder."""

    def __init__(self, program: str, folder: Path, target: str) -> None:
        """Prepare to scrape `target` twice a second."""
        (folder / "prometheus.yml").write_text(CONFIG.format(target=target))
        self._address = f"127.0.0.1:{free_port()}"
        self._command = [
            program,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address={self._address}",
            "--log.level=error",
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start it on its old data, and stop it in the end."""
        process = subprocess.Popen(self._command)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    def answers(self) -> bool:
        """Tell whether it serves yet."""
        try:
            return bool(self.samples())
        except OSError:
            return False

    def samples(self) -> list[float]:
        """Return every raw sample of the counter, in order."""
        text = 'pano_bridge_records_total{result="counted"}[1h]'
        query = urllib.parse.urlencode({"query": text})
        with urllib.request.urlopen(f"http://{self._address}/api/v1/query?{query}") as answer:
            series = json.load(answer)["data"]["result"]
        return [float(value) for _, value in series[0]["values"]] if series else []

    def total(self) -> float:
        """Add up what was counted, over resets."""
        samples = [0.0, *self.samples()]
        return sum(now - before if now >= before else now for before, now in pairwise(samples))


def test_prometheus_has_every_record(tmp_path: Path, require: Callable[[str], str]) -> None:
    draw = random.Random(5)  # noqa: S311 - the same each time
    listen = f"127.0.0.1:{free_port()}"
    prometheus = Prometheus(require("prometheus"), tmp_path, listen)
    (tmp_path / "logs").mkdir()
    writer = Writer(tmp_path / "logs" / "dns.log", draw)
    arguments = ["--source", f"log:{writer.log}", "--state-dir", str(tmp_path / "state")]

    def write(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            writer.write()
            time.sleep(draw.random() * 0.02)

    bridge = Living(tmp_path, *arguments, "--listen", listen)
    try:
        for life in range(KILLS):
            with prometheus.running():
                write(draw.uniform(1, 2))
                bridge.kill()
                write(draw.uniform(0, 0.5))
                bridge = Living(tmp_path, *arguments, "--listen", listen)
                write(draw.uniform(0, 1))
            write(draw.uniform(0, 0.5))  # nobody scrapes
            if life % 2:
                writer.rename()
        with prometheus.running():
            wait_until(prometheus.answers, "Prometheus answers")
            wait_until(lambda: prometheus.total() >= writer.written, "Prometheus has all")
            total, doubled = prometheus.total(), prometheus.total() - writer.written
        assert bridge.end() == 0
    finally:
        bridge.kill()
    # Only a kill between an answered scrape and its commit counts a scrape's records twice.
    assert 0 <= doubled < writer.written / KILLS
    print(f"{KILLS} kills: {writer.written} written, {total:.0f} in Prometheus")
