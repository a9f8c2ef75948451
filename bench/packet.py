"""What a look at a packet costs, by BPF_PROG_RUN on built packets.

`python bench/packet.py` (root) runs, with and without CAP_PERFMON, each program that the kernel
then takes: the one that reads packets in place, and the one that reads copies of their headers.
Least of 15 runs of 100,000 with warm caches, in ns; the rounds of all kinds of packets are
interleaved. `nothing` is a program of three instructions, so what the test itself costs. `dns` is
cloned into a mirror that is down, and freed there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from pano_glue.agent import layout, libbpf
from pano_glue.agent.agent import PROGRAM
from pano_glue.agent.choice import Choice, apply_choice
from pano_glue.agent.counts import Counts
from pano_glue.agent.devices import Network
from pano_glue.agent.kernel import holds
from pano_glue.agent.mirror import NO_ADDRESS, Mirror
from pano_glue.agent.tap import open_tap
from pano_glue.errors import PanoError
from tests.agent.packets import QUERY, TCP, ethernet, frame4, frame6, tcp, udp

STATISTICS = Path("/proc/sys/kernel/bpf_stats_enabled")
CAPABILITIES = "-all,+net_admin,+bpf,+perfmon"
PACKETS = {
    "udp": frame4(udp(40000, 54)),
    "tcp": frame4(tcp(40000, 443), TCP),
    "udp6": frame6(udp(40000, 54)),
    "icmp": frame4(QUERY, transport=1),
    "arp": ethernet(bytes(28), 0x0806),
    "dns": frame4(QUERY),
}


def measure(*, copies: bool, rounds: int, runs: int) -> dict[str, int]:
    """Return the ns that each kind of packet takes at ingress; needs a network namespace."""
    tap = open_tap("pag0")
    (mirror,) = (one for one in Network().interfaces() if one.name == "pag0")
    library = libbpf.open_library()
    programs = libbpf.BpfObject(library, PROGRAM, copies=copies)
    devices = Mirror(mirror, layout.CLONE_TO_INGRESS, onward=0, sensor=NO_ADDRESS).pack(relay=0)
    programs.map(".data.devices").update(layout.ONLY_KEY, devices)
    Counts(programs.map("counts"), library.libbpf_num_possible_cpus()).open(1, 0)
    apply_choice(programs, Choice(), once=False)
    found: dict[str, list[int]] = defaultdict(list)
    for _ in range(rounds):
        for name, packet in PACKETS.items():
            ran = programs.run("mirror_ingress", packet, repeat=runs)
            found[name].append(ran.nanoseconds)
        found["nothing"].append(programs.run("finish", PACKETS["udp"], repeat=runs).nanoseconds)
    programs.close()
    os.close(tap)
    return {name: min(each) for name, each in found.items()}


def main() -> None:
    """Measure with the capabilities that this process has, or start itself for each set."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--runs", type=int, default=100_000)
    arguments.add_argument("--here", action="store_true", help="with these capabilities alone")
    given = arguments.parse_args()
    if STATISTICS.read_text().strip() != "0":
        sys.exit("bench: kernel.bpf_stats_enabled is not 0: it would add 60 ns to each run")
    if not given.here:
        for drop in ("", ",-perfmon"):
            less = f"{CAPABILITIES}{drop}"
            argv = ["unshare", "--net", "setpriv", f"--bounding-set={less}", f"--inh-caps={less}"]
            argv += [sys.executable, *sys.argv, "--here"]
            subprocess.run(argv, check=True)
        return
    for copies in (False, True):
        what = "copies of headers" if copies else "in place"
        try:
            took = measure(copies=copies, rounds=given.rounds, runs=given.runs)
        except PanoError as error:
            print(f"{what}: {error}")
            continue
        word = "with" if holds("CAP_PERFMON") else "without"
        figures = "  ".join(f"{name} {nanoseconds}" for name, nanoseconds in took.items())
        print(f"{what}, {word} CAP_PERFMON: {figures}")


if __name__ == "__main__":
    main()
