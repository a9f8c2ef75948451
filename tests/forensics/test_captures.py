"""Captures and Kafka topics as input."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue import forensics
from pano_glue.errors import PanoError, SettingError
from pano_glue.forensics.readers.kafka import fetch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def capture(data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "lab.pcap"
    path.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    return path


def test_a_capture_is_analysed_by_zeek(
    capture: Path, lab: list[dict[str, Any]], require: Callable[[str], str]
) -> None:
    require("zeek")
    frame = forensics.load(capture)
    assert Counter(frame["outcome"]) == Counter(one["outcome"] for one in lab)
    assert Counter(frame["query"]) == Counter(one["query"] for one in lab)


def test_a_capture_is_analysed_by_tshark_where_there_is_no_zeek(
    capture: Path,
    lab: list[dict[str, Any]],
    require: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require("tshark")
    monkeypatch.setattr("pano_glue.forensics.readers.pcap.find_zeek", lambda: None)
    frame = forensics.load(capture)
    assert Counter(frame["outcome"]) == Counter(one["outcome"] for one in lab)


def test_a_capture_that_is_none(tmp_path: Path, require: Callable[[str], str]) -> None:
    require("zeek")
    path = tmp_path / "cut.pcap"
    path.write_bytes(b"\xd4\xc3\xb2\xa1 and no more")
    with pytest.raises(PanoError, match=r"cut\.pcap"):
        forensics.load(path)


def test_a_topic_has_to_be_named() -> None:
    with pytest.raises(SettingError, match="no topic"):
        forensics.load("kafka://127.0.0.1:9092")


def test_a_topic_is_read_from_a_point_in_time_to_its_end(
    lab: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    kafka = pytest.importorskip("kafka", reason="kafka-python is not installed")
    from tests.transports.kafka_broker import KafkaBroker, missing

    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    try:
        now = int(time.time() * 1000)
        hour = 3_600_000
        producer = kafka.KafkaProducer(bootstrap_servers=broker.servers)
        for start in range(0, 1000, 100):
            values = "\n".join(json.dumps(one) for one in lab[start : start + 100])
            producer.send("dns", values.encode(), timestamp_ms=now - hour + start)
        tagged = b'{"dns": ' + json.dumps(lab[1000]).encode() + b', "SITE": "fra1"}'
        producer.send("dns", tagged, timestamp_ms=now)
        producer.flush()
        address = f"kafka://{broker.servers}/dns"
        assert len(forensics.load(address)) == 1001
        # A message that came before is not even fetched.
        since = datetime.fromtimestamp((now - hour + 450) / 1000, UTC)
        fetched = fetch(address, since, tmp_path_factory.mktemp("fetched"))
        assert len(fetched.read_bytes().splitlines()) == 501
    finally:
        broker.kill()
