"""A transaction alone on the wire is a record although no packet follows it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pano_glue.lab.network import Namespace
from pano_glue.pipeline.process import Child, wait_for
from tests.data.packets import query, reply

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(__file__).resolve().parents[2] / "zeek-scripts"
SECONDS = 20

# A client that asks once and a server that answers once, on loopback.
ONE_TRANSACTION = f"""
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto({query(7, "alone.example")!r}, ("127.0.0.1", 53))
_, asker = server.recvfrom(4096)
server.sendto({reply(7, "alone.example")!r}, asker)
client.recv(4096)
"""


@pytest.mark.usefixtures("require_bpf")
def test_a_record_does_not_wait_for_the_next_message(
    tmp_path: Path, require: Callable[[str], str]
) -> None:
    alone = Namespace("alone", tmp_path)
    argv = [require("zeek"), "-b", "-C", str(PACKAGE), "-i", "lo"]
    zeek = Child("zeek", alone.enter(argv), tmp_path, cwd=tmp_path)
    log = tmp_path / "dns.log"
    try:
        alone.run("ip", "link", "set", "lo", "up")
        zeek.wait_until(lambda: "listening on" in zeek.output(), "word that it listens")
        alone.run(sys.executable, "-c", ONE_TRANSACTION)
        assert wait_for(lambda: log.exists() and '"outcome":"answered"' in log.read_text(), SECONDS)
        assert zeek.running()
    finally:
        zeek.stop()
        alone.child.stop()
