"""A real Prometheus, and what its raw samples add up to."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.bridge.living import wait_until
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}
scrape_configs:
  - job_name: bridge
    sample_limit: {limit}
    static_configs: [{{targets: {targets}}}]
"""
Series = tuple[str, frozenset[tuple[str, str]]]
ADDED = {"__name__", "instance", "job"}  # labels that are not the page's


class Prometheus:
    """Debian's Prometheus, with its data in a folder that outlives it."""

    def __init__(self, program: str, folder: Path, targets: list[str], interval: int) -> None:
        """Prepare to scrape `targets` every `interval` seconds."""
        self._folder = folder
        self.targets = targets
        self._interval = interval
        folder.mkdir()
        self.address = f"127.0.0.1:{free_port()}"
        self._command = [
            program,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address={self.address}",
            "--log.level=error",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, limit: int = 0) -> None:
        """Start on the old data; pages of more than `limit` samples are refused (0: none)."""
        (self._folder / "prometheus.yml").write_text(
            CONFIG.format(targets=json.dumps(self.targets), interval=self._interval, limit=limit)
        )
        self._process = subprocess.Popen(self._command)
        wait_until(self._answers, "Prometheus answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def raw(self, selector: str) -> dict[Series, list[float]]:
        """Give every raw sample of the last hour, in order, by series."""
        query = urllib.parse.urlencode({"query": f"{selector}[1h]"})
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{query}") as answer:
            found = json.load(answer)["data"]["result"]
        raw: dict[Series, list[float]] = {}
        for series in found:
            labels = series["metric"]
            own = frozenset((k, v) for k, v in labels.items() if k not in ADDED)
            raw[labels["__name__"], own] = [float(value) for _, value in series["values"]]
        return raw

    def _answers(self) -> bool:
        try:
            self.raw("up")
        except OSError:
            return False
        return True


def increase(samples: list[float]) -> float:
    """Add up what each sample adds to the one before, or all of it after a reset.

    As `increase()` does but for its extrapolation; nothing is added before the first sample.
    """
    return sum(now - before if now >= before else now for before, now in pairwise(samples))


def resets(samples: list[float]) -> int:
    return sum(now < before for before, now in pairwise(samples))
