"""From the reply on the wire to the count in /metrics: how long, for each transport.

`python bench/latency.py [--rounds N]` (root) runs resolver, agent, Zeek and bridge in one network
namespace of its own, asks one question at a time at random moments, and polls /metrics until the
reply is counted. Prints one JSON object: seconds, median and 99th percentile, by transport. 200
other queries a second go to the same resolver meanwhile, of a type that is counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.lab.resolvers import start_resolver
from pano_glue.pipeline.interface import Interface
from pano_glue.pipeline.process import Child
from pano_glue.pipeline.stages import (
    MIRROR,
    Plan,
    agent_stage,
    bridge_stage,
    command,
    zeek_stage,
)
from tests.transports.kafka_broker import KafkaBroker, missing

if TYPE_CHECKING:
    from pano_glue.pipeline.stage import Stage

RESOLVER = ("127.0.0.1", 53)
BRIDGE = "127.0.0.1:15353"
AGENT = "127.0.0.1:15354"
INSIDE = "PANO_BENCH_INSIDE"  # set in the namespace of our own
# SOA host1.pano.test, asked by nobody else (RFC 1035, section 4.1).
QUESTION = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05host1\x04pano\x04test\x00\x00\x06\x00\x01"
COUNTED = re.compile(rb'^pano_dns_queries_total\{[^}]*qtype="SOA"[^}]*\} (\d+)', re.MULTILINE)
PAUSE = 0.3  # seconds, at most, between two questions
POLL = 0.005  # seconds; faster would starve what is measured
LOST = 30.0  # seconds


def counted(connection: HTTPConnection) -> int:
    """Return how many of our questions the bridge has counted."""
    connection.request("GET", "/metrics")
    return sum(int(value) for value in COUNTED.findall(connection.getresponse().read()))


def measure(rounds: int) -> list[float]:
    """Ask `rounds` times; return seconds from each reply to its count."""
    host, port = BRIDGE.split(":")
    connection = HTTPConnection(host, int(port))
    dice = random.Random(1)  # noqa: S311 - repeatable, not secret
    waits = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        for number in range(rounds + 1):
            time.sleep(dice.uniform(0, PAUSE))  # any moment of the stages' own rhythms
            before = counted(connection)
            client.sendto(number.to_bytes(2, "big") + QUESTION, RESOLVER)
            client.recv(4096)
            replied = time.monotonic()
            while counted(connection) == before:
                if time.monotonic() > replied + LOST:
                    sys.exit(f"bench: reply {number} was never counted")
                time.sleep(POLL)
            waits.append(time.monotonic() - replied)
    return waits[1:]  # the first finds every cache cold


def run(transport: str, rounds: int, folder: Path) -> list[float]:
    """Run the pipeline over one transport and measure it."""
    analyzer = "tshark" if transport == "tshark" else "zeek"
    plan = Plan(folder, ["lo"], None, analyzer, AGENT, BRIDGE, "", {})
    with ExitStack() as stack:

        def keep(child: Child) -> None:
            stack.callback(child.stop)

        def run_stage(stage: Stage) -> None:
            stack.callback(stage.stop)
            stage.start()

        keep(start_resolver("bench", list, folder, limits=False))
        mirror = Interface(MIRROR, None)
        stack.callback(mirror.close)
        run_stage(agent_stage(plan, mirror))
        if analyzer == "zeek":
            ports = ("PANO::broker_port=9999/tcp", "PANO::websocket_port=9997/tcp")
            run_stage(zeek_stage(plan, mirror, *ports))
        source = {"broker": "broker://127.0.0.1:9999", "ws": "ws://127.0.0.1:9997"}.get(transport)
        if transport == "kafka":
            kafka = KafkaBroker(folder)
            kafka.start()
            stack.callback(kafka.kill)
            source = f"kafka://{kafka.servers}/dns?group=bench&from=beginning"
            relay = [command("pano-bridge"), "relay", "--state-dir", str(folder / "relay")]
            relay += ["--source", f"{plan.records_from}?from=beginning"]
            keep(Child("relay", [*relay, "--to", f"kafka://{kafka.servers}/dns"], folder))
        run_stage(bridge_stage(plan, mirror, *([source] if source else [])))
        questions = folder / "questions"
        questions.write_text("host2.pano.test A\nhost3.pano.test AAAA\n")
        load = ["dnsperf", "-s", RESOLVER[0], "-d", str(questions), "-l", "3600", "-Q", "200"]
        keep(Child("load", load, folder))
        return measure(rounds)


def main() -> None:
    """Measure every transport that this machine has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("transports", nargs="*", default=["log", "ws", "broker", "kafka", "tshark"])
    asked = parser.parse_args()
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])  # noqa: S606
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    result = {}
    for transport in asked.transports:
        if transport == "kafka" and missing():
            print(f"bench: no kafka without {missing()}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            waits = run(transport, asked.rounds, Path(folder))
        p99 = statistics.quantiles(waits, n=100)[98]
        result[transport] = {"p50": round(statistics.median(waits), 3), "p99": round(p99, 3)}
    print(json.dumps({"reply to count, seconds": result}, indent=1))


if __name__ == "__main__":
    main()
