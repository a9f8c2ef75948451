"""Every expression of every board, variable and rule has data in a lab's Prometheus."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

from dashboards.src.series import expressions, families
from tests.lab.live import wait_until

if TYPE_CHECKING:
    from tests.lab.live import Live

FOLDER = Path(__file__).parents[2] / "dashboards"
# What Grafana would put in: everything, and windows that a young lab can fill.
VARIABLES = {"__rate_interval": "10s", "__range": "30s"}
# Of a host with a recursive resolver, of a Zeek that tells of its process, of Broker, WebSocket and
# Kafka, of more servers than have room, and of groups that are named in [clients]: not of a lab
# that reads logs and has one client.
ELSEWHERE = {
    "pano_bridge_backlog_messages",
    "pano_bridge_connected",
    "pano_bridge_connections_total",
    "pano_bridge_folded_labels_total",
    "pano_bridge_lost_batches_total",
    "pano_bridge_lost_messages_total",
    "instance_source:pano_messages_deleted:increase5m",
    "pano_dns_cache_answers_total",
    "pano_dns_client_failures_total",
    "pano_dns_client_queries_total",
    "pano_dns_client_rtt_seconds",
    "pano_dns_resolver_seconds",
    "pano_dns_upstream_seconds",
    "pano_zeek_lag_seconds",
    "pano_zeek_memory_bytes",
    "pano_zeek_start_time_seconds",
    "sensor:pano_batches_lost:increase5m",
}


def asked() -> set[str]:
    found = set()
    for path in FOLDER.glob("grafana/*.json"):
        if path.stem == "records":  # Loki's
            continue
        for expression in expressions(json.loads(path.read_text())):
            plain = re.sub(r"\$(\w+)", lambda name: VARIABLES.get(name[1], ".+"), expression)
            found.add(plain.replace("offset 1w", "offset 5s"))
    return {expr for expr in found if "ALERTS{" not in expr and not families(expr) & ELSEWHERE}


class Api:
    """Prometheus's HTTP API."""

    def __init__(self, listen: str) -> None:
        """Ask the Prometheus at HOST:PORT."""
        self._base = f"http://{listen}/api/v1"

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        url = f"{self._base}/{path}?{urlencode(query)}"
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own Prometheus
            return json.load(answer)["data"]

    def has_data(self, expression: str) -> bool:
        values = re.fullmatch(r"label_values\((.+), (\w+)\)", expression)
        if values:
            return bool(self.get(f"label/{values[2]}/values", **{"match[]": values[1]}))
        rows = self.get("query", query=expression)["result"]
        return any(row["value"][1] != "NaN" for row in rows)


def test_every_expression_returns_data(live: Live) -> None:
    api = Api(live.prometheus)
    rules = [rule for group in api.get("rules")["groups"] for rule in group["rules"]]
    wanted = asked() | {rule["name"] for rule in rules if rule["type"] == "recording"} - ELSEWHERE

    def all_have_data() -> bool:
        wanted.difference_update({expr for expr in wanted if api.has_data(expr)})
        return not wanted

    try:
        wait_until(all_have_data, 90, "data for every expression")
    except AssertionError:
        raise AssertionError("\n".join(sorted(wanted))) from None

    def all_were_evaluated() -> bool:
        now = [rule for group in api.get("rules")["groups"] for rule in group["rules"]]
        assert not [rule for rule in now if rule["health"] == "err"], now
        return all(rule["health"] == "ok" for rule in now)

    wait_until(all_were_evaluated, 30, "every rule evaluated")
