"""The whole pipeline in containers, counted against dnsperf, while parts of it are killed.

Opt-in, because it builds images: `make test-containers`, where an engine is.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docker.pipeline import Load, Pipeline, leftovers, on_the_host, read_summaries
from tests.docker.tree import ROOT
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if not os.environ.get("PANO_TEST_CONTAINERS"):
    pytest.skip("only with PANO_TEST_CONTAINERS=1 (make test-containers)", allow_module_level=True)
if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
    pytest.skip(
        "no container engine answers (tests/docker/engine.sh is one)", allow_module_level=True
    )

NSD, UNBOUND = "198.18.55.2", "198.18.55.3"
PIPELINE = ["agent", "zeek", "bridge", "prometheus", "grafana"]
SERVERS = ["nsd", "unbound"]
QUESTIONS = len((ROOT / "docker/demo/questions").read_text().splitlines())
ENVIRONMENT = {"PANO_IFACE": "[et]*"}  # engine.sh's way out is tap0
DURATIONS = {"__range": "5m", "__rate_interval": "1m", "__interval": "15s"}
VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?")


def queries(server: str, proto: str = "udp|tcp") -> str:
    """Return the question how many queries a server got."""
    return f'sum(pano_dns_queries_total{{server="{server}",proto=~"{proto}"}})'


def run_project(environment: dict[str, str], profile: str) -> Iterator[Pipeline]:
    """Start everything but the endless loads; take all away, and look that nothing stayed."""
    pipeline = Pipeline(environment, profile)
    everything = Pipeline(environment, "*")
    everything.compose("down", "--volumes")
    before = leftovers()
    everything.compose("build", "--quiet")
    try:
        yield pipeline
    finally:
        everything.compose("down", "--volumes")
        assert leftovers() == before


INSTALL = """
set -e
apt-get update -qq && apt-get install -y -qq --no-install-recommends libbpf1 python3-venv >/dev/null
! command -v cc clang gcc make
python3 -m venv /venv
/venv/bin/pip install -q --only-binary :all: "$(ls /dist/*.whl)[agent,fast]" >&2
/venv/bin/pano-bridge replay /logs/dns.log.gz
/venv/bin/pano-agent run --check --iface lo >&2
"""


def test_the_wheel_runs_where_no_compiler_is(tmp_path: Path) -> None:
    builder = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(builder, cwd=ROOT, check=True, capture_output=True)
    logs = ROOT / "tests/data"
    argv = ["docker", "run", "--rm", "--cap-add=BPF", "--cap-add=NET_ADMIN"]
    argv += ["--device=/dev/net/tun", f"--volume={tmp_path}:/dist:ro", f"--volume={logs}:/logs:ro"]
    done = subprocess.run(
        [*argv, "debian:bookworm-slim", "sh", "-c", INSTALL],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with gzip.open(logs / "dns.log.gz", "rt") as lines:
        asked = sum(json.loads(one)["outcome"] not in {"late", "orphan"} for one in lines)
    counted = re.findall(r"^pano_dns_queries_total\{.*\} (\S+)$", done.stdout, re.MULTILINE)
    assert sum(map(float, counted)) == asked


@pytest.fixture(scope="module")
def by_log() -> Iterator[Pipeline]:
    """The pipeline with the records in logs."""
    yield from run_project(ENVIRONMENT, "demo")


@pytest.fixture(scope="module")
def by_kafka() -> Iterator[Pipeline]:
    """The pipeline with the records in Kafka, as .env.example has it."""
    example = (ROOT / "docker/.env.example").read_text()
    sources = re.search(r"^#PANO_SOURCES=(.+)$", example, re.MULTILINE)
    assert sources
    both = ENVIRONMENT | {"COMPOSE_PROFILES": "kafka", "PANO_SOURCES": sources[1]}
    yield from run_project(both, "kafka")


def test_prometheus_has_what_the_loads_say_they_sent(by_log: Pipeline) -> None:
    by_log.up(*PIPELINE, *SERVERS)
    by_log.up("dnsperf1", "dnsperf2")
    wait_until(lambda: (by_log.ask(queries(UNBOUND)) or [0])[0] > 1000)
    by_log.compose("stop", "dnsperf1", "dnsperf2")
    tcp = read_summaries(by_log.compose("logs", "dnsperf1"))
    udp = read_summaries(by_log.compose("logs", "dnsperf2"))
    assert min(tcp.sent, udp.sent) > 1000
    by_log.wait_for(queries(NSD, "tcp"), tcp.sent)  # unbound asks nsd, too: over UDP
    by_log.wait_for(queries(UNBOUND), udp.sent)
    assert by_log.ask("min(up)") == [1]


def expressions(board: Path) -> list[str]:
    """Read what a board asks of Prometheus, for all sensors and servers."""
    panels = list(json.loads(board.read_text())["panels"])
    for panel in panels:  # those inside a row, too
        panels += panel.get("panels", [])
    targets = [target for panel in panels for target in panel.get("targets", [])]
    asked = [
        target["expr"]
        for target in targets
        if target.get("datasource", {}).get("type", "prometheus") == "prometheus"
    ]
    return [VARIABLE.sub(lambda found: DURATIONS.get(found[1], ".*"), one) for one in asked]


def test_the_boards_queries_are_taken_and_have_data(by_log: Pipeline) -> None:
    boards = {one: expressions(one) for one in (ROOT / "dashboards/grafana").glob("*.json")}
    for board, asked in boards.items():
        answers = [by_log.ask(expression) for expression in asked]  # fails when one is refused
        with_data = sum(map(bool, answers))
        assert with_data >= 0.6 * len(asked), f"{board.name}: {with_data} of {len(asked)}"


def test_kills_of_any_service_lose_and_double_nothing(by_log: Pipeline) -> None:
    """Those that hold packets in memory are killed between loads, the rest under load."""
    by_log.up(*PIPELINE, *SERVERS)
    before = int(by_log.ask(queries(NSD, "tcp"))[0])
    sent = Load()
    order = PIPELINE * 2
    random.Random(14).shuffle(order)  # noqa: S311 # an order, no secret
    for service in order:
        under_load = service in {"bridge", "prometheus", "grafana"}
        finish = by_log.start_load(NSD, "tcp", 40) if under_load else None
        if not under_load:
            by_log.wait_for(queries(NSD, "tcp"), before + sent.sent)
        by_log.compose("kill", service)
        by_log.up(*PIPELINE)
        wait_until(lambda: sees_the_mirror(by_log), seconds=60, every=0.2)
        sent += finish() if finish else by_log.load(NSD, "tcp", 40)
        assert sent.lost == 0
    assert sent.completed == sent.sent == len(order) * 40 * QUESTIONS
    by_log.wait_for(queries(NSD, "tcp"), before + sent.sent)


def sees_the_mirror(pipeline: Pipeline) -> bool:
    """Tell whether Zeek listens to the pano0 of now, after a kill of either."""
    try:
        index = on_the_host("cat", "/sys/class/net/pano0/ifindex").strip()
    except subprocess.CalledProcessError:
        return False
    sockets = on_the_host("cat", "/proc/net/packet").splitlines()[1:]
    return any(line.split()[4] == index for line in sockets) and bool(
        pipeline.compose("ps", "-q", "zeek", "--status", "running")
    )


def test_a_crash_is_mended_by_the_engine_alone(by_log: Pipeline) -> None:
    """A process that dies by itself, not by `docker kill`: nobody asks for its restart."""
    by_log.up(*PIPELINE, *SERVERS)
    before = int(by_log.ask(queries(NSD, "tcp"))[0])
    started = "{{.State.Pid}}"
    for service in ("agent", "zeek", "bridge"):
        container = by_log.compose("ps", "-q", service).strip()
        ask = ["docker", "inspect", "--format", started, container]
        pid = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        os.kill(int(pid), 9)

        def is_another(ask: list[str] = ask, pid: str = pid) -> bool:
            now = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
            return now not in {"0", pid}

        wait_until(is_another, seconds=60, every=0.2)
    wait_until(lambda: sees_the_mirror(by_log), seconds=60, every=0.2)
    by_log.up(*PIPELINE)
    sent = by_log.load(NSD, "tcp", 20)
    by_log.wait_for(queries(NSD, "tcp"), before + sent.sent)


def test_by_way_of_kafka_it_is_the_same(by_kafka: Pipeline) -> None:
    demo = Pipeline(by_kafka.environment, "demo")
    by_kafka.up(*PIPELINE, "kafka", "relay")
    demo.up("nsd")
    sent = by_kafka.load(NSD, "udp", 40)
    by_kafka.wait_for(queries(NSD), sent.sent)
    for service in ("kafka", "bridge", "prometheus"):
        finish = by_kafka.start_load(NSD, "udp", 60)
        by_kafka.compose("kill", service)
        by_kafka.up(*PIPELINE, "kafka", "relay")
        sent += finish()
    assert sent.lost == 0
    by_kafka.wait_for(queries(NSD), sent.sent)
    assert by_kafka.ask('sum(pano_relay_records_total{topic="dns"})')[0] >= sent.sent
