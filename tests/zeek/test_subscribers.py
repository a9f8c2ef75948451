"""Programs that subscribe get every record of the log, in gapless batches."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "zeek-scripts"

# Runs in its own process: Zeek's bindings belong to Zeek's Python folder, not to ours.
BROKER_CLIENT = """
import broker, json, sys, time
endpoint = broker.Endpoint()
subscriber = endpoint.make_subscriber("pano/")
while not endpoint.peer("127.0.0.1", int(sys.argv[1]), 0.0):
    time.sleep(0.1)
while endpoint.peers() or subscriber.available():
    if subscriber.available():
        topic, message = subscriber.get()
        print(json.dumps([topic, *broker.zeek.Event(message).args()]))
    else:
        time.sleep(0.05)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def zeek(require: Callable[[str], str]) -> Path:
    return Path(require("zeek"))


@pytest.fixture
def publisher(zeek: Path, data: Path, tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Return a function that starts Zeek with a listening option and returns the port."""
    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    started: list[subprocess.Popen[bytes]] = []

    def start(option: str) -> int:
        port = free_port()
        command: list[str | Path] = [zeek, "-b", "-r", capture, PACKAGE, "PANO::sensor=here"]
        command += [HERE / "wait-for-subscriber.zeek", f"PANO::{option}={port}/tcp"]
        started.append(subprocess.Popen(command, cwd=tmp_path))
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


def check(batches: list[list[Any]], log: Path) -> None:
    """Compare the batches' records with the log Zeek wrote beside."""
    published = [batch for batch in batches if batch[0] == "pano/dns"]
    assert [batch[2] for batch in published] == list(range(1, len(published) + 1))
    assert {(batch[1], batch[3]) for batch in published} == {("here", "dns")}
    records = [json.loads(line) for batch in published for line in batch[4].split("\n")]
    assert records == [json.loads(line) for line in log.read_text().splitlines()]
    assert batches[-1][0] == "pano/pano_stats"


def test_broker(
    zeek: Path, publisher: Callable[[str], int], tmp_path: Path, require: Callable[[str], str]
) -> None:
    python = require("python3")
    config = [str(zeek.parent / "zeek-config"), "--python_dir"]
    bindings = subprocess.run(config, capture_output=True, text=True, check=True).stdout.strip()
    port = publisher("broker_port")
    done = subprocess.run(
        [python, "-c", BROKER_CLIENT, str(port)],
        env={"PYTHONPATH": bindings},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    check([json.loads(line) for line in done.stdout.splitlines()], tmp_path / "dns.log")


def test_websocket(publisher: Callable[[str], int], tmp_path: Path) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    port = publisher("websocket_port")
    batches = []
    while True:
        try:
            connection = connect(f"ws://127.0.0.1:{port}/v1/messages/json", max_size=None)
            break
        except ConnectionRefusedError:  # Zeek is not listening yet
            time.sleep(0.1)
    with connection as socket_:
        socket_.send(json.dumps(["pano/"]))
        assert json.loads(socket_.recv())["type"] == "ack"
        try:
            for text in socket_:
                message = json.loads(text)
                arguments = message["data"][2]["data"][1]["data"]
                batches.append([message["topic"], *(each["data"] for each in arguments)])
        except ConnectionClosed:
            pass
    check(batches, tmp_path / "dns.log")
