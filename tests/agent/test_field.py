"""What happens to an agent in the field: neighbours that tidy up, renames, restarts, clocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pano_glue.lab.network import Namespace
from pano_glue.lab.pair import AGENT, NAMES, PATIENCE, PORT, Pair, output
from pano_glue.pipeline.process import Child, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = PATIENCE / 2  # seconds within which a hook that went is noticed: 10
LIVES = int(os.environ.get("PANO_AGENT_LIVES", "4"))  # kills under load; 20 for a long run
REFUSE_BPF = Path(__file__).with_name("refuse_bpf.py")


def mirrored_all(lab: Pair, queries: int = 500) -> bool:
    """Send queries; tells whether both directions of all of them were mirrored."""
    before = lab.sums()["mirrored"]
    assert lab.query(NAMES, "-n", str(queries // 500))["completed"] == queries
    return lab.sums()["mirrored"] - before == 2 * queries


def listens(tap: Child) -> bool:
    """Tell whether a tcpdump captures yet."""
    return "listening on" in tap.output()


def again(lab: Pair) -> int:
    """Add up how often programs had to be attached again."""
    return sum(row["attached_again"] for row in lab.status()["interfaces"])


@pytest.mark.parametrize("mode", ["udp", "tcp"])
def test_clones_have_the_time_of_the_packet(
    lab: Pair, tmp_path: Path, mode: str, require: Callable[[str], str]
) -> None:
    tshark = require("tshark")
    agent = lab.start_agent()
    taps, captures = [], {device: tmp_path / f"{device}.pcap" for device in (PORT, "pano0")}
    for device, capture in captures.items():
        argv = ["tcpdump", "-n", "-i", device, "-B", "65536", "--immediate-mode"]
        tap = Child(f"tap-{device}", lab.server.enter([*argv, "-w", str(capture)]), tmp_path)
        tap.wait_until(partial(listens, tap), "word that it listens", PATIENCE)
        taps.append(tap)
    assert lab.query(NAMES, "-n", "1", "-m", mode, "-Q", "500")["completed"] == 500
    for tap in taps:
        tap.stop()
    agent.stop()

    (original, answered), (clones, cloned) = (
        read_times(tshark, captures[device]) for device in (PORT, "pano0")
    )
    # tshark times no answer that it sees before its query, and each CPU has a backlog of its own:
    # on a busy machine a clone may overtake another.
    assert len(original) == len(clones)
    assert min(len(answered), len(cloned)) > 450
    late = sorted(abs(clones[packet] - original[packet]) for packet in original)
    wrong = sorted(abs(cloned[one] - answered[one]) for one in answered.keys() & cloned.keys())
    # It may also hold any packet up between the two taps, but not most of them, and a clock that
    # counts from the boot is decades off.
    assert late[len(late) // 2] < 0.001, late
    assert wrong[len(wrong) // 2] < 0.001, wrong
    assert late[-1] < 1, late


def read_times(tshark: str, capture: Path) -> tuple[dict[tuple[str, ...], float], dict[str, float]]:
    """Read when each packet with DNS came, by what tells it apart, and each answer's time."""
    fields = ["frame.time_epoch", "udp.srcport", "tcp.srcport", "tcp.seq_raw", "tcp.len"]
    fields += ["dns.id", "dns.time"]
    words = [word for field in fields for word in ("-e", field)]
    rows = output([tshark, "-r", str(capture), "-Y", "udp or tcp.len > 0", "-T", "fields", *words])
    packets: dict[tuple[str, ...], float] = {}
    answers: dict[str, float] = {}
    for frame, *key, ids, times in (row.split("\t") for row in rows.splitlines()):
        packets[*key, ids if key[0] else ""] = float(frame)
        if ids.count(",") == times.count(",") and times:  # else one in the segment has none
            answers |= zip(ids.split(","), map(float, times.split(",")), strict=True)
    return packets, answers


def test_the_packet_keeps_its_own_departure_time(program: object) -> None:
    programs = program.programs  # type: ignore[attr-defined] # tests.agent.conftest.Program
    from tests.agent.packets import QUERY, frame4

    for time in (0, 12_345, 1_700_000_000_000_000_000):
        ran = programs.run("mirror_egress", frame4(QUERY), time=time)
        assert ran.time == time


def test_an_ingress_qdisc_in_the_way_is_refused_with_the_cure(lab: Pair) -> None:
    lab.server.run("tc", "qdisc", "add", "dev", PORT, "ingress")
    before = lab.traces()
    agent = lab.launch_agent("--attach", "clsact")
    with pytest.raises(Exception, match="ended"):
        agent.wait_until(lambda: False, "its end", PATIENCE)
    assert f"{PORT} has a qdisc `ingress`, beside which nothing that leaves" in agent.output()
    assert "Traceback" not in agent.output()
    assert lab.traces() == before


def test_tcx_does_not_mind_an_ingress_qdisc(lab: Pair) -> None:
    require_tcx(lab)
    lab.server.run("tc", "qdisc", "add", "dev", PORT, "ingress")
    agent = lab.start_agent()
    assert mirrored_all(lab)
    agent.stop()


def require_tcx(lab: Pair) -> None:
    """Skip where the kernel has no tcx."""
    agent = lab.start_agent()
    found = lab.status()["attached"]
    agent.stop()
    if found != "tcx":
        pytest.skip("the kernel has no tcx")


def test_a_clsact_that_somebody_removed_is_made_again(lab: Pair) -> None:
    before = lab.traces()
    agent = lab.start_agent("--attach", "clsact")
    assert mirrored_all(lab)
    lab.server.run("tc", "qdisc", "del", "dev", PORT, "clsact")
    assert wait_for(lambda: again(lab) == 2, SOON)
    assert mirrored_all(lab)
    assert "was detached from" in agent.output()
    lab.server.run("tc", "qdisc", "del", "dev", "pano0", "clsact")
    assert wait_for(lambda: "finish was detached" in agent.output(), SOON)
    agent.stop()
    assert lab.traces() == before


def test_a_hook_that_is_refused_does_not_keep_others_from_being_mended(lab: Pair) -> None:
    lab.server.ip("link", "add", "zz0", "type", "veth", "peer", "name", "zz1")
    agent = lab.start_agent("--attach", "clsact", "--iface", "zz0")
    for device in (PORT, "zz0"):
        lab.server.run("tc", "qdisc", "del", "dev", device, "clsact")
        if device == PORT:
            lab.server.run("tc", "qdisc", "add", "dev", device, "ingress")
    assert wait_for(lambda: again(lab) == 2, SOON), "zz0, in both directions"
    assert wait_for(lambda: f"{PORT} has a qdisc `ingress`" in agent.output(), SOON)
    lab.server.run("tc", "qdisc", "del", "dev", PORT, "ingress")
    assert wait_for(lambda: again(lab) == 4, SOON)
    assert mirrored_all(lab)
    agent.stop()


def test_a_link_that_somebody_detached_is_made_again(
    lab: Pair, require: Callable[[str], str]
) -> None:
    bpftool = require("bpftool")
    agent = lab.start_agent()
    if lab.status()["attached"] != "tcx":
        pytest.skip("the kernel has no tcx")
    links = links_of(agent.pid)
    assert len(links) == 3, "both directions, and the mirror's"
    for link in links:
        subprocess.run([bpftool, "link", "detach", "id", link], check=True)
    assert wait_for(lambda: again(lab) == 2, SOON)
    assert mirrored_all(lab)
    assert "finish was detached" in agent.output()
    agent.stop()


def links_of(pid: int) -> list[str]:
    """List the BPF links that a process holds, by its descriptors."""
    said = [info.read_text() for info in Path(f"/proc/{pid}/fdinfo").iterdir()]
    return [text.partition("\nlink_id:\t")[2].split("\n")[0] for text in said if "link_id" in text]


def test_a_mirror_that_somebody_set_down_or_removed(lab: Pair) -> None:
    agent = lab.start_agent()
    lab.server.ip("link", "set", "pano0", "down")
    assert wait_for(lambda: "pano0 was down: set up again" in agent.output(), SOON)
    assert mirrored_all(lab)
    lab.server.ip("link", "del", "pano0")
    with pytest.raises(Exception, match="ended"):
        agent.wait_until(lambda: False, "its end", PATIENCE)
    assert "pano0 has gone: somebody removed or renamed it: start again" in agent.output()


def test_labels_follow_an_interface_and_come_once(lab: Pair) -> None:
    for name in ("new0", "new1"):
        lab.server.ip("link", "add", name, "type", "veth", "peer", "name", f"p-{name}")
    agent = lab.start_agent("--iface", "new*")

    def names() -> list[str]:
        return [
            row["interface"] for row in lab.status()["interfaces"] if row["direction"] == "egress"
        ]

    assert sorted(names()) == ["new0", "new1", PORT]
    lab.server.ip("link", "set", "new0", "name", "new2")
    assert wait_for(lambda: sorted(names()) == ["new1", "new2", PORT], SOON)
    lab.server.ip("link", "set", "new1", "name", "other")
    lab.server.ip("link", "set", "new2", "name", "new1")
    assert wait_for(lambda: sorted(names()) == ["new1", PORT], SOON)
    lab.server.ip("link", "set", PORT, "name", "new3")
    assert wait_for(lambda: sorted(names()) == ["new1", "new3"], SOON)
    lab.server.ip("link", "set", "new3", "name", PORT)
    assert wait_for(lambda: sorted(names()) == ["new1", PORT], SOON)
    assert mirrored_all(lab)
    agent.stop()


def test_a_kept_mirror_outlives_agents(lab: Pair) -> None:
    before = lab.traces()
    tap: Child | None = None
    captured = 0
    for life in range(LIVES):
        agent = lab.start_agent("--keep-mirror")
        tap = tap or lab.start_tap("pano0", "-w", "/dev/null")
        assert lab.query(NAMES, "-n", "1")["completed"] == 500
        captured += lab.sums()["mirrored"]
        if life < LIVES - 1:
            lab.kill(agent)
        else:
            agent.stop()
    assert captured == 1000 * LIVES
    assert tap
    assert lab.tapped(tap) == (captured, 0), "one socket saw what all agents mirrored"
    kept = ["cleanup", "--keep-mirror", "--netns", str(lab.server.child.pid)]
    output([str(AGENT), *kept])
    assert "pano0" in lab.traces()
    lab.cleanup()
    assert lab.traces() == before


def test_an_agent_without_the_option_removes_a_kept_mirror(lab: Pair) -> None:
    before = lab.traces()
    lab.start_agent("--keep-mirror").stop()
    lab.start_agent().stop()
    assert lab.traces() == before


def test_a_namespace_that_went_ends_the_run(
    tmp_path: Path,
    require_bpf: None,  # noqa: ARG001 # skips
    program_file: Path,  # noqa: ARG001 # builds
) -> None:
    here = Namespace("here", tmp_path)
    there = Namespace("there", tmp_path)
    argv = [str(AGENT), "run", "--iface", "lo", "--netns", str(there.child.pid)]
    argv += ["--control", str(tmp_path / "agent2.sock"), "--listen", ""]
    agent = Child("agent2", here.enter(argv), tmp_path)
    agent.wait_until(lambda: "mirroring" in agent.output(), "word that it mirrors", PATIENCE)
    there.child.stop()
    with pytest.raises(Exception, match="ended"):
        agent.wait_until(lambda: False, "its end", PATIENCE)
    assert "has gone: start again" in agent.output()
    here.child.stop()


def test_pages_over_http_tell_health(lab: Pair, tmp_path: Path) -> None:
    argv = [str(AGENT), "run", "--iface", PORT, "--control", str(tmp_path / "agent3.sock")]
    argv += ["--listen", "127.0.0.1:15399", "--sensor", "ns1"]
    agent = Child("agent3", lab.server.enter(argv), tmp_path)
    agent.wait_until(lambda: "mirroring" in agent.output(), "word that it mirrors", PATIENCE)
    get = (
        "import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())"
    )

    def page(path: str) -> str:
        asker = [sys.executable, "-c", get, f"http://127.0.0.1:15399{path}"]
        return output(lab.server.enter(asker))

    assert page("/healthz") == "ok\n"
    assert f'pano_agent_packets_total{{direction="egress",iface="{PORT}",sensor="ns1"' in page(
        "/metrics"
    )
    assert json.loads(page("/status"))["mirror"] == "pano0"
    agent.stop()


def test_a_seccomp_filter_is_named(lab: Pair) -> None:
    argv = [sys.executable, str(REFUSE_BPF), str(AGENT), "run", "--iface", PORT]
    argv += ["--control", str(lab.folder / "agent.sock"), "--listen", ""]
    for more in ([], ["--check"]):
        done = subprocess.run(
            lab.server.enter([*argv, *more]), capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "a seccomp filter forbids it: allow bpf(2)" in said
        assert "Traceback" not in said


def test_nothing_is_written_below_proc_sys(lab: Pair, require: Callable[[str], str]) -> None:
    require("unshare")
    read_only = 'mount -o bind,ro /proc/sys /proc/sys && exec "$0" "$@"'
    agent = lab.start_agent(before=["unshare", "--mount", "sh", "-c", read_only])
    address = json.loads(output(lab.server.enter(["ip", "-j", "addr", "show", "pano0"])))
    assert address[0]["addr_info"] == []
    assert mirrored_all(lab)
    agent.stop()
