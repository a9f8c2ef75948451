"""Debian's Prometheus as a stage: its configuration, its start, and questions to its API."""

from __future__ import annotations

import json
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import urlopen

from pano_glue.errors import PanoError
from pano_glue.paths import shared_folder
from pano_glue.pipeline.process import Child
from pano_glue.pipeline.stage import Stage

if TYPE_CHECKING:
    from pano_glue.pipeline.stages import Plan

HTTP_SECONDS = 5
READY_SECONDS = 0.5
SCRAPE_SECONDS = 1
KEEP = "512MB"
GRAPH = "sum by (server, rcode) (rate(pano_dns_responses_total[30s]))"


def fetch(url: str, seconds: float = HTTP_SECONDS) -> str:
    """Return what `url` answers.

    Raises:
        PanoError: when nothing answers there within `seconds`, or breaks off.
    """
    try:
        with urlopen(url, timeout=seconds) as answer:  # noqa: S310 - our own http:// addresses
            return str(answer.read().decode())
    except (OSError, HTTPException) as error:
        raise PanoError(f"{url} does not answer ({error})", "is it still running?") from error


def prometheus_stage(plan: Plan) -> Stage:
    """Prepare Prometheus scraping agent and bridge; it is ready when its API says so."""
    config = {  # JSON is YAML, so nothing has to be quoted by hand
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": "5s"},
        "rule_files": [str(shared_folder("dashboards") / "rules" / "*.yml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [listen]}]}
            for job, listen in (
                ("pano-agent", plan.agent_listen),
                ("pano-bridge", plan.bridge_listen),
            )
        ],
    }
    path = plan.folder / "prometheus.yml"
    path.write_text(json.dumps(config, indent=1))
    argv = ["prometheus", f"--config.file={path}", f"--web.listen-address={plan.prometheus_listen}"]
    argv += [f"--storage.tsdb.path={plan.folder / 'prometheus'}"]
    argv += [f"--storage.tsdb.retention.size={KEEP}", "--enable-feature=exemplar-storage"]

    def ready(_: Child) -> bool:
        try:
            return "Ready" in fetch(f"http://{plan.prometheus_listen}/-/ready", READY_SECONDS)
        except PanoError:
            return False

    launch = partial(Child, "prometheus", argv, plan.folder)
    return Stage("prometheus", launch, ready, "answer from its API")


def graph_link(listen: str) -> str:
    """Return the address of Prometheus's page with a first graph to look at."""
    asked = {"g0.expr": GRAPH, "g0.tab": "0", "g0.range_input": "5m"}
    return f"http://{listen}/graph?{urlencode(asked)}"


def query(listen: str, expression: str) -> list[tuple[dict[str, str], float]]:
    """Ask for the present value of an expression: a list of labels and value.

    Source: Prometheus, HTTP API, "Instant queries".

    Raises:
        PanoError: when Prometheus does not answer.
    """
    asked = urlencode({"query": expression})
    answer = json.loads(fetch(f"http://{listen}/api/v1/query?{asked}"))
    return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]
