"""Every capture analysed twice, by Zeek with our scripts and by tshark: the same times."""

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
PACKAGE = ROOT / "zeek-scripts"

SAME = [
    "header",
    "answers",
    "retransmits",
    "pipeline",
    "fragments",
    "questions",
    "truncated",
    "oneway",
    "flood",
    "unsummed",
]
DIFFERENT = {
    "ids": "tshark takes another question with the same id for a repetition",
    "late": "tshark pairs a reply with a query of any age",
    "transfer": "tshark times each message of a zone transfer",
    "broken": "tshark times NOTIFY and UPDATE too, which Zeek does not take apart",
    "backwards": "where the capture's clock ran backwards no time is known",
}


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    command = [sys.executable, "-m", "tests.data.captures", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture
def analyse(tmp_path: Path, require: Callable[[str], str]) -> Callable[[Path], list[Any]]:
    """Return a function that runs Zeek on a capture and returns the records."""

    def run(capture: Path) -> list[Any]:
        command = [require("zeek"), "-b", "-r", str(capture), str(PACKAGE)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return [json.loads(line) for line in (tmp_path / "dns.log").read_text().splitlines()]

    return run


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


def times(records: list[Any]) -> list[float]:
    return sorted(record["rtt"] for record in records if "rtt" in record)


@pytest.mark.parametrize("name", [*SAME, *DIFFERENT])
def test_built_captures_agree_or_differ_for_a_reason(
    name: str,
    captures: Path,
    analyse: Callable[[Path], list[Any]],
    require: Callable[[str], str],
) -> None:
    (theirs,) = fields(captures / f"{name}.pcap", require("tshark"), "dns.time")
    ours = times(analyse(captures / f"{name}.pcap"))
    agree = ours == pytest.approx(sorted(map(float, theirs)), abs=1e-6)
    assert agree == (name in SAME), DIFFERENT.get(name, (ours, theirs))


def test_real_traffic_agrees_to_the_last_query(
    data: Path,
    tmp_path: Path,
    analyse: Callable[[Path], list[Any]],
    require: Callable[[str], str],
) -> None:
    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    response, theirs = fields(capture, require("tshark"), "dns.flags.response", "dns.time")
    records = analyse(capture)
    messages = Counter(response)
    assert Counter(record["outcome"] for record in records) == {
        "answered": messages["1"],
        "timeout": messages["0"] - messages["1"],
    }
    assert times(records) == pytest.approx(sorted(map(float, theirs)), abs=1e-6)
