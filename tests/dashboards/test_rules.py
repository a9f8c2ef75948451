"""Rules and alerts against promtool; runbooks and the Kubernetes object against the rules."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.dashboards.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dashboards.scenarios import Scenario

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "dashboards" / "rules").glob("*.yml"))
ABSENT = "PanoBridgeAbsent"  # the only alert that is of nobody


def all_rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in all_rules() if "alert" in rule]


def asked_of(scenario: Scenario, label: str) -> dict[str, Any]:
    """Ask which alerts fire for one scenario, whichever label they know it by."""
    who = 'label_join(ALERTS{alertstate="firing"}, "who", "", "server", "sensor", "instance")'
    mine = f'label_replace({who}, "n", "$1", "who", "([0-9]*).*")'
    of_all = f"group by (alertname, long, n) ({mine})"
    here = of_all if scenario.alone else f"{of_all} and on (n) {number(label)}"
    samples = []
    for alert in scenario.fires:
        name, _, window = alert.partition(" ")
        labels = {"alertname": name, "long": window, "n": "" if name == ABSENT else label}
        pairs = ",".join(f'{key}="{value}"' for key, value in labels.items() if value)
        samples.append({"labels": f"{{{pairs}}}", "value": 1})
    return {"expr": here, "eval_time": f"{scenario.at}m", "exp_samples": samples}


def number(label: str) -> str:
    return f'label_replace(vector(1), "n", "{label}", "", "")'


def promtool_test(scenarios: dict[str, Scenario]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [
            {"series": series, "values": values}
            for label, scenario in scenarios.items()
            for series, values in scenario.series(label).items()
        ],
        "promql_expr_test": [asked_of(scenario, label) for label, scenario in scenarios.items()],
    }


def test_exactly_these_alerts_fire(require: Callable[[str], str], tmp_path: Path) -> None:
    promtool = require("promtool")
    numbered = {str(number): scenario for number, scenario in enumerate(SCENARIOS)}
    together = {label: one for label, one in numbered.items() if not one.alone}
    tests = [promtool_test(together)]
    tests += [promtool_test({label: one}) for label, one in numbered.items() if one.alone]
    plan = {"rule_files": [str(path) for path in RULES], "evaluation_interval": "1m"}
    file = tmp_path / "rules_test.json"  # JSON is YAML
    file.write_text(json.dumps(plan | {"tests": tests}))
    argv = [promtool, "test", "rules", str(file)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr + repr(dict(enumerate(SCENARIOS)))


def test_each_alert_has_a_scenario_in_which_it_fires() -> None:
    fired = {alert.partition(" ")[0] for scenario in SCENARIOS for alert in scenario.fires}
    assert fired == {rule["alert"] for rule in alerts()}


def test_rules_are_valid(require: Callable[[str], str]) -> None:
    subprocess.run([require("promtool"), "check", "rules", *RULES], check=True)


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_tells_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["description"].endswith(".")
    assert not notes["summary"].endswith(".")
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    assert notes["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
    _, _, section = runbooks.partition(f"\n## {rule['alert']}\n")
    told = re.findall(r"^\*\*(\w+)\.\*\*", section.partition("\n## ")[0], re.MULTILINE)
    assert told == ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def test_no_runbook_is_of_an_alert_that_is_no_more() -> None:
    titles = re.findall(
        r"^## (Pano\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE
    )
    assert titles == list(dict.fromkeys(rule["alert"] for rule in alerts()))


def test_recorded_series_are_named_by_level_metric_and_operation() -> None:
    for rule in all_rules():
        assert re.fullmatch(r"(pano|[a-z]+(_[a-z]+)?):\w+:\w+", rule.get("record", "pano:a:b"))
