"""`up` with stages that are killed, stopped or cut off under load.

The oracle is what Prometheus stored, sample by sample; it is compared with what dnsperf sent and
with the records that lie on the disk.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.live import Live, descendants, host_state, lab_command, live_lab, wait_until
from tests.lab.oracle import ask, stored, total

if TYPE_CHECKING:
    from pathlib import Path

QUERIES = "pano_dns_queries_total"
COUNTED = 'pano_bridge_records_total{log="dns",result="counted"}'
END_SECONDS = 15  # 5 on a machine that does nothing else
RATE = ("--rate", "150")  # tshark keeps up with it on a busy machine


def sent(folder: Path) -> int:
    """Add up what every dnsperf says that it sent."""
    printed = "".join(path.read_text() for path in folder.glob("*-*[46].log"))
    return sum(map(int, re.findall(r"Queries sent: +(\d+)", printed)))


def records(folder: Path) -> int:
    """Count the records that Zeek wrote."""
    return sum(path.read_bytes().count(b"\n") for path in (folder / "zeek").glob("dns*.log"))


def end_load(live: Live) -> None:
    """Let every dnsperf print its summary."""
    loads = [one for one in descendants(live.process.pid) if "dnsperf -s" in one.command]
    for load in loads:
        os.kill(load.pid, signal.SIGINT)
    wait_until(lambda: not any(load.runs() for load in loads), 30, "the load ends")


def kill(live: Live, name: str) -> None:
    """Kill a stage, and wait until it does its work again."""
    before = len(live.said())
    os.kill(live.stage(name).pid, signal.SIGKILL)
    live.wait_for_word(f"{name} was ended by SIGKILL", after=before)
    live.wait_for_word(f"{name} is up again", after=before)


def wait_for_more(live: Live) -> None:
    """Wait until Prometheus stores more records than now."""
    before = total(ask(live.prometheus, COUNTED))
    wait_until(lambda: total(ask(live.prometheus, COUNTED)) > before, 60, "records are counted")


def settle(live: Live, selector: str) -> int:
    """Wait until Prometheus stores nothing new; returns what it has."""
    seen: list[int] = []

    def steady() -> bool:
        seen.append(total(ask(live.prometheus, selector)))
        return len(seen) > 50 and len(set(seen[-50:])) == 1

    wait_until(steady, 90, "Prometheus has all")
    return seen[-1]


@pytest.mark.usefixtures("lab_tools")
def test_every_stage_killed_by_turns(analyzer: str, tmp_path: Path) -> None:
    before = host_state()
    names = ["agent", "bridge", "prometheus"] + ["zeek"] * (analyzer == "zeek")
    with live_lab(tmp_path, *RATE) as live:
        for name in names:
            kill(live, name)
            wait_for_more(live)
        end_load(live)
        counted = settle(live, COUNTED)
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(END_SECONDS) == 0
    if analyzer == "zeek":
        assert counted == records(live.folder)
    queries, lines = stored(live.folder, QUERIES, COUNTED)
    assert not any(series.resets() for series in (*queries, *lines))
    assert total(lines) == counted
    assert 0 < total(queries) <= sent(live.folder)
    print(f"{sent(live.folder)} sent, {total(queries)} queries in {counted} records counted")
    assert host_state() == before


@pytest.mark.usefixtures("lab_tools")
def test_bridge_and_prometheus_lose_nothing(analyzer: str, tmp_path: Path) -> None:
    if analyzer != "zeek":
        pytest.skip("zeek is not installed (packets that tshark read cannot be read again)")
    argv, _ = lab_command(tmp_path / "work", "--seconds", "20", "--json", *RATE)
    said = tmp_path / "up.err"
    with said.open("wb") as err, subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=err) as up:
        live = Live(up, tmp_path / "work", "", said)
        live.wait_for_word("PANO is up")
        kill(live, "bridge")
        kill(live, "prometheus")
        kill(live, "bridge")
        printed, _ = up.communicate(timeout=120)
    assert up.returncode == 0, said.read_text()
    report = json.loads(printed)
    assert report["restarts"] == {"agent": 0, "zeek": 0, "bridge": 2, "prometheus": 1}
    (queries,) = stored(live.folder, QUERIES)
    assert total(queries) == sent(live.folder)
    assert not any(series.resets() for series in queries)


@pytest.mark.usefixtures("lab_tools")
def test_what_does_not_answer_is_shown_and_outlived(analyzer: str, tmp_path: Path) -> None:
    with live_lab(tmp_path, *RATE) as live:
        live.wait_for_word("counted 1")  # and more digits: the first records
        bridge = live.stage("bridge")
        at = len(live.said())
        os.kill(bridge.pid, signal.SIGSTOP)
        live.wait_for_word("counted - records", after=at)
        os.kill(bridge.pid, signal.SIGCONT)
        # An analyzer that hangs.
        word = " -i pano0" if analyzer == "zeek" else "tshark -n"
        (hanging,) = (
            one
            for one in descendants(live.process.pid)
            if word in one.command and "nsenter" not in one.command
        )
        os.kill(hanging.pid, signal.SIGSTOP)
        live.wait_for_word("SILENT for", after=at)
        os.kill(hanging.pid, signal.SIGCONT)
        # Somebody removes the mirror.
        at = len(live.said())
        argv = ["nsenter", f"--net=/proc/{router(live)}/ns/net", "ip", "link", "del", "pano0"]
        subprocess.run(argv, check=True)
        live.wait_for_word("agent is up again", after=at)
        live.wait_for_word(f"{'zeek' if analyzer == 'zeek' else 'bridge'} is up again", after=at)
        wait_for_more(live)
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(END_SECONDS) == 0


def router(live: Live) -> int:
    """Find the process that holds the namespace of the mirror."""
    found = re.search(r"--netns (\d+)", live.stage("agent").command)
    assert found
    return int(found[1])
