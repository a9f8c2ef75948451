"""The agent on real interfaces, in network namespaces that go with the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pano_glue.lab.network import Namespace, connect
from pano_glue.lab.pair import AGENT, NAMES, PATIENCE, PORT, Pair, output
from pano_glue.pipeline.process import Child, wait_for
from tests.agent.packets import QUERY, UDP, ipv4

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = int(os.environ.get("PANO_AGENT_KILLS", "5"))
SEND_BARE = """\
import os, sys
from pano_glue.agent.tap import open_tap
fd = open_tap("bare0", bare=True)
print("open", flush=True)
for line in sys.stdin:
    os.write(fd, bytes.fromhex(line))
    print("written", flush=True)
"""


@pytest.fixture
def neighbour(tmp_path: Path, program_file: Path) -> Path:  # noqa: ARG001 # skips without clang
    """Other people's programs, compiled."""
    built = tmp_path / "neighbour.bpf.o"
    source = Path(__file__).with_name("neighbour.bpf.c")
    headers = ["-idirafter", f"/usr/include/{os.uname().machine}-linux-gnu"]
    subprocess.run(
        ["clang", "-target", "bpf", "-O2", "-g", *headers, "-c", str(source), "-o", str(built)],
        check=True,
    )
    return built


def add_program(where: Namespace, device: str, side: str, program: Path, section: str) -> None:
    """Add somebody else's program at preference 1, as Cilium does."""
    place = ["tc", "filter", "add", "dev", device, side, "prio", "1", "protocol", "all"]
    where.run(*place, "bpf", "direct-action", "obj", str(program), "sec", f"classifier/{section}")


def require_way(lab: Pair, way: str) -> None:
    """Skip where the kernel has no tcx."""
    if way == "tcx":
        agent = lab.start_agent()
        found = lab.status()["attached"]
        agent.stop()
        if found != way:
            pytest.skip("the kernel has no tcx")


def shown(namespace: Namespace, *argv: str) -> str:
    done = subprocess.run(namespace.enter(argv), capture_output=True, text=True, check=True)
    return done.stdout


def test_matched_is_mirrored_is_on_the_wire(lab: Pair) -> None:
    before = lab.traces()
    agent = lab.start_agent()
    tap = lab.start_tap("pano0", "-w", "/dev/null")
    wire = lab.wire()
    udp = lab.query(NAMES, "-n", "4")
    tcp = lab.query(NAMES, "-n", "1", "-m", "tcp", "-c", "4")
    long = lab.query(["big.pano.test TXT"] * 200, "-n", "1", "-e", "-q", "20")
    assert [load["completed"] for load in (udp, tcp, long)] == [2000, 500, 200]
    said = lab.sums()
    wire = lab.wire() - wire
    assert said == {"matched": wire, "mirrored": wire, "duplicate": 0, "error": 0}
    assert lab.tapped(tap) == (wire, 0)
    agent.stop()
    assert lab.traces() == before


@pytest.mark.parametrize("way", ["tcx", "clsact"])
def test_kill_leaves_nothing_and_harms_nobody(lab: Pair, way: str) -> None:
    if way == "clsact":
        lab.server.run("tc", "qdisc", "add", "dev", PORT, "clsact")
        pass_on = ["u32", "match", "u32", "0", "0", "action", "mirred", "egress", "mirror"]
        for priority in ("1", "60000"):
            owner = ["tc", "filter", "add", "dev", PORT, "ingress", "prio", priority]
            lab.server.run(*owner, "protocol", "ip", *pass_on, "dev", "lo", "continue")
    require_way(lab, way)
    before = lab.traces()
    load = lab.start_load(NAMES, "-l", "60", "-Q", "2000")
    for _ in range(ROUNDS):
        agent = lab.start_agent("--attach", way)
        lab.kill(agent)
        if way == "tcx":
            assert wait_for(lambda: lab.traces() == before, PATIENCE)
    lab.cleanup()
    assert lab.traces() == before
    os.kill(load.pid, signal.SIGINT)
    done = lab.finish(load)
    assert done["completed"] + done["interrupted"] == done["sent"] > 0
    assert done["lost"] == 0


def test_a_clean_end_leaves_the_neighbours_clsact(lab: Pair) -> None:
    lab.server.run("tc", "qdisc", "add", "dev", PORT, "clsact")
    before = lab.traces()
    lab.start_agent("--attach", "clsact").stop()
    assert lab.traces() == before


def test_a_bridge_shows_packets_twice_and_they_are_mirrored_once(
    lab: Pair, tmp_path: Path, neighbour: Path, require: Callable[[str], str]
) -> None:
    tshark = require("tshark")
    host = lab.server  # becomes a bridge between the client and two pods, one of them in a VLAN
    host.ip("address", "flush", "dev", PORT)
    host.ip("link", "set", PORT, "address", "02:00:00:00:09:fe")
    host.ip("link", "add", "br0", "up", "type", "bridge")
    host.ip("link", "set", PORT, "master", "br0")
    pods = {number: Namespace(f"pod{number}", tmp_path) for number in (2, 3)}
    servers = []
    for number, pod in pods.items():
        connect(host, f"pod{number}", pod, "eth0", 10 + number)
        host.ip("address", "flush", "dev", f"pod{number}")
        host.ip("link", "set", f"pod{number}", "master", "br0")
        mac = f"02:00:00:00:09:{number:02x}"
        pod.ip("link", "set", "eth0", "address", mac)
        pod.ip("address", "add", f"198.18.9.{number}/24", "dev", "eth0")
        neighbours = ["lladdr", "02:00:00:00:09:01", "dev", "eth0", "nud", "permanent"]
        pod.ip("neigh", "replace", "198.18.9.1", *neighbours)
        lab.client.ip("neigh", "replace", f"198.18.9.{number}", "lladdr", mac, "dev", "cl0")
        servers.append(lab.start_resolver(f"nsd{number}", pod))
    for namespace, device in ((lab.client, "cl0"), (pods[3], "eth0")):
        namespace.run("tc", "qdisc", "add", "dev", device, "clsact")
        for side, section in (("egress", "tag"), ("ingress", "untag")):
            add_program(namespace, device, side, neighbour, section)
    agent = lab.start_agent("--iface", "br0", "--iface", "pod*")
    capture = tmp_path / "pano0.pcap"
    tap = lab.start_tap("pano0", "-w", str(capture))
    completed = {
        pod: lab.query(NAMES, "-n", "2", server=f"198.18.9.{pod}")["completed"] for pod in pods
    }
    assert completed == {2: 1000, 3: 1000}
    wire = 2 * sum(completed.values())  # the counters of the bridge's port hold its MLD too
    assert lab.tapped(tap) == (wire, 0)
    said = lab.sums()
    assert said["mirrored"] == wire
    assert said["duplicate"] == said["matched"] - wire >= wire
    read = [tshark, "-r", str(capture), "-T", "fields", "-e", "vlan.id", "-Y"]
    vlans = Counter(output([*read, "dns.time"]).splitlines())
    assert vlans == {"": 1000, "7": 1000}, "transactions"
    agent.stop()
    for child in (*servers, *(pod.child for pod in pods.values())):
        child.stop()


def test_a_mirror_without_tun_lasts_until_the_cleanup(lab: Pair) -> None:
    before = lab.traces()
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$0" "$@"']
    agent = lab.start_agent(before=hidden)
    tap = lab.start_tap("pano0", "-w", "/dev/null")
    wire = lab.wire()
    assert lab.query(NAMES, "-n", "2")["completed"] == 1000
    said = lab.sums()
    assert said["mirrored"] == said["matched"] == lab.wire() - wire
    assert lab.tapped(tap) == (said["mirrored"], 0)
    lab.kill(agent)
    assert "interface pano0" in lab.cleanup()
    assert lab.traces() == before


def test_comes_before_a_neighbour_that_lets_nobody_come_after_it(
    lab: Pair, neighbour: Path
) -> None:
    lab.server.run("tc", "qdisc", "add", "dev", PORT, "clsact")
    for side in "ingress", "egress":
        add_program(lab.server, PORT, side, neighbour, "untag")
    before = lab.traces()
    agent = lab.start_agent("--attach", "clsact")
    assert lab.query(NAMES, "-n", "1")["completed"] == 500
    assert lab.sums()["mirrored"] == 1000
    lab.kill(agent)
    lab.cleanup()
    assert lab.traces() == before


def test_interfaces_come_and_go(lab: Pair) -> None:
    agent = lab.start_agent("--iface", "new*", iface="lo")

    def names() -> set[str]:
        return {row["interface"] for row in lab.status()["interfaces"]}

    lab.server.ip("link", "add", "new0", "type", "veth", "peer", "name", "other0")
    assert wait_for(lambda: names() == {"lo", "new0"}, 5)
    lab.server.ip("link", "del", "new0")
    assert wait_for(lambda: names() == {"lo"}, 5)
    agent.stop()


def test_bare_packets_get_an_ethernet_header(lab: Pair) -> None:
    owner = subprocess.Popen(
        lab.server.enter([sys.executable, "-c", SEND_BARE]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdin
    assert owner.stdout
    assert owner.stdout.readline() == "open\n"
    lab.server.ip("link", "set", "bare0", "up")
    agent = lab.start_agent(iface="bare0")
    tap = lab.start_tap("pano0", "-e", "-c", "1")
    owner.stdin.write(ipv4(UDP, QUERY).hex() + "\n")
    owner.stdin.flush()
    tap.wait(10)
    assert "ethertype IPv4" in tap.output()
    assert "A? example.org" in tap.output()
    assert lab.sums()["mirrored"] == 1
    owner.stdin.close()
    owner.wait(10)
    agent.stop()


def test_a_remote_sensor_gets_whole_packets(lab: Pair) -> None:
    before = lab.traces()
    agent = lab.start_agent("--mirror", "vxlan:7@198.18.9.1", "--tunnels")
    lab.client.ip("link", "add", "vx7", "type", "vxlan", "id", "7", "dstport", "4789")
    lab.client.ip("link", "set", "vx7", "up")
    argv = ["tcpdump", "-n", "-i", "vx7", "--immediate-mode", "-c", "4", "ip"]
    tap = Child("sensor", lab.client.enter(argv), lab.folder)
    tap.wait_until(lambda: "listening on" in tap.output(), "word that tcpdump listens")
    assert lab.query(["big.pano.test TXT"], "-n", "1", "-e")["completed"] == 1
    tap.wait(10)
    assert tap.output().count(" > 198.18.9.1: ip-proto-17") == 2, "later fragments, whole"
    assert lab.sums() == {"matched": 4, "mirrored": 4, "duplicate": 0, "error": 0}
    agent.stop()
    assert lab.traces() == before


def test_two_capabilities_are_enough(lab: Pair, require: Callable[[str], str]) -> None:
    drop = "-all,+net_admin,+bpf"
    argv = [require("setpriv"), f"--bounding-set={drop}", f"--inh-caps={drop}", str(AGENT), "run"]
    argv += ["--iface", PORT, "--control", str(lab.folder / "agent.sock"), "--listen", ""]
    assert "missing" not in output(lab.server.enter([*argv, "--check"]))
    agent = Child("agent", lab.server.enter(argv), lab.folder)
    agent.wait_until(lambda: "mirroring" in agent.output(), "word that it mirrors", PATIENCE)
    assert lab.query(NAMES, "-n", "2")["completed"] == 1000
    assert lab.sums()["mirrored"] == 2000
    agent.stop()


def test_another_namespace_is_mirrored_to_here(lab: Pair, tmp_path: Path) -> None:
    here = Namespace("here", tmp_path)
    control = tmp_path / "agent.sock"
    argv = [str(AGENT), "run", "--iface", PORT, "--netns", str(lab.server.child.pid)]
    argv += ["--control", str(control), "--listen", ""]
    agent = Child("agent", here.enter(argv), tmp_path)
    agent.wait_until(lambda: "mirroring" in agent.output(), "word that it mirrors", PATIENCE)
    assert "pano0@" in shown(here, "ip", "-br", "link")
    lab.query(NAMES, "-n", "2")
    assert lab.sums()["mirrored"] == 2000
    counted = shown(here, "ip", "-s", "-j", "link", "show", "pano0")
    assert '"packets":2000' in counted
    agent.stop()
    assert "pano0" not in shown(here, "ip", "-br", "link")
    here.child.stop()


def test_what_was_mirrored_is_kept_in_a_ring(
    lab: Pair, tmp_path: Path, require: Callable[[str], str]
) -> None:
    for program in ("dumpcap", "tshark", "pgrep"):
        require(program)
    ring = tmp_path / "ring"
    keep = ("--keep-packets", "5MB", "--packets-folder", str(ring))
    agent = lab.start_agent(*keep)
    (first,) = ring.glob("ring_*.pcapng")
    os.kill(dumpcap(agent), signal.SIGKILL)
    assert wait_for(lambda: len(list(ring.glob("ring_*.pcapng"))) > 1, PATIENCE), "started again"
    assert wait_for(lambda: "packets is up again" in agent.output(), PATIENCE)
    assert lab.query(NAMES, "-n", "4")["completed"] == 2000
    assert wait_for(lambda: kept(ring) == 4000, PATIENCE)
    assert first.exists(), "of the dumpcap that was killed"
    last = dumpcap(agent)
    agent.stop()
    assert not Path(f"/proc/{last}").exists()


def dumpcap(agent: Child) -> int:
    """Find the dumpcap of an agent."""
    return int(output(["pgrep", "-P", str(agent.pid), "dumpcap"]))


def kept(ring: Path) -> int:
    """Let tshark count the DNS messages in a ring."""
    lines = 0
    for path in ring.glob("ring_*.pcapng"):
        argv = ["tshark", "-n", "-r", str(path), "-Y", "dns"]
        lines += subprocess.run(argv, capture_output=True, check=False).stdout.count(b"\n")
    return lines
