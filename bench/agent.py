"""What mirroring costs a busy DNS server, and that it loses nothing.

`python bench/agent.py [--rounds N] [--queries N] [--kills N] [--only PART] [--json]` (root), parts:

    rates     an endless saturated load of dnsperf on nsd over a veth link, 100 outstanding, and for
              each side in turn a slice of it: none, pano, mirred (tc u32 to the same kind of
              mirror), tcpdump to a file. `kept` is the share of the rate without, in the same
              round; `cpu_us` is what client, server and kernel spend on a query and its reply, and
              `cpu_kept` the share of the CPU's work that is left for them. Medians of the rounds.
              The CPU figures vary less: other processes do not count.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pano_glue.lab.pair import NAMES, PORT, SERVER4, SERVER6, Pair
from pano_glue.lab.resolvers import OTHER_PORT
from pano_glue.pipeline.process import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SATURATED = ("-q", "100", "-c", "1")
SLICE = 0.7  # seconds
BUDGETS = {
    ("rates", "pano"): "(aim: 0.95 kept)",
    ("rates", "pano to mirred"): "(budget: 0.97)",
    ("run_ns", "other mirror_ingress"): "(budget: 60 more than `dns finish`)",
}
STATISTICS = Path("/proc/sys/kernel/bpf_stats_enabled")


@contextmanager
def none(lab: Pair) -> Iterator[None]:  # noqa: ARG001 # a side like the others
    """Mirror nothing."""
    yield


@contextmanager
def pano(lab: Pair) -> Iterator[None]:
    """Mirror with pano-agent."""
    agent = lab.start_agent()
    yield
    agent.stop()


@contextmanager
def mirred(lab: Pair) -> Iterator[None]:
    """Mirror with `tc … u32 … action mirred` to the same kind of mirror."""
    agent = lab.start_agent(iface="lo")  # makes the same mirror, attached to nothing of interest
    for side, field in (("ingress", "dport"), ("egress", "sport")):
        match = ["u32", "match", "ip", "protocol", "17", "0xff", "match", "ip", field, "53"]
        add = ["tc", "filter", "add", "dev", PORT, side, "protocol", "ip", *match, "0xffff"]
        lab.server.run(*add, "action", "mirred", "ingress", "mirror", "dev", "pano0")
    yield
    for side in "ingress", "egress":
        lab.server.run("tc", "filter", "del", "dev", PORT, side)
    agent.stop()


@contextmanager
def tcpdump(lab: Pair) -> Iterator[None]:
    """Capture to a file with AF_PACKET."""
    tap = lab.start_tap(PORT, "-w", str(lab.folder / "capture.pcap"), "port 53")
    yield
    tap.stop()


SIDES = {"none": none, "pano": pano, "mirred": mirred, "tcpdump": tcpdump}


def rates(lab: Pair, rounds: int) -> dict[str, dict[str, float]]:
    """Give every side a slice of one endless load in every round, and compare within the round."""
    found: dict[str, list[Slice]] = {name: [] for name in SIDES}
    order = list(SIDES)
    # The kernel drops what is sent while a clsact comes or goes, so it is there for all of them.
    lab.server.run("tc", "qdisc", "add", "dev", PORT, "clsact")
    with run_time_statistics(on=False):
        load = lab.start_load(NAMES, *SATURATED, "-l", "3600")
        for _ in range(rounds):
            for name in order:
                with SIDES[name](lab):
                    found[name].append(take_slice(lab))
            order.append(order.pop(0))  # nobody always follows the same neighbour
        os.kill(load.pid, signal.SIGINT)
        lost = lab.finish(load)["lost"]
    lab.server.run("tc", "qdisc", "del", "dev", PORT, "clsact")

    def share(of: str, than: str, which: Callable[[Slice], float]) -> float:
        pairs = zip(found[of], found[than], strict=True)
        return round(statistics.median(which(one) / which(other) for one, other in pairs), 3)

    report = {
        name: {
            "per_second": round(statistics.median(one.rate for one in found[name])),
            "kept": share(name, "none", lambda one: one.rate),
            "cpu_us": round(statistics.median(one.cpu for one in found[name]) * 1e6, 2),
            "cpu_kept": share("none", name, lambda one: one.cpu),
        }
        for name in SIDES
    }
    to_mirred = {
        "kept": share("pano", "mirred", lambda one: one.rate),
        "cpu_kept": share("mirred", "pano", lambda one: one.cpu),
    }
    return report | {"pano to mirred": to_mirred, "load": {"lost": lost}}


@dataclass(frozen=True)
class Slice:
    """Some of a load: transactions per second, and CPU seconds of each."""

    rate: float
    cpu: float


def take_slice(lab: Pair) -> Slice:
    """Watch the load for a while."""
    start, wire, busy = time.perf_counter(), lab.wire(), busy_seconds(lab)
    time.sleep(SLICE)
    passed = time.perf_counter() - start
    transactions = (lab.wire() - wire) / 2
    return Slice(transactions / passed, (busy_seconds(lab) - busy) / transactions)


def busy_seconds(lab: Pair) -> float:
    """Return the CPU time of all that runs in the lab, and of the kernel's threads for packets."""
    spaces = {space.path.readlink() for space in (lab.client, lab.server)}
    total = 0
    for task in Path("/proc").glob("[0-9]*/task/*"):
        with suppress(OSError):  # it ended
            name = (task / "comm").read_text()
            if name.startswith("ksoftirqd") or (task / "ns/net").readlink() in spaces:
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def exact(lab: Pair, queries: int) -> dict[str, dict[str, int]]:
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


def count(lab: Pair, names: list[str], server: str, options: tuple[str, ...]) -> dict[str, int]:
    """Count what one workload puts on the wire and what reaches the mirror."""
    agent = lab.start_agent()
    tap = lab.start_tap("pano0", "-w", "/dev/null", "-s", "128")
    before = lab.wire()
    load = lab.query(names, *options, server=server)
    agent_says = lab.sums()
    wire = lab.wire() - before
    captured, dropped = lab.tapped(tap)
    agent.stop()
    queries = {"queries": load["sent"], "lost": load["lost"], "wire": wire}
    return queries | agent_says | {"tapped": captured, "tap_dropped": dropped}


def run_ns(lab: Pair, queries: int) -> dict[str, float]:
    """Return the programs' mean run time, in ns, on packets of another port and on DNS."""
    runs = str(max(1, queries // len(NAMES)))
    found: dict[str, float] = {}
    with run_time_statistics(on=True):
        for kind, port in (("other", OTHER_PORT), ("dns", 53)):
            agent = lab.start_agent()
            lab.query(NAMES, *SATURATED, "-n", runs, "-p", str(port))
            for name, program in lab.status()["programs"].items():
                found[f"{kind} {name}"] = round(program["seconds"] / program["runs"] * 1e9, 1)
            agent.stop()
    return found


@contextmanager
def run_time_statistics(*, on: bool) -> Iterator[None]:
    """Have the kernel measure every run of every program, which costs 60 ns a run; or not."""
    before = STATISTICS.read_text()
    STATISTICS.write_text(str(int(on)))
    try:
        yield
    finally:
        STATISTICS.write_text(before)


def kills(lab: Pair, rounds: int) -> dict[str, object]:
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
        "queries": done["sent"],
        "lost": done["lost"],
    }


def main() -> None:
    """Run all of it in one lab and print a table, or one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=8)
    arguments.add_argument("--queries", type=int, default=200_000)
    arguments.add_argument("--kills", type=int, default=10)
    arguments.add_argument("--only", action="append", help="rates, exact, run_ns or kills")
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, Pair(Path(folder)) as lab:
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "rates": lambda: rates(lab, given.rounds),
            "exact": lambda: exact(lab, given.queries),
            "run_ns": lambda: run_ns(lab, given.queries),
            "kills": lambda: kills(lab, given.kills),
        }
        report = {name: parts[name]() for name in given.only or parts}
    if given.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    check(report)


def show(report: dict[str, dict[str, Any]]) -> None:
    """Print one line for each thing measured, with its budget."""
    for part, found in report.items():
        print(part)
        for name, value in found.items():
            figures = value.items() if isinstance(value, dict) else [("", value)]
            line = "  ".join(f"{what} {figure}" for what, figure in figures)
            print(f"  {name:16}{line}  {BUDGETS.get((part, name), '')}".rstrip())


def check(report: dict[str, Any]) -> None:
    """Exit with a message when something was lost or left; speed is for people to judge."""
    if report.get("rates", {"load": {"lost": 0}})["load"]["lost"]:
        sys.exit("bench: attaching or mirroring cost a query")
    killed = report.get("kills", {"lost": 0, "clean": True})
    if killed["lost"] or not killed["clean"]:
        sys.exit("bench: a kill left something, or cost a query")
    for name, seen in report.get("exact", {}).items():
        same = {seen["wire"], seen["matched"], seen["mirrored"], seen["tapped"]}
        if seen["lost"] or seen["error"] or len(same) > 1:
            sys.exit(f"bench: {name} does not add up")


if __name__ == "__main__":
    main()
