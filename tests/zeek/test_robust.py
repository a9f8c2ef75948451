"""Hostile traffic: no script error, bounded memory; and a Zeek without Broker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pano_glue.paths import shared_folder
from tests.data.packets import Host, query, reply, udp, write_pcap
from tests.zeek.fuzz import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.data.packets import Packet

SERVER = Host("192.0.2.53", 53)
FLOOD = 60_000


def test_mutated_messages_are_no_script_error(require: Callable[[str], str]) -> None:
    seed = int(os.environ.get("PANO_SEED", "7"))
    assert faults(Path(require("zeek")), seed, 20_000) == [], f"PANO_SEED={seed}"


def queries() -> Iterator[Packet]:
    """Unanswered queries on a few flows."""
    for number in range(FLOOD):
        client = Host("192.0.2.1", 40_000 + number % 4)
        name = f"n{number}.example"
        yield number / FLOOD, udp(client, SERVER, query(number // 4 % 65536, name))[0]


def replies() -> Iterator[Packet]:
    """Replies to nothing on a few flows."""
    for number in range(FLOOD):
        client = Host("192.0.2.1", 40_000 + number % 4)
        name = f"n{number}.example"
        yield number / FLOOD, udp(SERVER, client, reply(number // 4 % 65536, name))[0]


def same_id() -> Iterator[Packet]:
    """Unanswered questions that all have one id."""
    for number in range(FLOOD):
        client = Host("192.0.2.1", 40_000 + number % 4)
        yield number / FLOOD, udp(client, SERVER, query(7, f"n{number}.example"))[0]


def peak_kilobytes(zeek: str, capture: Path, folder: Path, *settings: str) -> int:
    """Return the most memory that Zeek took while it read a capture."""
    argv = [zeek, "-b", "-r", str(capture), str(shared_folder("zeek-scripts")), *settings]
    with subprocess.Popen(argv, cwd=folder) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


@pytest.mark.parametrize("flood", [queries, replies, same_id])
def test_bounds_bound_memory(
    flood: Callable[[], Iterator[Packet]], tmp_path: Path, require: Callable[[str], str]
) -> None:
    capture, nothing = tmp_path / "flood.pcap", tmp_path / "nothing.pcap"
    write_pcap(capture, flood())
    write_pcap(nothing, [])
    zeek = require("zeek")
    bounds = ("PANO::max_pending=1000", "PANO::max_early=1000")
    least = peak_kilobytes(zeek, nothing, tmp_path)
    bounded = peak_kilobytes(zeek, capture, tmp_path, *bounds)
    # A record is about a kilobyte, and Zeek hands lines to its log's thread in blocks.
    assert bounded - least < 40_000
    assert (tmp_path / "dns.log").read_bytes().count(b"\n") == FLOOD


def test_a_zeek_without_broker_loads_the_package(
    tmp_path: Path, data: Path, require: Callable[[str], str]
) -> None:
    # Such a Zeek has no module of that name.
    package = tmp_path / "package"
    shutil.copytree(shared_folder("zeek-scripts"), package)
    for script in package.rglob("*.zeek"):
        text = script.read_text()
        script.write_text(re.sub(r"\bBroker::", "Absent::", text))
    capture = data / "cases" / "span-duplicates.pcap"
    argv = [require("zeek"), "-b", "-r", str(capture), str(package)]
    subprocess.run(argv, cwd=tmp_path, check=True)
    assert (tmp_path / "dns.log").read_bytes().count(b"\n") == 20
    refused = subprocess.run(
        [*argv, "PANO::broker_port=9999/tcp"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "PANO::broker_port: this Zeek was built without Broker" in refused.stderr
