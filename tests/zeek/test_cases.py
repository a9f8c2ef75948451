"""Inputs that PANO got wrong, with their right values: `tests/data/cases/truth.json`."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pano_glue.paths import shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = Path(__file__).resolve().parents[1] / "data" / "cases"
TRUTH: dict[str, dict[str, Any]] = json.loads((CASES / "truth.json").read_text())
OUTCOMES = ("answered", "timeout", "orphan", "late")
COLUMNS = ("rcode", "edns_bufsize", "DO", "rtt")
# One line of the sensor tells VLANs apart.
SETTINGS = {"vlan-overlap": ["frameworks/conn_key/vlan_fivetuple"]}


class Analysed(NamedTuple):
    """Records of dns.log and the last row of pano_stats."""

    records: list[dict[str, Any]]
    stats: dict[str, Any]


@pytest.fixture
def analyse(tmp_path: Path, require: Callable[[str], str]) -> Callable[..., Analysed]:
    """Return a function that runs the dedicated sensor on a capture; nothing may be reported."""

    def run(capture: Path, *settings: str) -> Analysed:
        scripts = str(shared_folder("zeek-scripts"))
        command = [require("zeek"), "-b", "-r", str(capture), scripts, *settings]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert not (tmp_path / "reporter.log").exists()
        logs = [tmp_path / "dns.log", tmp_path / "pano_stats.log"]
        lines = [each.read_text().splitlines() if each.exists() else [] for each in logs]
        records, stats = ([json.loads(line) for line in each] for each in lines)
        return Analysed(records, stats[-1])

    return run


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_case(name: str, analyse: Callable[..., Analysed]) -> None:
    truth = TRUTH[name]
    records, stats = analyse(CASES / f"{name}.pcap", *SETTINGS.get(name, []))
    found = Counter(record["outcome"] for record in records)
    for outcome in OUTCOMES:
        if outcome in truth:
            assert found[outcome] == truth[outcome], (outcome, found)
    assert found["answered"] >= truth.get("answered_at_least", 0)
    if "queries" in truth:
        assert len(records) == stats["dns_queries"] == truth["queries"]
    for column in COLUMNS:
        if column in truth:
            values = sorted(record[column] for record in records)
            assert values == pytest.approx(sorted(truth[column]), abs=1e-6), column
    if "retransmits" in truth:
        assert sum(record["retransmits"] for record in records) == truth["retransmits"]
    assert stats["malformed"] == truth.get("malformed", stats["malformed"])


def test_copies_are_counted(analyse: Callable[..., Analysed]) -> None:
    _, stats = analyse(CASES / "span-duplicates.pcap")
    assert (stats["copies"], stats["dns_queries"], stats["dns_responses"]) == (40, 20, 20)


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_the_ledger_is_closed(name: str, analyse: Callable[..., Analysed]) -> None:
    records, stats = analyse(CASES / f"{name}.pcap")
    asked = ("answered", "timeouts", "unreachable", "retransmits", "pending")
    replied = ("answered", "late", "orphans", "duplicate_replies", "continued_replies")
    assert stats["dns_queries"] == sum(stats[each] for each in asked)
    assert stats["dns_responses"] == sum(stats[each] for each in replied)
    assert stats["records_logged"] == len(records)
