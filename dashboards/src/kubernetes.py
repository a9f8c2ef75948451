"""The rules as one object of the Prometheus operator.

Source: prometheus-operator, API reference, PrometheusRule (monitoring.coreos.com/v1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "# Generated from dashboards/rules by `python -m dashboards.src`: change those.\n"


def prometheus_rule(rules: Path, runbooks: str = "") -> str:
    """Write all groups of the `*.yml` in a folder; `runbooks` is where docs/ is published."""
    groups = [
        group
        for path in sorted(rules.glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    for group in groups:
        for rule in group["rules"]:
            notes = rule.get("annotations", {})
            if "runbook_url" in notes:
                notes["runbook_url"] = runbooks + notes["runbook_url"]
    labels = {"app.kubernetes.io/name": "pano", "role": "alert-rules"}
    found = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "pano", "labels": labels},
        "spec": {"groups": groups},
    }
    return HEAD + yaml.safe_dump(found, sort_keys=False, width=110, allow_unicode=True)
