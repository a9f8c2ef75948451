"""Every expression of every dashboard returns data from the lab's Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.lab.live import wait_until

if TYPE_CHECKING:
    from tests.lab.live import Live

GRAFANA = Path(__file__).parents[2] / "dashboards" / "grafana"
# What Grafana would put in: all sensors and servers, and windows that a young lab can fill.
VARIABLES = {
    "$sensor": ".*",
    "$server": ".*",
    "$__rate_interval": "10s",
    "$__range": "30s",
}


def expressions() -> list[str]:
    found = []
    for path in sorted(GRAFANA.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            found += [target["expr"] for target in panel.get("targets", [])]
    return found


def test_every_expression_returns_data(live: Live) -> None:
    for expression in expressions():
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)  # noqa: PLW2901
        url = f"http://{live.prometheus}/api/v1/query?{urlencode({'query': expression})}"

        def has_data(url: str = url) -> bool:
            with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own Prometheus
                rows = json.load(answer)["data"]["result"]
            return bool(rows) and all(row["value"][1] != "NaN" for row in rows)

        wait_until(has_data, 60, f"data for {expression}")
