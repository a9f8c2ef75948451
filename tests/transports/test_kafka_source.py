"""The `kafka:` source against a real Kafka, through each of the two libraries."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from pano_glue.kafka.address import parse_address
from pano_glue.kafka.client import LIBRARIES, open_library
from pano_glue.kafka.offsets import Offsets
from pano_glue.sources import parse_uri
from pano_glue.sources.kafka import KafkaSource
from tests.transports.reading import Reader
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.sources.base import SourceContext
    from tests.transports.conftest import Ledger
    from tests.transports.kafka_broker import KafkaBroker

PARTITIONS = 4


@pytest.fixture(params=["kafka-python", "confluent-kafka"])
def library(request: pytest.FixtureRequest) -> str:
    if not find_spec(LIBRARIES[request.param][0]):
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def topic(kafka: KafkaBroker, unique: Callable[[str], str]) -> str:
    name = unique("topic")
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    admin.close()
    return name


@pytest.fixture
def produce(kafka: KafkaBroker) -> Iterator[Callable[[str, list[bytes]], None]]:
    producer = KafkaProducer(bootstrap_servers=kafka.servers)

    def send(topic: str, values: list[bytes]) -> None:
        for number, value in enumerate(values):
            producer.send(topic, value, partition=number % PARTITIONS)
        producer.flush(30)

    yield send
    producer.close()


@pytest.fixture
def open_reader(
    kafka: KafkaBroker, library: str, context: SourceContext
) -> Iterator[Callable[..., Reader]]:
    readers = []

    def make(topic: str, handover: float = 60, servers: str = "", log: str = "") -> Reader:
        uri = parse_uri(f"kafka://{servers or kafka.servers}/{topic}?group=g-{topic}&log={log}")
        address = parse_address(uri.target, "test")
        offsets = Offsets(handover)
        reader = Reader(KafkaSource(uri, address, context, open_library(library), offsets))
        readers.append(reader)
        return reader

    yield make
    for reader in readers:
        reader.close()


def numbered(first: int, count: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(first, first + count)]


def test_every_value_arrives_and_the_topic_tells_the_log(
    topic: str, produce: Callable[[str, list[bytes]], None], open_reader: Callable[..., Reader]
) -> None:
    batched = b"\n".join(numbered(100, 10)) + b"\n"
    produce(topic, [*numbered(0, 100), batched, b""])
    reader = open_reader(topic)
    wait_until(lambda: len(reader.lines) == 110)
    assert sorted(reader.lines) == sorted((topic, line) for line in numbered(0, 110))


def test_tags_tell_the_log(
    topic: str, produce: Callable[[str, list[bytes]], None], open_reader: Callable[..., Reader]
) -> None:
    produce(topic, [b'{"dns": {"n":%d}}' % n for n in range(8)])
    produce(topic, [b'{"pano_stats": {"n":%d}}' % n for n in range(8)])
    reader = open_reader(topic)
    wait_until(lambda: len(reader.lines) == 16)
    logs = {log for log, _ in reader.lines}
    assert logs == {"dns", "pano_stats"}
    assert {line for _, line in reader.lines} == set(numbered(0, 8))


def test_what_was_not_scraped_is_read_again_by_the_next_life(
    topic: str, produce: Callable[[str, list[bytes]], None], open_reader: Callable[..., Reader]
) -> None:
    produce(topic, numbered(0, 50))
    first = open_reader(topic)
    wait_until(lambda: len(first.lines) == 50)
    first.scrape()
    produce(topic, numbered(50, 50))
    wait_until(lambda: len(first.lines) == 100)
    first.close()
    second = open_reader(topic)
    wait_until(lambda: len(second.lines) >= 50)
    assert sorted(second.lines) == sorted((topic, line) for line in numbered(50, 50))


def test_the_last_scrape_after_stop_commits(
    topic: str, produce: Callable[[str, list[bytes]], None], open_reader: Callable[..., Reader]
) -> None:
    produce(topic, numbered(0, 50))
    first = open_reader(topic)
    wait_until(lambda: len(first.lines) == 50)
    first.stop()
    first.scrape()
    first.source.close()
    produce(topic, numbered(50, 1))
    second = open_reader(topic)
    wait_until(lambda: len(second.lines) > 0)
    assert second.lines == [(topic, b'{"n":50}')]


@pytest.mark.parametrize("scraped", [True, False])
def test_a_rebalance_neither_loses_nor_doubles(
    topic: str,
    produce: Callable[[str, list[bytes]], None],
    open_reader: Callable[..., Reader],
    scraped: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    produce(topic, numbered(0, 200))
    readers = [open_reader(topic, handover=60 if scraped else 1)]
    wait_until(lambda: len(readers[0].lines) == 200)
    readers.append(open_reader(topic, handover=60 if scraped else 1))
    produced = 200

    def second_reads() -> bool:
        nonlocal produced
        produce(topic, numbered(produced, 20))
        produced += 20
        if scraped:
            readers[0].scrape()
        return len(readers[1].lines) > 0

    wait_until(second_reads, every=0.2)
    wait_until(lambda: sum(len(reader.lines) for reader in readers) >= produced)
    lines = sorted(line for reader in readers for _, line in reader.lines)
    assert lines == sorted(numbered(0, produced))


@pytest.mark.parametrize("library", ["kafka-python"])  # fault_matrix.py does it with the other
def test_kafka_that_is_away_is_waited_for(
    topic: str,
    ledger: Ledger,
    kafka: KafkaBroker,
    produce: Callable[[str, list[bytes]], None],
    open_reader: Callable[..., Reader],
) -> None:
    produce(topic, numbered(0, 20))
    reader = open_reader(topic)
    wait_until(lambda: len(reader.lines) == 20)
    kafka.kill()
    wait_until(lambda: ledger.up[-1:] == [False], seconds=60)
    kafka.start()
    wait_until(lambda: ledger.up[-1:] == [True], seconds=60)
    produce(topic, numbered(20, 20))
    wait_until(lambda: len(reader.lines) >= 40)
    assert sorted(reader.lines) == sorted((topic, line) for line in numbered(0, 40))
    reader.scrape()


@pytest.mark.parametrize("library", ["kafka-python"])
def test_stop_ends_a_source_whose_kafka_was_never_there(open_reader: Callable[..., Reader]) -> None:
    reader = open_reader("dns", servers="127.0.0.1:1")
    reader.stop()


def delete_before(kafka: KafkaBroker, topic: str, offset: int) -> None:
    """Do what retention does, in each partition."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    admin.delete_records({TopicPartition(topic, n): offset for n in range(PARTITIONS)})
    admin.close()


def test_messages_deleted_before_they_were_read_are_counted(
    topic: str,
    kafka: KafkaBroker,
    produce: Callable[[str, list[bytes]], None],
    open_reader: Callable[..., Reader],
    ledger: Ledger,
) -> None:
    produce(topic, numbered(0, 20 * PARTITIONS))
    delete_before(kafka, topic, 3)  # nobody was here yet, so nobody lost it
    first = open_reader(topic)
    wait_until(lambda: len(first.lines) == 17 * PARTITIONS)
    first.scrape()
    first.close()
    assert ledger.deleted_messages == 0
    produce(topic, numbered(20 * PARTITIONS, 20 * PARTITIONS))
    delete_before(kafka, topic, 25)
    second = open_reader(topic)
    wait_until(lambda: len(second.lines) == 15 * PARTITIONS)
    assert ledger.deleted_messages == 5 * PARTITIONS
