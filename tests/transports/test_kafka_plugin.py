"""Zeek's records through its Kafka plugin, to a real Kafka, and out of it again."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from pano_glue.sources import open_source
from tests.ports import free_port
from tests.transports.reading import Reader
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.sources.base import SourceContext
    from tests.transports.kafka_broker import KafkaBroker

PACKAGE = Path(__file__).resolve().parents[2] / "zeek-scripts"
SENSOR = "plugged"


@pytest.fixture
def analyze(
    require: Callable[[str], str], data: Path, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that reads the recorded capture and sends its records to Kafka."""
    zeek = require("zeek")
    if subprocess.run([zeek, "-N", "Seiso::Kafka"], capture_output=True, check=False).returncode:
        pytest.skip("Zeek's plugin Seiso::Kafka is not installed")
    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))

    def run(servers: str, *more: str) -> subprocess.CompletedProcess[str]:
        where = f'redef Kafka::kafka_conf = table(["metadata.broker.list"] = "{servers}");'
        command = [zeek, "-b", "-C", "-r", str(capture), "Seiso::Kafka", str(PACKAGE), "-e", where]
        command += ["PANO::kafka=T", f"PANO::sensor={SENSOR}", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def in_topic(servers: str, topic: str) -> list[tuple[bytes | None, Any]]:
    """Return the keys and records that our sensor's messages in a topic hold."""
    consumer = KafkaConsumer(bootstrap_servers=servers)
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    found = []
    while any(consumer.position(each) < end for each, end in ends.items()):
        for messages in consumer.poll(timeout_ms=1000).values():
            found += [(message.key, json.loads(message.value)) for message in messages]
    consumer.close()
    return [(key, record) for key, record in found if record["sensor"] == SENSOR]


def written(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def in_order(records: list[Any]) -> list[str]:
    return sorted(json.dumps(record, sort_keys=True) for record in records)


def test_every_record_is_in_kafka_and_in_the_bridge(
    kafka: KafkaBroker,
    analyze: Callable[..., subprocess.CompletedProcess[str]],
    context: SourceContext,
    tmp_path: Path,
) -> None:
    done = analyze(kafka.servers)
    assert (done.returncode, done.stderr) == (0, "")
    logged = {log: written(tmp_path / f"{log}.log") for log in ("dns", "pano_stats")}
    assert logged["pano_stats"][-1]["records_logged"] == len(logged["dns"])
    for log, records in logged.items():
        messages = in_topic(kafka.servers, log)
        assert in_order([record for _, record in messages]) == in_order(records)
        assert {key for key, _ in messages} == {None}  # the plugin cannot set one
    reader = Reader(open_source(f"kafka://{kafka.servers}/dns?group=plugged", context))
    try:
        wait_until(lambda: len(reader.lines) >= len(logged["dns"]))
    finally:
        reader.close()
    read = [json.loads(line) for _, line in reader.lines]
    ours = [record for record in read if record["sensor"] == SENSOR]
    assert in_order(ours) == in_order(logged["dns"])


def test_what_kafka_did_not_take_is_counted(
    analyze: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = analyze(f"127.0.0.1:{free_port()}", "Kafka::max_wait_on_shutdown=100")
    for log in ("dns", "pano_stats"):
        lost = len(written(tmp_path / f"{log}.log"))
        assert f"Unable to deliver {lost} message(s)" in done.stderr
