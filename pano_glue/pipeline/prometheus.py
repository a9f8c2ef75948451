"""Debian's Prometheus as a stage: its configuration, its start, and questions to its API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from pano_glue.errors import PanoError
from pano_glue.paths import shared_folder
from pano_glue.pipeline.process import Child

if TYPE_CHECKING:
    from pano_glue.pipeline.stages import Plan

HTTP_SECONDS = 5
SCRAPE_SECONDS = 1
KEEP = "512MB"
GRAPHS = (
    "sum by (server, rcode) (rate(pano_dns_responses_total[30s]))",
    "histogram_quantile(0.99, sum by (server, le) (rate(pano_dns_rtt_seconds_bucket[30s])))",
)


def fetch(url: str) -> str:
    """Return what `url` answers.

    Raises:
        PanoError: when nothing answers there.
    """
    try:
        with urlopen(url, timeout=HTTP_SECONDS) as answer:  # noqa: S310 - our own http:// addresses
            return str(answer.read().decode())
    except (URLError, OSError) as error:
        raise PanoError(f"{url} does not answer ({error})", "is it still running?") from error


def start_prometheus(plan: Plan) -> Child:
    """Start Prometheus scraping agent and bridge; it is ready when its API says so."""
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
    child = Child("prometheus", argv, plan.folder)

    def ready() -> bool:
        try:
            return "Ready" in fetch(f"http://{plan.prometheus_listen}/-/ready")
        except PanoError:
            return False

    child.wait_until(ready, "answer from its API")
    return child


def graph_link(listen: str) -> str:
    """Return the address of Prometheus's page with the first graphs to look at."""
    asked: dict[str, str] = {}
    for number, expression in enumerate(GRAPHS):
        panel = f"g{number}."
        asked |= {panel + "expr": expression, panel + "tab": "0", panel + "range_input": "5m"}
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
