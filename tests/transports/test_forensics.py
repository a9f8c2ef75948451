"""A topic as input of forensics."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.transports.kafka_broker import KafkaBroker

HOUR = 3_600_000  # milliseconds
LINES = gzip.decompress((Path(__file__).parents[1] / "data" / "dns.log.gz").read_bytes())


def test_a_topic_is_read_from_a_point_in_time_to_its_end(
    kafka: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    client = pytest.importorskip("kafka", reason="kafka-python is not installed")
    from pano_glue import forensics
    from pano_glue.forensics.readers.kafka import fetch

    now = int(time.time() * 1000)
    lines = LINES.splitlines()[:1001]
    producer = client.KafkaProducer(bootstrap_servers=kafka.servers)
    for start in range(0, 1000, 100):
        value = b"\n".join(lines[start : start + 100])
        producer.send(topic, value, timestamp_ms=now - HOUR + start)
    tagged = b'{"dns": ' + lines[1000] + b', "SITE": "fra1"}'
    producer.send(topic, tagged, timestamp_ms=now)
    producer.flush()
    address = f"kafka://{kafka.servers}/{topic}"
    assert len(forensics.load(address)) == 1001
    # A message that came before is not even fetched.
    since = datetime.fromtimestamp((now - HOUR + 450) / 1000, UTC)
    assert len(fetch(address, since, tmp_path).read_bytes().splitlines()) == 501
