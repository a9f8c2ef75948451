"""What mirroring costs a busy DNS server, and that it loses nothing.

`python bench/agent.py [--rounds N] [--queries N] [--kills N] [--only PART]` (root) prints one
JSON object:

    rates     queries per second that dnsperf gets from nsd over a veth link, 100 outstanding, for
              each side in turn: none, pano, mirred (tc u32 to the same kind of mirror), tcpdump
              to a file. `kept` is the median over the rounds of the share of the rate without.
    exact     N queries each at full speed over UDP, IPv6, TCP, and with 3,000-byte answers in
              fragments: packets on the wire, matched, mirrored, and seen by tcpdump on pano0.
    run_ns    mean run time of the programs by kernel.bpf_stats_enabled: on the same load to
              another port, which is not DNS to us, and on DNS with the clone. `dns finish` is a
              program of three instructions: that is what the statistics themselves cost.
    kills     N agents killed at random moments under load, beside another owner's filters.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_lab.lab import PORT, SERVER4, SERVER6, Lab

from pano_glue.pipeline.process import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = [f"h{number}.many.pano.test A" for number in range(10_000)]
SATURATED = ("-q", "100", "-c", "1")
RATE_SECONDS = "2"
OTHER_PORT = "5300"
STATISTICS = Path("/proc/sys/kernel/bpf_stats_enabled")


@contextmanager
def none(lab: Lab) -> Iterator[None]:  # noqa: ARG001 # a side like the others
    """Mirror nothing."""
    yield


@contextmanager
def pano(lab: Lab) -> Iterator[None]:
    """Mirror with pano-agent."""
    agent = lab.start_agent()
    yield
    agent.stop()


@contextmanager
def mirred(lab: Lab) -> Iterator[None]:
    """Mirror with `tc … u32 … action mirred` to the same kind of mirror."""
    agent = lab.start_agent(iface="lo")  # makes the same mirror, attached to nothing of interest
    lab.server.run("tc", "qdisc", "add", "dev", PORT, "clsact")
    for side, field in (("ingress", "dport"), ("egress", "sport")):
        match = ["u32", "match", "ip", "protocol", "17", "0xff", "match", "ip", field, "53"]
        add = ["tc", "filter", "add", "dev", PORT, side, "protocol", "ip", *match, "0xffff"]
        lab.server.run(*add, "action", "mirred", "ingress", "mirror", "dev", "pano0")
    yield
    lab.server.run("tc", "qdisc", "del", "dev", PORT, "clsact")
    agent.stop()


@contextmanager
def tcpdump(lab: Lab) -> Iterator[None]:
    """Capture to a file with AF_PACKET."""
    tap = lab.start_tap(PORT, "-w", str(lab.folder / "capture.pcap"), "port 53")
    yield
    tap.stop()


SIDES = {"none": none, "pano": pano, "mirred": mirred, "tcpdump": tcpdump}


def rates(lab: Lab, rounds: int) -> dict[str, dict[str, float]]:
    """Run every side in every round; each share is of the rate without, in the same round."""
    found: dict[str, list[float]] = {name: [] for name in SIDES}
    lab.query(NAMES, *SATURATED, "-l", "1")
    order = list(SIDES)
    for _ in range(rounds):
        for name in order:
            with SIDES[name](lab):
                load = lab.query(NAMES, *SATURATED, "-l", RATE_SECONDS)
            found[name].append(load.per_second)
        order.append(order.pop(0))  # nobody always follows the same neighbour
    return {
        name: {
            "per_second": round(statistics.median(found[name])),
            "kept": round(
                statistics.median(a / b for a, b in zip(found[name], found["none"], strict=True)), 3
            ),
        }
        for name in SIDES
    }


def exact(lab: Lab, queries: int) -> dict[str, dict[str, int]]:
    """Count one workload after another, at full speed, everywhere on its way."""
    runs = str(max(1, queries // len(NAMES)))
    big = ["big.pano.test TXT"] * len(NAMES)
    workloads = {
        "udp": (NAMES, SERVER4, ("-n", runs, *SATURATED)),
        "udp6": (NAMES, SERVER6, ("-n", runs, *SATURATED)),
        "tcp": (NAMES, SERVER4, ("-n", runs, "-m", "tcp", "-q", "100", "-c", "10")),
        "fragments": (big, SERVER4, ("-n", runs, "-e", "-q", "20", "-c", "1")),
    }
    return {name: count(lab, *workload) for name, workload in workloads.items()}


def count(lab: Lab, names: list[str], server: str, options: tuple[str, ...]) -> dict[str, int]:
    """Count what one workload puts on the wire and what reaches the mirror."""
    agent = lab.start_agent()
    tap = lab.start_tap("pano0", "-w", "/dev/null", "-s", "128")
    before = lab.wire()
    load = lab.query(names, *options, server=server)
    agent_says = lab.sums()
    wire = lab.wire() - before
    captured, dropped = lab.tapped(tap)
    agent.stop()
    queries = {"queries": load.sent, "lost": load.lost, "wire": wire}
    return queries | agent_says | {"tapped": captured, "tap_dropped": dropped}


def run_ns(lab: Lab, queries: int) -> dict[str, float]:
    """Return the programs' mean run time, in ns, on packets of another port and on DNS."""
    runs = str(max(1, queries // len(NAMES)))
    found: dict[str, float] = {}
    with run_time_statistics():
        for kind, port in (("other", OTHER_PORT), ("dns", "53")):
            agent = lab.start_agent()
            lab.query(NAMES, *SATURATED, "-n", runs, "-p", port)
            for name, program in lab.status()["programs"].items():
                found[f"{kind} {name}"] = round(program["seconds"] / program["runs"] * 1e9, 1)
            agent.stop()
    return found


@contextmanager
def run_time_statistics() -> Iterator[None]:
    """Have the kernel measure every run of every program, which costs some of it."""
    before = STATISTICS.read_text()
    STATISTICS.write_text("1")
    try:
        yield
    finally:
        STATISTICS.write_text(before)


def kills(lab: Lab, rounds: int) -> dict[str, object]:
    """Kill agents at random moments under load, tcx and clsact in turn, beside a neighbour.

    `clean` says that interfaces, qdiscs and filters are as before after one `cleanup`, and
    `clean_at_once` how many of the tcx rounds needed none.
    """
    moment = random.Random(53)  # noqa: S311 # moments, no secrets
    lab.server.run("tc", "qdisc", "add", "dev", PORT, "clsact")
    neighbour = ["u32", "match", "u32", "0", "0", "action", "mirred", "egress", "mirror"]
    for priority in ("1", "60000"):
        owner = ["tc", "filter", "add", "dev", PORT, "ingress", "prio", priority]
        lab.server.run(*owner, "protocol", "ip", *neighbour, "dev", "lo", "continue")
    before = lab.traces()
    load = lab.start_load(NAMES, "-l", "3600", "-Q", "2000")
    at_once = 0
    for number in range(rounds):
        agent = lab.launch_agent("--attach", ("tcx", "clsact")[number % 2])
        time.sleep(moment.uniform(0.2, 1.5))
        lab.kill(agent)
        if number % 2 == 0:
            at_once += wait_for(lambda: lab.traces() == before, 2)
        else:
            lab.cleanup()
    clean = lab.traces() == before
    os.kill(load.pid, signal.SIGINT)
    done = lab.finish(load)
    lab.server.run("tc", "qdisc", "del", "dev", PORT, "clsact")
    return {
        "rounds": rounds,
        "clean": clean,
        "clean_at_once": at_once,
        "queries": done.sent,
        "lost": done.lost,
    }


def main() -> None:
    """Run all of it in one lab and print one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--queries", type=int, default=200_000)
    arguments.add_argument("--kills", type=int, default=10)
    arguments.add_argument("--only", action="append", help="rates, exact, run_ns or kills")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab:
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "rates": lambda: rates(lab, given.rounds),
            "exact": lambda: exact(lab, given.queries),
            "run_ns": lambda: run_ns(lab, given.queries),
            "kills": lambda: kills(lab, given.kills),
        }
        report = {}
        for name in given.only or parts:
            report[name] = parts[name]()
            print(f"{name}: {json.dumps(report[name])}", file=sys.stderr, flush=True)
    print(json.dumps(report, indent=2))
    check(report)


def check(report: dict[str, Any]) -> None:
    """Exit with a message when something was lost or left; speed is for people to judge."""
    killed = report.get("kills", {"lost": 0, "clean": True})
    if killed["lost"] or not killed["clean"]:
        sys.exit("bench: a kill left something, or cost a query")
    for name, seen in report.get("exact", {}).items():
        same = {seen["wire"], seen["matched"], seen["mirrored"], seen["tapped"]}
        if seen["lost"] or seen["error"] or len(same) > 1:
            sys.exit(f"bench: {name} does not add up")


if __name__ == "__main__":
    main()
