"""The recorded logs are what the scripts write, and what tshark and dnsperf saw."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def records(data: Path) -> list[dict[str, Any]]:
    lines = gzip.decompress((data / "dns.log.gz").read_bytes()).splitlines()
    return [json.loads(line) for line in lines]


def test_scripts_still_write_the_recorded_logs(
    data: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    require("zeek")
    subprocess.run([sys.executable, "-m", "tests.data.remake", str(tmp_path)], cwd=ROOT, check=True)
    again = gzip.decompress((tmp_path / "dns.log.gz").read_bytes())
    recorded = gzip.decompress((data / "dns.log.gz").read_bytes())
    assert again == recorded, "run: python -m tests.data.remake"
    assert (tmp_path / "pano_stats.log").read_text() == (data / "pano_stats.log").read_text()


def fields(capture: Path, tshark: str, *names: str) -> list[list[str]]:
    """Return the values of each named field over all frames of a capture, in their order."""
    chosen = [option for name in names for option in ("-e", name)]
    command = [tshark, "-r", str(capture), "-Y", "dns", "-T", "fields", *chosen]
    done = subprocess.run(
        [*command, "-E", "occurrence=a"], capture_output=True, text=True, check=True
    )
    columns: list[list[str]] = [[] for _ in names]
    for line in done.stdout.splitlines():
        for column, cell in zip(columns, line.split("\t"), strict=True):
            column.extend(cell.split(",") if cell else [])
    return columns


def test_records_agree_with_tshark(
    records: list[dict[str, Any]], data: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    response, times = fields(capture, require("tshark"), "dns.flags.response", "dns.time")
    outcomes = Counter(record["outcome"] for record in records)
    directions = Counter(flag in {"1", "True"} for flag in response)
    assert outcomes == {
        "answered": directions[True],
        "timeout": directions[False] - directions[True],
    }
    ours = sorted(record["rtt"] for record in records if "rtt" in record)
    assert ours == pytest.approx(sorted(map(float, times)), abs=1e-6)
