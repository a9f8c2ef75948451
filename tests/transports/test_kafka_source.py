"""The `kafka:` source against a real Kafka, through each of the two libraries."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer, TopicPartition

from pano_glue.kafka.offsets import Position
from pano_glue.sources.kafka import KafkaSource
from tests.transports.reading import Reader, read_on
from tests.transports.topics import (
    PARTITIONS,
    numbered,
    produce,
)
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.sources.base import SourceContext
    from tests.transports.conftest import Ledger
    from tests.transports.kafka_broker import KafkaBroker


def committed(kafka: KafkaBroker, topic: str) -> int:
    """Sum the group's offsets, asked by another client."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    with closing(KafkaConsumer(bootstrap_servers=kafka.servers, group_id=f"g-{topic}")) as asking:
        return sum(asking.committed(partition) or 0 for partition in partitions)


def test_every_value_arrives_and_the_topic_tells_the_log(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader]
) -> None:
    batched = b"\n".join(numbered(100, 10)) + b"\n"
    produce(kafka, topic, [*numbered(0, 100), batched, b"", None])
    reader = read(topic)
    wait_until(lambda: len(reader.lines) == 110)
    assert sorted(reader.lines) == sorted((topic, line) for line in numbered(0, 110))


def test_a_topic_never_seen_begins_at_its_end_and_stays_known(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pano_glue")
    produce(kafka, topic, numbered(0, 40))
    first = read(topic, "")
    wait_until(lambda: first.position is not None)
    assert "its end" in caplog.text
    assert first.lines == []
    first.end()
    assert committed(kafka, topic) == 40
    produce(kafka, topic, numbered(40, 10))  # while nobody was here
    second = read(topic, "", first.durable)
    wait_until(lambda: len(second.lines) == 10)
    assert sorted(second.values()) == numbered(40, 10)


def test_a_life_goes_on_at_the_checkpoint_whatever_was_committed(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader]
) -> None:
    produce(kafka, topic, numbered(0, 40))
    first = read(topic)
    wait_until(lambda: len(first.lines) == 40)
    first.checkpoint()
    wait_until(lambda: committed(kafka, topic) == 40)
    produce(kafka, topic, numbered(40, 40))
    wait_until(lambda: len(first.lines) == 80)
    position = first.position  # of a checkpoint whose commit a kill came before
    first.full = True
    first.close()
    assert committed(kafka, topic) == 40
    produce(kafka, topic, numbered(80, 10))
    second = read(topic, position=position)
    wait_until(lambda: len(second.lines) >= 10)
    assert sorted(second.values()) == numbered(80, 10)


def test_what_the_group_has_read_beyond_the_checkpoint_is_not_read_again(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader]
) -> None:
    produce(kafka, topic, numbered(0, 40))
    other = read(topic)
    wait_until(lambda: len(other.lines) == 40)
    other.end()
    produce(kafka, topic, numbered(40, 4))
    reader = read(topic, position=Position({topic: {0: 3}}))
    wait_until(lambda: len(reader.lines) >= 4)
    assert sorted(reader.values()) == numbered(40, 4)


def test_a_rebalance_neither_loses_nor_doubles(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader]
) -> None:
    produce(kafka, topic, numbered(0, 200))
    readers = [read(topic)]
    wait_until(lambda: len(readers[0].lines) == 200)
    readers.append(read(topic))
    produced = 200

    def second_reads() -> bool:
        nonlocal produced
        produce(kafka, topic, numbered(produced, 20))
        produced += 20
        return len(readers[1].lines) > 0

    wait_until(second_reads, every=0.2)
    readers[0].end()  # its partitions come back to the second, in the middle
    produce(kafka, topic, numbered(produced, 20))
    produced += 20
    wait_until(lambda: sum(len(reader.lines) for reader in readers) >= produced)
    assert sorted(v for reader in readers for v in reader.values()) == sorted(numbered(0, produced))


def test_a_full_disk_holds_a_partition_back_and_loses_nothing(
    topic: str,
    kafka: KafkaBroker,
    read: Callable[..., Reader],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pano_glue.kafka.share.HANDOVER_SECONDS", 0.5)
    produce(kafka, topic, numbered(0, 40))
    first = read(topic)
    wait_until(lambda: len(first.lines) == 40)
    first.checkpoint()
    wait_until(lambda: committed(kafka, topic) == 40)
    produce(kafka, topic, numbered(40, 40))
    wait_until(lambda: len(first.lines) == 80)
    first.full = True
    second = read(topic)
    wait_until(lambda: len(second.lines) == 20)  # two of four partitions, ten messages of each
    assert "No space left" in caplog.text
    assert "(20) may be counted again" in caplog.text
    assert set(second.values()) < set(numbered(40, 40))


@pytest.mark.parametrize("library", ["kafka-python"])  # fault_matrix.py does it with the other
def test_kafka_that_is_away_is_waited_for(
    topic: str,
    ledger: Ledger,
    kafka: KafkaBroker,
    read: Callable[..., Reader],
    caplog: pytest.LogCaptureFixture,
) -> None:
    produce(kafka, topic, numbered(0, 20))
    reader = read(topic)
    wait_until(lambda: len(reader.lines) == 20)
    kafka.kill()
    wait_until(lambda: ledger.up == [False, True, False], seconds=60)
    kafka.start()
    wait_until(lambda: ledger.up == [False, True, False, True], seconds=60)
    assert "not connected" in caplog.text
    produce(kafka, topic, numbered(20, 20))
    wait_until(lambda: len(reader.lines) >= 40)
    assert sorted(reader.values()) == sorted(numbered(0, 40))


def test_a_kafka_that_was_never_there_is_said_with_the_reason(
    library: str, context: SourceContext, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    reader = read_on(f"kafka://127.0.0.1:1/dns?client={library}", context)
    wait_until(lambda: "refused" in caplog.text.lower())
    reader.stop()
    assert caplog.text.count("not connected") <= 2
    assert ledger.up == [False]


def test_a_host_without_an_address_is_said(
    library: str, context: SourceContext, caplog: pytest.LogCaptureFixture
) -> None:
    reader = read_on(f"kafka://no.such.host.invalid/dns?client={library}", context)
    wait_until(lambda: "not connected" in caplog.text)
    reader.stop()
    assert "no.such.host.invalid" in caplog.text


def test_stop_ends_a_source_whose_kafka_was_never_there(context: SourceContext) -> None:
    reader = read_on("kafka://127.0.0.1:1/dns", context)
    assert isinstance(reader.source, KafkaSource)
    reader.close()
