"""Programs that subscribe get every record of the log, in gapless batches."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ports import free_port

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
time.sleep(float(sys.argv[2]))
while endpoint.peers() or subscriber.available():
    if subscriber.available():
        topic, message = subscriber.get()
        sensor, seq, log, ndjson = broker.zeek.Event(message).args()
        print(json.dumps([topic, sensor, seq.value, log, ndjson]))
    else:
        time.sleep(0.05)
"""


@pytest.fixture
def zeek(require: Callable[[str], str]) -> Path:
    return Path(require("zeek"))


@pytest.fixture
def publisher(zeek: Path, data: Path, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Return a function that starts Zeek with a listening option and returns the port."""
    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    started: list[subprocess.Popen[bytes]] = []

    def start(option: str, *more: str) -> int:
        port = free_port()
        command: list[str | Path] = [zeek, "-b", "-r", capture, PACKAGE, "PANO::sensor=here"]
        command += ['PANO::omit={ "answers", "qtype" }', "PANO::await_subscribers=1"]
        command += [f"PANO::{option}={port}/tcp", *more]
        started.append(subprocess.Popen(command, cwd=tmp_path))
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


def received(batches: list[list[Any]]) -> list[Any]:
    """Return the batches' records, having looked for gaps."""
    assert any(batch[0] == "pano/pano_stats" for batch in batches)
    published = [batch for batch in batches if batch[0] == "pano/dns"]
    assert [batch[2] for batch in published] == list(range(1, len(published) + 1))
    assert {(batch[1], batch[3]) for batch in published} == {("here", "dns")}
    return [json.loads(line) for batch in published for line in batch[4].split("\n")]


def written(folder: Path) -> list[Any]:
    """Return the records that Zeek wrote to its log beside."""
    return [json.loads(line) for line in (folder / "dns.log").read_text().splitlines()]


@pytest.fixture
def subscriber(zeek: Path, require: Callable[[str], str]) -> Callable[..., list[list[Any]]]:
    """Return a function that takes batches from a Broker port until Zeek ends."""
    config = [str(zeek.parent / "zeek-config"), "--python_dir"]
    bindings = subprocess.run(config, capture_output=True, text=True, check=True).stdout.strip()
    command = [require("python3"), "-c", BROKER_CLIENT]

    def take(port: int, pause: float = 0) -> list[list[Any]]:
        done = subprocess.run(
            [*command, str(port), str(pause)],
            env={"PYTHONPATH": bindings},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return take


def test_broker(
    publisher: Callable[..., int], subscriber: Callable[..., list[list[Any]]], tmp_path: Path
) -> None:
    batches = subscriber(publisher("broker_port"))
    assert received(batches) == written(tmp_path)
    # All batches but the one that carries the last row itself.
    assert json.loads(batches[-1][4])["batches_sent"] == len(batches) - 1


def test_a_capture_waits_for_a_slow_subscriber(
    publisher: Callable[..., int], subscriber: Callable[..., list[list[Any]]], tmp_path: Path
) -> None:
    # More than sockets hold, and more batches than Broker keeps here.
    long = "hook PANO::transaction(info: PANO::Info) { info$query = string_cat(%s); }"
    settings = ["PANO::batch_records=1", "PANO::batches_ahead=10", "Broker::peer_buffer_size=100"]
    port = publisher("broker_port", *settings, "-e", long % ",".join(["info$query"] * 250))
    assert received(subscriber(port, 2)) == written(tmp_path)


def test_websocket(publisher: Callable[..., int], tmp_path: Path) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    port = publisher("websocket_port")
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = connect(f"ws://127.0.0.1:{port}/v1/messages/json", max_size=None)
            break
        except ConnectionRefusedError:  # Zeek is not listening yet
            assert time.monotonic() < deadline, "Zeek does not listen"
            time.sleep(0.1)
    batches: list[list[Any]] = []
    with connection, suppress(ConnectionClosed):  # when Zeek ends
        connection.send(json.dumps(["pano/"]))
        assert json.loads(connection.recv())["type"] == "ack"
        while True:
            message = json.loads(connection.recv(timeout=30))
            arguments = message["data"][2]["data"][1]["data"]
            batches.append([message["topic"], *(each["data"] for each in arguments)])
    assert received(batches) == written(tmp_path)
