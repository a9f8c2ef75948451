"""A Zeek cluster of six processes: every record once in the log, and once at the subscriber."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ports import free_port
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from websockets.sync.client import ClientConnection

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "zeek-scripts"
WORKERS = ("worker-1", "worker-2")
TYPES = {"logger": "LOGGER", "manager": "MANAGER", "proxy": "PROXY"} | dict.fromkeys(
    WORKERS, "WORKER"
)
BACKENDS = {
    "broker": [],
    "zeromq": [
        "@load frameworks/cluster/backend/zeromq/connect",
        'redef Cluster::Backend::ZeroMQ::listen_xsub_endpoint = "tcp://127.0.0.1:{0}";',
        'redef Cluster::Backend::ZeroMQ::connect_xpub_endpoint = "tcp://127.0.0.1:{0}";',
        'redef Cluster::Backend::ZeroMQ::listen_xpub_endpoint = "tcp://127.0.0.1:{1}";',
        'redef Cluster::Backend::ZeroMQ::connect_xsub_endpoint = "tcp://127.0.0.1:{1}";',
    ],
}
# Workers hold their captures back until the whole cluster is there, and end with them.
SETTINGS = """
@load frameworks/cluster/experimental
redef Log::default_rotation_interval = 0sec;
@if ( Cluster::local_node_type() == Cluster::WORKER )
event zeek_init() { suspend_processing(); }
event Cluster::Experimental::cluster_started() { continue_processing(); }
event Pcap::file_done(path: string) { terminate(); }
@endif
"""


class ZeekCluster:
    """Processes of one cluster, each in a folder of its own below `folder`."""

    def __init__(self, zeek: Path, folder: Path, backend: str) -> None:
        """Write down the cluster's layout."""
        self.websocket_port = free_port()
        self.folder = folder
        self._zeek = zeek
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        nodes = ",\n".join(
            f'["{name}"] = [$node_type=Cluster::{kind}, $ip=127.0.0.1, $p={free_port()}/tcp'
            + ("]" if kind == "MANAGER" else ', $manager="manager"]')
            for name, kind in TYPES.items()
        )
        layout = f"redef Cluster::nodes = {{ {nodes} }};\nredef Cluster::manager_is_logger = F;\n"
        (folder / "cluster-layout.zeek").write_text(layout)
        ports = free_port(), free_port()
        lines = [line.format(*ports) for line in BACKENDS[backend]]
        (folder / "settings.zeek").write_text("\n".join(lines) + SETTINGS)
        config = [str(zeek.parent / "zeek-config"), "--zeekpath"]
        known = subprocess.run(config, capture_output=True, text=True, check=True).stdout.strip()
        self._environment = os.environ | {"ZEEKPATH": f"{folder}:{known}"}

    def start(self, *names: str, capture: Path | None = None) -> None:
        for name in names:
            home = self.folder / name
            home.mkdir()
            command: list[str | Path] = [self._zeek, "-b", "-C", self.folder / "settings.zeek"]
            command += [PACKAGE, f"PANO::websocket_port={self.websocket_port}/tcp"]
            if capture:
                command += ["-r", capture]
            with (home / "out").open("wb") as out:
                self._started[name] = subprocess.Popen(
                    command,
                    cwd=home,
                    env=self._environment | {"CLUSTER_NODE": name},
                    stdout=out,
                    stderr=out,
                )

    def end(self, *names: str) -> None:
        """End processes and see that they end well."""
        for name in names:
            self._started[name].terminate()
            assert self._started.pop(name).wait(60) == 0, (self.folder / name / "out").read_text()

    def kill(self) -> None:
        """End what still runs."""
        for process in self._started.values():
            process.kill()
            process.wait()

    def log(self, name: str) -> list[Any]:
        """Return a log's records; only the logger writes any."""
        assert {path.parent.name for path in self.folder.glob("*/dns*.log")} <= {"logger"}
        paths = (self.folder / "logger").glob(name.replace(".", "*."))  # rotated at the end
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@pytest.fixture(params=sorted(BACKENDS))
def cluster(
    request: pytest.FixtureRequest, require: Callable[[str], str], tmp_path: Path
) -> Iterator[ZeekCluster]:
    cluster = ZeekCluster(Path(require("zeek")), tmp_path, request.param)
    yield cluster
    cluster.kill()


def connect_to(port: int) -> ClientConnection:
    """Connect as soon as somebody listens."""
    from websockets.sync.client import connect

    deadline = time.monotonic() + 60
    while True:
        try:
            return connect(f"ws://127.0.0.1:{port}/v1/messages/json", max_size=None)
        except OSError:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.1)


def seen(records: list[Any]) -> dict[str, list[Any]]:
    """Return what says which transaction a record is about, by sensor."""
    by_sensor: dict[str, list[Any]] = {}
    for record in records:
        name = record["sensor"].rpartition("/")[2]
        what = [record[key] for key in ("ts", "id.orig_p", "trans_id", "outcome")]
        by_sensor.setdefault(name, []).append(what)
    return {name: sorted(each) for name, each in by_sensor.items()}


def test_every_record_once(cluster: ZeekCluster, data: Path, tmp_path: Path) -> None:
    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    golden = gzip.decompress((data / "dns.log.gz").read_bytes()).splitlines()
    [expected] = seen([json.loads(line) for line in golden]).values()
    cluster.start("logger", "manager", "proxy")
    received: dict[str, list[Any]] = {"dns": [], "pano_stats": []}
    numbers: dict[tuple[str, str], list[int]] = {}
    with connect_to(cluster.websocket_port) as connection:
        connection.send(json.dumps(["pano/"]))
        assert json.loads(connection.recv(timeout=30))["type"] == "ack"
        # What starts last knows the subscription as soon as it is connected.
        cluster.start(*WORKERS, capture=capture)

        def receive() -> None:
            message = json.loads(connection.recv(timeout=60))
            arguments = message["data"][2]["data"][1]["data"]
            sensor, seq, log, text = (each["data"] for each in arguments)
            numbers.setdefault((sensor, log), []).append(seq)
            received[log] += [json.loads(line) for line in text.split("\n")]

        last: dict[str, Any] = {}
        while [row["records_logged"] for row in last.values()] != [len(expected)] * len(WORKERS):
            receive()
            last = {row["sensor"]: row for row in received["pano_stats"]}
    log = tmp_path / "logger" / "dns.log"
    wait_until(lambda: log.read_bytes().count(b"\n") >= len(received["dns"]))
    cluster.end(*WORKERS, "proxy", "manager", "logger")
    everything = dict.fromkeys(WORKERS, expected)
    assert seen(received["dns"]) == everything
    assert seen(cluster.log("dns.log")) == everything
    assert {row["sensor"] for row in cluster.log("pano_stats.log")} == set(last)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in numbers.values())
    # All batches but the one that carries the last row itself.
    for sensor, row in last.items():
        sent = sum(len(seqs) for (who, _), seqs in numbers.items() if who == sensor)
        assert row["batches_sent"] == sent - 1
