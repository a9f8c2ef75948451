"""A protocol is one folder and one Zeek script: a toy one, added to a copy of PANO."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from pano_glue.paths import find_zeek
from pano_glue.protocols import REGISTERED
from pano_glue.sources.log import topic_of
from tests.bridge.records import read_page, total

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "data" / "protocols"
SCRIPTS = ROOT / "zeek-scripts"
ETHERNET = bytes.fromhex("020000000002 020000000001 0800")
REQUEST, REPLY = 8, 0
MAIN = "from pano_glue.cli import main; main()"
SOURCES = """
from pathlib import Path
from pano_glue.pipeline.stages import Plan, _sources
print(*_sources(Plan(Path("/f"), (), None, "zeek", "", "", "", {})))
"""


def checksum(data: bytes) -> int:
    words: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    words = (words & 0xFFFF) + (words >> 16)
    return ~(words + (words >> 16)) & 0xFFFF


def echo(kind: int, source: str, target: str, seq: int) -> bytes:
    """Build a frame with an ICMP echo (RFC 791, RFC 792)."""
    message = struct.pack("!BBHHH", kind, 0, 0, 7, seq) + b"ping"
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 1, 0, 64, 1, 0)
    head += ip_address(source).packed + ip_address(target).packed
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return ETHERNET + head + message


def write_pings(path: Path) -> None:
    """Write five requests of two clients, of which four are replied to."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for seq in range(5):
            client = "192.0.2.1" if seq < 3 else "198.51.100.1"
            frames = [echo(REQUEST, client, "192.0.2.53", seq)]
            if seq != 2:
                frames.append(echo(REPLY, "192.0.2.53", client, seq))
            for n, frame in enumerate(frames):
                at = (1_700_000_000 + seq, 2000 * n)
                file.write(struct.pack("<IIII", *at, len(frame), len(frame)) + frame)


def test_a_protocol_is_a_folder_and_a_zeek_script(tmp_path: Path) -> None:
    zeek = find_zeek()
    if zeek is None:
        pytest.skip("zeek is not installed")
    write_pings(tmp_path / "pings.pcap")
    subprocess.run(
        [zeek, "-b", SCRIPTS, TOY / "echo.zeek", "-r", "pings.pcap", "PANO::sensor=s1"],
        cwd=tmp_path,
        check=True,
    )
    shutil.copytree(ROOT / "pano_glue", tmp_path / "pano_glue")
    shutil.copytree(TOY / "echo", tmp_path / "pano_glue" / "protocols" / "echo")
    (tmp_path / "pano.toml").write_text('[clients]\n"192.0.2.0/24" = "office"\n')

    def run(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    page = read_page(run(MAIN, "replay", "echo.log", "--config", "pano.toml"))
    assert total(page, "pano_echo_requests_total", sensor="s1", server="192.0.2.53") == 5
    assert total(page, "pano_bridge_records_total", log="echo", result="counted") == 5
    assert total(page, "pano_echo_client_queries_total", group="office") == 3
    assert total(page, "pano_echo_client_failures_total", kind="lost") == 1
    assert total(page, "pano_echo_client_rtt_seconds_bucket", le="0.01") == 4
    assert total(page, "pano_echo_top_clients_total", client="198.51.100.1") == 2
    assert "log:/f/zeek/echo.log?from=beginning" in run(SOURCES).split()


def test_zeek_hands_on_the_logs_of_all_protocols() -> None:
    broker = (SCRIPTS / "broker.zeek").read_text()
    kafka = (SCRIPTS / "kafka.zeek").read_text()
    assert set(re.findall(r'\["(\w+)"\] = vector\(\)', broker)) == set(REGISTERED)
    assert set(re.findall(r'add_kafka_filter\(\w+, "(\w+)"', kafka)) == set(REGISTERED)


def test_a_log_tells_its_protocol_by_its_name() -> None:
    topics = {topic: topic_of(Path(f"/x/{topic}.log")) for topic in REGISTERED}
    assert topics == {topic: topic for topic in REGISTERED}
    assert topic_of(Path("pano_dns.2026-11-25-18-00-00.log.gz")) == "dns"
    assert topic_of(Path("records.json")) == "dns"
