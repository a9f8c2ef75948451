"""The tshark source: its pairing, and its numbers against dnsperf's and tshark's own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.bridge.living import Living, wait_until
from tests.bridge.records import total
from tests.damage.analysers import with_tshark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAPTURES = Path(__file__).parents[1] / "data" / "captures.py"
NETNS = "pbr-tshark"
RESPONDER = """
import socket, struct, threading

def answer(query):
    return query[:2] + b"\\x81\\x83" + query[4:]

def udp(family, host):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((host, 53))
    while True:
        query, client = server.recvfrom(4096)
        if b"lost" not in query:
            server.sendto(answer(query), client)

def tcp(family, host):
    server = socket.create_server((host, 53), family=family)
    while True:
        threading.Thread(target=stream, args=server.accept()[:1]).start()

def stream(connection):
    data = b""
    while chunk := connection.recv(65536):
        data, replies = data + chunk, b""
        while len(data) > 2 and len(data) >= 2 + (size := struct.unpack(">H", data[:2])[0]):
            replies += data[:2] + answer(data[2 : 2 + size])
            data = data[2 + size :]
        connection.sendall(replies)  # several messages to a segment

for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    threading.Thread(target=udp, args=(family, host)).start()
    threading.Thread(target=tcp, args=(family, host)).start()
print("ready", flush=True)
"""


@pytest.fixture(scope="module")
def captures(
    tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]
) -> Callable[[str], Path]:
    require("tshark")
    folder = tmp_path_factory.mktemp("captures")
    subprocess.run([sys.executable, CAPTURES, folder], check=True)
    return lambda name: folder / f"{name}.pcap"


def transactions(pcap: Path) -> list[dict[str, Any]]:
    return with_tshark(pcap).records


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("pipeline", {"answered": 4}),
        ("fragments", {"answered": 2}),
        ("transfer", {"answered": 1}),
        ("truncated", {"answered": 2}),
        ("ids", {"answered": 4, "timeout": 1}),
        ("late", {"timeout": 3, "late": 2, "orphan": 1}),
        ("early", {"answered": 1, "orphan": 2}),
        ("retransmits", {"answered": 2}),
        ("questions", {"answered": 4}),
    ],
)
def test_outcomes(captures: Callable[[str], Path], name: str, outcomes: dict[str, int]) -> None:
    assert Counter(t["outcome"] for t in transactions(captures(name))) == outcomes


@pytest.mark.parametrize("name", ["answers", "pipeline", "fragments", "header", "truncated"])
def test_rtt_is_tsharks_own(captures: Callable[[str], Path], name: str) -> None:
    argv = ["tshark", "-n", "-r", str(captures(name)), "-Y", "dns.time", "-T", "fields"]
    shown = subprocess.run(
        [*argv, "-e", "dns.time"], capture_output=True, text=True, check=True
    ).stdout
    theirs = sorted(map(float, re.split(r"[,\s]+", shown.strip())))
    ours = sorted(t["rtt"] for t in transactions(captures(name)) if "rtt" in t)
    assert ours == pytest.approx(theirs, abs=1.5e-6)
    assert ours


def test_a_retransmitted_query_is_one_transaction(captures: Callable[[str], Path]) -> None:
    first = transactions(captures("retransmits"))[0]
    assert first["retransmits"] == 2
    assert first["rtt"] == pytest.approx(2.75)
    assert first["rtt_last"] == pytest.approx(0.25)


def test_header_bits_and_extended_rcode(captures: Callable[[str], Path]) -> None:
    first, second, _ = transactions(captures("header"))
    assert all(first[bit] for bit in ("AD", "CD", "DO"))
    assert first["edns_bufsize"] == 4096
    assert (second["rcode"], second["rcode_name"]) == (23, "BADCOOKIE")


@pytest.fixture
def network(require_bpf: None, require: Callable[[str], str]) -> Iterator[list[str]]:
    """A namespace with a responder on port 53 of its loopback."""
    assert require_bpf is None
    ip = require("ip")
    require("dnsperf")
    subprocess.run([ip, "netns", "add", NETNS], check=True)
    inside = [ip, "netns", "exec", NETNS]
    subprocess.run([*inside, ip, "link", "set", "lo", "up"], check=True)
    responder = subprocess.Popen(
        [*inside, sys.executable, "-c", RESPONDER], stdout=subprocess.PIPE, text=True
    )
    try:
        assert responder.stdout
        assert responder.stdout.readline() == "ready\n"
        yield inside
    finally:
        responder.kill()
        responder.communicate()
        subprocess.run([ip, "netns", "del", NETNS], check=True)


def test_live_numbers_are_dnsperfs(network: list[str], tmp_path: Path) -> None:
    queries = tmp_path / "queries"
    names = [f"host{n}.example.org A" for n in range(100)]
    queries.write_text("\n".join([*names, "lost.example.org AAAA"]))
    bridge = Living(tmp_path, "--source", f"tshark:lo?netns={NETNS}")
    wait_until(lambda: "capturing" in bridge.errors())
    sent = completed = 0
    for server in ("127.0.0.1", "::1"):
        for mode in ("udp", "tcp"):
            argv = [*network, "dnsperf", "-s", server, "-d", str(queries), "-m", mode, "-n", "10"]
            said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            sent += int(re.findall(r"Queries sent:\s+(\d+)", said)[0])
            completed += int(re.findall(r"Queries completed:\s+(\d+)", said)[0])
    assert sent - completed == 20
    wait_until(lambda: total(bridge.page(), "pano_dns_queries_total") == sent)
    page = bridge.page()
    assert total(page, "pano_dns_responses_total", rcode="NXDOMAIN") == completed
    assert total(page, "pano_dns_timeouts_total", server="127.0.0.1") == 10
    assert total(page, "pano_dns_timeouts_total", server="::1") == 10
    assert bridge.end() == 0


def children(pid: int) -> set[int]:
    """Return the processes below one."""
    text = Path(f"/proc/{pid}/task/{pid}/children")
    tasks = Path(f"/proc/{pid}/task").glob("*/children") if text.exists() else []
    direct = {int(child) for task in tasks for child in task.read_text().split()}
    return direct.union(*map(children, direct))


def test_programs_end_with_the_bridge_however_it_dies(network: list[str], tmp_path: Path) -> None:
    assert network
    bridge = Living(tmp_path, "--source", f"tshark:lo?netns={NETNS}")
    wait_until(lambda: "capturing" in bridge.errors())
    programs = {
        Path(f"/proc/{pid}/comm").read_text().strip(): pid for pid in children(bridge.process.pid)
    }
    assert {"tshark", "dumpcap"} <= programs.keys()
    bridge.kill()
    wait_until(lambda: not any(is_running(pid) for pid in programs.values()))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
