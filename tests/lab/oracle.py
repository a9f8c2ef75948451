"""What a Prometheus has stored, asked of its raw samples by another Prometheus on its data."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.lab.live import wait_until
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path


class Series:
    """The raw samples of one series, in order."""

    def __init__(self, labels: dict[str, str], values: list[float]) -> None:
        """Keep what Prometheus answered."""
        self.labels = labels
        self.values = values

    def increase(self) -> float:
        """Add up what each sample adds to the one before; a first one that is not 0 adds itself."""
        return sum(
            now - before if now >= before else now for before, now in pairwise([0.0, *self.values])
        )

    def resets(self) -> int:
        """Count the samples that are smaller than the one before."""
        return sum(now < before for before, now in pairwise(self.values))


def ask(address: str, selector: str) -> list[Series]:
    """Ask a running Prometheus for all samples of the last hour."""
    url = f"http://{address}/api/v1/query?{urlencode({'query': f'{selector}[1h]'})}"
    with urlopen(url, timeout=30) as answer:
        rows = json.load(answer)["data"]["result"]
    return [Series(row["metric"], [float(v) for _, v in row["values"]]) for row in rows]


def total(series: list[Series]) -> int:
    """Add up the increases."""
    return round(sum(one.increase() for one in series))


def stored(folder: Path, *selectors: str) -> list[list[Series]]:
    """Ask the data that the Prometheus of an `up` left below `folder`."""
    config = folder / "oracle.yml"
    config.write_text("{}")
    address = f"127.0.0.1:{free_port()}"
    argv = ["prometheus", f"--config.file={config}", f"--web.listen-address={address}"]
    argv += [f"--storage.tsdb.path={folder / 'prometheus'}"]
    with (
        (folder / "oracle.log").open("wb") as log,
        subprocess.Popen(argv, stdout=log, stderr=log) as process,
    ):

        def ready() -> bool:
            assert process.poll() is None, (folder / "oracle.log").read_text()
            try:
                with urlopen(f"http://{address}/-/ready", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        try:
            wait_until(ready, 60, "the oracle is ready")
            return [ask(address, selector) for selector in selectors]
        finally:
            process.terminate()
