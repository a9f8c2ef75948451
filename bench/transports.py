"""Records per CPU second of a bridge process, per transport, a million real-sized records each.

Each run must count exactly what was sent; the figure leaves out what an idle bridge spends, and has
the checkpoints in it. Kafka is filled beforehand, Zeek publishes while the bridge reads.
`--records N` makes it shorter.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pano_glue.paths import find_zeek
from tests.ports import free_port
from tests.transports.kafka_broker import KafkaBroker, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

BRIDGE = Path(sys.executable).with_name("pano-bridge")
PUBLISH = Path(__file__).resolve().parents[1] / "tests" / "transports" / "publish.zeek"
COUNTED = re.compile(rb'pano_bridge_records_total\{[^}]*result="counted"\} (\S+)')
BATCH = 100
PATIENCE = 300.0
IDLE = 5.0
RECORD = (
    b'{"ts":1700000000.123456,"uid":"CHhAvVGS1DHFjwGM9","id.orig_h":"10.0.0.1","id.orig_p":5353,'
    b'"id.resp_h":"10.0.0.53","id.resp_p":53,"proto":"udp","trans_id":1,"rtt":0.000251,'
    b'"query":"www.example.com","qclass":1,"qclass_name":"C_INTERNET","qtype":1,"qtype_name":"A",'
    b'"rcode":0,"rcode_name":"NOERROR","AA":false,"TC":false,"RD":true,"RA":true,"Z":0,'
    b'"answers":["192.0.2.1"],"TTLs":[300.0],"rejected":false,"outcome":"answered",'
    b'"retransmits":0,"query_bytes":45,"reply_bytes":61,"sensor":"sensor-1"}'
)


class Bridges:
    """Bridge processes, each scraped, that share one source."""

    def __init__(self, source: str, processes: int = 1) -> None:
        """Start them."""
        self._listens = [f"127.0.0.1:{free_port()}" for _ in range(processes)]
        self._states = tempfile.TemporaryDirectory()
        command = [str(BRIDGE), "--log-level", "error", "run", "--source", source]
        self.processes = [
            subprocess.Popen(
                [*command, "--listen", listen, "--state-dir", f"{self._states.name}/{number}"]
            )
            for number, listen in enumerate(self._listens)
        ]
        self.counts = [0] * processes

    def counted(self) -> int:
        """Scrape all; returns the sum of what they counted."""
        for number, listen in enumerate(self._listens):
            try:
                page = urllib.request.urlopen(f"http://{listen}/metrics", timeout=30).read()
            except OSError:
                continue
            self.counts[number] = sum(int(float(value)) for value in COUNTED.findall(page))
        return sum(self.counts)

    def cpu(self) -> float:
        """CPU seconds that they have spent so far."""
        ticks = 0
        for process in self.processes:
            stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Kill them."""
        for process in self.processes:
            process.kill()
            process.wait()
        self._states.cleanup()


def idle_cpu() -> float:
    """What a bridge spends on its start and a few scrapes, in CPU seconds."""
    bridges = Bridges("ws://127.0.0.1:1")
    until = time.monotonic() + IDLE
    while time.monotonic() < until:
        bridges.counted()
        time.sleep(0.5)
    cpu = bridges.cpu()
    bridges.end()
    return cpu


def measure(name: str, source: str, records: int, idle: float, processes: int = 1) -> None:
    """Run bridges on a source until everything was counted, and print a line of JSON."""
    bridges = Bridges(source, processes)
    started = first = time.monotonic()
    try:
        while (counted := bridges.counted()) < records:
            if not counted:
                first = time.monotonic()
            if time.monotonic() - started > PATIENCE:
                break
            time.sleep(0.25)
        seconds = time.monotonic() - first
        time.sleep(1)  # one too many would come now
        counted = bridges.counted()
        cpu = bridges.cpu() - idle * processes
    finally:
        bridges.end()
    line = {"transport": name, "processes": processes, "sent": records, "counted": counted}
    line |= {"records_per_cpu_second": round(counted / cpu), "cpu_seconds": round(cpu, 2)}
    line |= {"wall_seconds": round(seconds, 1), "shares": bridges.counts}
    print(json.dumps(line), flush=True)
    if counted != records:
        sys.exit(f"{name}: {counted} counted of {records}")


def fill(servers: str, topic: str, per_message: int, records: int) -> None:
    """Send `records`, so many to a message, over 8 partitions."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50})
    value = b"\n".join([RECORD] * per_message)
    for number in range(records // per_message):
        while True:
            try:
                producer.produce(topic, value, partition=number % 8)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


@contextmanager
def publishing(option: str, batches: int) -> Iterator[int]:
    """Run a Zeek that publishes to its first subscriber; yields its port."""
    port = free_port()
    settings = [f"PANO::{option}={port}/tcp", f"PANO::batches_wanted={batches}"]
    with tempfile.TemporaryDirectory() as folder:  # for the logs that Zeek writes
        zeek = subprocess.Popen([str(find_zeek()), "-b", PUBLISH, *settings], cwd=folder)
        try:
            yield port
        finally:
            zeek.kill()
            zeek.wait()


def bench_kafka(records: int, idle: float) -> None:
    """Measure single and batched messages through each library, then two processes."""
    with tempfile.TemporaryDirectory() as folder:
        kafka = KafkaBroker(Path(folder))
        kafka.start()
        try:
            for topic, per_message in (("single", 1), ("batched", BATCH)):
                fill(kafka.servers, topic, per_message, records)
                for client in ("confluent-kafka", "kafka-python"):
                    uri = f"kafka://{kafka.servers}/{topic}?log=dns&from=beginning"
                    one = f"{uri}&client={client}&group={client}"
                    measure(f"kafka {topic}, {client}", one, records, idle)
                measure(f"kafka {topic}", f"{uri}&group=two", records, idle, processes=2)
        finally:
            kafka.kill()


def main() -> None:
    """Run what can be run here, and say what cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    idle = idle_cpu()
    if find_zeek() is None:
        print("not measured: broker and ws (zeek is not installed)")
    else:
        for scheme, option in (("broker", "broker_port"), ("ws", "websocket_port")):
            with publishing(option, records // BATCH) as port:
                measure(scheme, f"{scheme}://127.0.0.1:{port}", records, idle)
    if missing():
        print(f"not measured: kafka ({missing()} is not installed)")
    else:
        bench_kafka(records, idle)


if __name__ == "__main__":
    main()
