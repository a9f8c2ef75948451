"""The boards as Grafana reads them: whole, without overlap, and of series that exist."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import generate_latest

from dashboards.src.series import expressions, families, used
from pano_glue.agent.metrics import make_registry
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.process import ProcessMetrics
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config

ROOT = Path(__file__).parents[2]
BOARDS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((ROOT / "dashboards").glob("grafana/*.json"))
}
PROMETHEUS = {name: board for name, board in BOARDS.items() if name != "records"}
EIGHT = [
    "Total queries",
    "Query rate",
    "Average response time",
    "Latency quantiles",
    "Return codes",
    "Return codes, share",
    "Query types",
    "Query types, share",
]
each = pytest.mark.parametrize("name", BOARDS)


class NoAgent:
    """An agent that has seen nothing."""

    def counts(self) -> list[Any]:
        return []

    def attached_again(self) -> list[Any]:
        return []

    def run_times(self) -> dict[str, Any]:
        return {}


def exported() -> set[str]:
    """Give the families of the pages of bridge and agent."""
    pages = Pages(Counting(Config()), None, process=ProcessMetrics().families)
    page, _ = pages.page(Visit("test"), openmetrics=False)
    both = page.decode() + generate_latest(make_registry(NoAgent(), "s")).decode()
    return set(re.findall(r"^# TYPE (\S+)", both, re.MULTILINE))


def drawn(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@each
def test_a_panel_says_what_it_shows_in_which_unit(name: str) -> None:
    for panel in drawn(BOARDS[name]):
        assert panel["title"]
        assert panel["description"].endswith((".", "?"))
        assert panel["targets"]
        assert all(target["expr"] for target in panel["targets"])
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["noValue"]
        assert defaults.get("unit") or panel["type"] == "logs"
    assert len({panel["title"] for panel in drawn(BOARDS[name])}) == len(drawn(BOARDS[name]))


@each
def test_nothing_overlaps_and_rows_are_full(name: str) -> None:
    spots = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    for one, other in combinations(spots, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, (one, other)
    assert all(spot["x"] + spot["w"] <= 24 for spot in spots)
    ids = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(ids)) == len(ids)


@each
def test_grafanas_own_types_read_what_was_written(name: str) -> None:
    read = Dashboard.from_json(BOARDS[name])
    assert read.title == BOARDS[name]["title"]
    assert read.editable is False


@pytest.mark.parametrize("name", PROMETHEUS)
def test_all_of_a_variable_is_every_value_and_boards_are_linked(name: str) -> None:
    board = BOARDS[name]
    asked = [one for one in board["templating"]["list"] if one["type"] == "query"]
    assert asked
    assert all(one["allValue"] == ".+" and one["label"] for one in asked)
    known = {one["name"] for one in board["templating"]["list"]} | {"__rate_interval", "__range"}
    for expression in expressions(board):
        assert set(re.findall(r"\$(\w+)", expression)) <= known
    (link,) = board["links"]
    assert link["keepTime"]
    assert link["includeVars"]


def test_nothing_is_asked_for_that_nobody_exports() -> None:
    recorded = {name for name in used(ROOT / "dashboards") if ":" in name}
    served = exported()
    for name in set(used(ROOT / "dashboards")) - recorded:
        assert name in served, name


def test_nothing_is_exported_that_no_board_or_rule_reads() -> None:
    read = set(used(ROOT / "dashboards"))
    # Of the process, and of the kernel's statistics where they are turned on: for who digs deeper.
    rest = {"python_info", "process_virtual_memory_bytes"}
    rest |= {"pano_agent_program_run_seconds_total", "pano_agent_program_runs_total"}
    assert exported() - read == rest


def test_recorded_series_that_are_read_are_recorded() -> None:
    written = (ROOT / "dashboards" / "rules").glob("*.yml")
    recorded = set(re.findall(r'record: "?([\w:]+)', "".join(path.read_text() for path in written)))
    assert {name for name in used(ROOT / "dashboards") if ":" in name} <= recorded


def test_the_ancestors_eight_panels_are_there() -> None:
    titles = [panel["title"] for panel in BOARDS["overview"]["panels"]]
    begin = titles.index("Eight panels") + 1
    assert titles[begin : begin + len(EIGHT)] == EIGHT


def test_an_expressions_families_are_told() -> None:
    assert families('sum(rate(pano_dns_rtt_seconds_bucket{a="pano_x"}[5m])) / pano_dns_names') == {
        "pano_dns_rtt_seconds",
        "pano_dns_names",
    }
