"""Topics of the tests' Kafka, filled by its own client."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.transports.kafka_broker import KafkaBroker

PARTITIONS = 4


def create(
    kafka: KafkaBroker,
    topic: str,
    partitions: int = PARTITIONS,
    configs: Mapping[str, str] | None = None,
) -> str:
    with closing(KafkaAdminClient(bootstrap_servers=kafka.servers)) as admin:
        admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=dict(configs or {}))])
    return topic


def delete(kafka: KafkaBroker, topic: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=kafka.servers)) as admin:
        admin.delete_topics([topic])


def delete_before(kafka: KafkaBroker, topic: str, offset: int) -> None:
    """Do what retention does, in each partition."""
    with closing(KafkaAdminClient(bootstrap_servers=kafka.servers)) as admin:
        admin.delete_records({TopicPartition(topic, n): offset for n in range(PARTITIONS)})


def produce(
    kafka: KafkaBroker,
    topic: str,
    values: Iterable[bytes | None],
    partitions: int = PARTITIONS,
    key: bytes | None = None,
) -> None:
    with closing(KafkaProducer(bootstrap_servers=kafka.servers)) as producer:
        for number, value in enumerate(values):
            # A message without a value must have a key.
            needed = b"k" if value is None else key
            producer.send(topic, value, needed, partition=number % partitions)
        producer.flush(30)


@contextmanager
def open_transaction(
    kafka: KafkaBroker, topic: str, values: Iterable[bytes], *, commit: bool = True
) -> Iterator[None]:
    """Produce in one transaction, into partition 0; it ends with the context."""
    settings = {"bootstrap_servers": kafka.servers, "transactional_id": f"t-{topic}"}
    with closing(KafkaProducer(**settings)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for value in values:
            producer.send(topic, value, partition=0)
        producer.flush(30)
        yield
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()


def transact(kafka: KafkaBroker, topic: str, values: Iterable[bytes], *, commit: bool) -> None:
    """Produce in one transaction and end it."""
    with open_transaction(kafka, topic, values, commit=commit):
        pass


def numbered(first: int, count: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(first, first + count)]
