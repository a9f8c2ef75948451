"""Dashboards and rules against real tools: promtool, and a Prometheus that scraped a real lab."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2] / "dashboards"
HERE = Path(__file__).parent
TITLES = [
    "Total queries",
    "Query rate",
    "Average response time",
    "Latency quantiles",
    "Return codes",
    "Return codes, share",
    "Query types",
    "Query types, share",
]


def test_rules_are_valid_and_fire_as_told(require: Callable[[str], str]) -> None:
    promtool = require("promtool")
    rules = [str(path) for path in (ROOT / "rules").glob("*.yml")]
    subprocess.run([promtool, "check", "rules", *rules], check=True)
    subprocess.run([promtool, "test", "rules", str(HERE / "rules_test.yml")], check=True)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "grafana").glob("*.json")), ids=lambda path: path.name
)
def test_a_dashboard_is_whole(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["description"] and panel["targets"] for panel in panels)


def test_the_first_dashboard_has_the_eight_panels() -> None:
    dashboard = json.loads((ROOT / "grafana" / "dns.json").read_text())
    assert [panel["title"] for panel in dashboard["panels"]][: len(TITLES)] == TITLES
