"""The library kafka-python (3.0 and later): pure Python, installs everywhere. Its consumer."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import kafka
from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType

from pano_glue.kafka import client
from pano_glue.kafka.client import Fetched, KafkaAwayError, KafkaRefusedError, Kept, Partition
from pano_glue.kafka.kafka_python_listener import Listener, marks
from pano_glue.kafka.kafka_python_producer import KafkaPythonProducer
from pano_glue.kafka.kafka_python_settings import (
    REFUSED,
    Reason,
    admin_settings,
    check,
    consumer_settings,
    producer_settings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pano_glue.config import Kafka
    from pano_glue.kafka.client import Done, Group

__all__ = ["check", "open_consumer", "open_producer"]

CLOSE_SECONDS = 1.0
REACH_MS = int(client.REACH_SECONDS * 1000)


def open_consumer(
    servers: str, topics: Sequence[str], name: str, settings: Kafka, group: Group
) -> KafkaPythonConsumer:
    """See `client.Library`."""
    with _reasons() as reason:
        consumer = kafka.KafkaConsumer(**consumer_settings(servers, name, settings))
    return KafkaPythonConsumer(consumer, topics, group, reason, (servers, settings))


def open_producer(servers: str, settings: Kafka, batch_bytes: int) -> KafkaPythonProducer:
    """See `client.Library`."""
    with _reasons() as reason:
        producer = kafka.KafkaProducer(**producer_settings(servers, settings, batch_bytes))
    return KafkaPythonProducer(producer, reason)


class KafkaPythonConsumer:
    """See `client.Consumer`."""

    def __init__(
        self,
        consumer: Any,  # noqa: ANN401 (untyped)
        topics: Sequence[str],
        group: Group,
        reason: Reason,
        made_of: tuple[str, Kafka],
    ) -> None:
        """Subscribe; `group` is told what comes and goes while we poll."""
        self._consumer = consumer
        self._topics = topics
        self._made_of = made_of
        self._reason = reason
        self._listener = Listener(self, consumer, group)
        consumer.subscribe(topics=topics, listener=self._listener)

    def poll(self, seconds: float) -> Sequence[Fetched]:
        """See `client.Consumer`."""
        with self._translated():
            self._finish_joining()
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
            self._listener.serve()
        if not polled:
            return self._ends()
        return [
            Fetched(
                Partition(*partition),
                [record.offset + 1 for record in records],
                [record.value or b"" for record in records],
            )
            for partition, records in polled.items()
        ]

    def ask(self) -> None:
        """See `client.Consumer`."""
        with self._translated(), suppress(errors.UnknownTopicOrPartitionError):  # an answer, too
            self._consumer.committed(kafka.TopicPartition(self._topics[0], 0), timeout_ms=REACH_MS)
        self._reason.clear()

    def commit(self, offsets: Mapping[Partition, int], done: Done) -> None:
        """See `client.Consumer`; the library calls back from its own thread."""
        with self._translated():
            asked = self._consumer.commit_async(marks(offsets))
        asked.add_callback(lambda _: done(None))
        asked.add_errback(done)

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """See `client.Consumer`."""
        found = {}
        for partition in partitions:
            asked = kafka.TopicPartition(*partition)
            with self._translated():
                offset = self._consumer.committed(asked, timeout_ms=REACH_MS)
            if offset is not None and offset >= 0:
                found[partition] = int(offset)
        return found

    def kept(self, partitions: Collection[Partition]) -> Mapping[Partition, Kept]:
        """See `client.Consumer`."""
        asked = [kafka.TopicPartition(*partition) for partition in partitions]
        with self._translated():
            first = self._consumer.beginning_offsets(asked, timeout_ms=REACH_MS)
            last = self._consumer.end_offsets(asked, timeout_ms=REACH_MS)
        return {Partition(*one): Kept(int(first[one]), int(last[one])) for one in asked}

    def next(self, partition: Partition) -> int | None:
        """See `client.Consumer`."""
        asked = kafka.TopicPartition(*partition)
        if asked not in self._consumer.assignment():
            return None
        known = self._consumer.highwater(asked)
        return None if known is None else int(known)

    def topics(self) -> Collection[str]:
        """See `client.Consumer`."""
        with self._translated():
            return set(self._consumer.topics())

    def partitions(self, topic: str) -> Collection[Partition]:
        """See `client.Consumer`."""
        with self._translated():
            numbers = self._consumer.partitions_for_topic(topic)
        return [Partition(topic, number) for number in numbers]

    def compacted(self, topic: str) -> bool:
        """See `client.Consumer`."""
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, configs=["cleanup.policy"])
        with self._translated():
            admin = kafka.KafkaAdminClient(**admin_settings(*self._made_of))
            try:
                answers = admin.describe_configs([asked], config_filter="all")
            finally:
                admin.close()
        return "compact" in str(answers["topic"][topic]["cleanup.policy"]["value"])

    def close(self) -> None:
        """See `client.Consumer`."""
        self._listener.leave()
        self._reason.close()
        self._consumer.close(autocommit=False, timeout_ms=int(CLOSE_SECONDS * 1000))

    def _finish_joining(self) -> None:
        """Have the library end a rejoin that it forgot (3.0.12), without which it reads no more.

        A leader that joins again because a topic came or grew has new metadata as soon as it has
        assigned. When a poll ends just then, the next one sees no reason to join, and the answer
        that is on its way is heard by nobody: no partitions, no heartbeats.
        """
        group = self._consumer._coordinator  # noqa: SLF001 - there is no other way to it
        if group.rebalance_in_progress() and not group.need_rejoin():
            group.request_rejoin()

    def _ends(self) -> list[Fetched]:
        """Tell how far there is nothing to read: marks and aborted messages are passed by."""
        ends = []
        for assigned in self._consumer.assignment() - self._consumer.paused():
            with self._translated():
                position = self._consumer.position(assigned, timeout_ms=0)
            if position:
                ends.append(Fetched(Partition(*assigned), [position], []))
        return ends

    def _translated(self) -> AbstractContextManager[None]:
        return _translated(self._reason)


@contextmanager
def _reasons() -> Iterator[Reason]:
    """Listen to what the library logs, and go on if it could connect."""
    reason = Reason()
    try:
        with _translated(reason):
            yield reason
    except BaseException:
        reason.close()
        raise
    reason.clear()


@contextmanager
def _translated(reason: Reason) -> Iterator[None]:
    """Raise the library's errors as `client` names them, with the reason that it logged."""
    try:
        yield
    except REFUSED as error:
        raise _refused(error) from error
    except (errors.KafkaError, RuntimeError) as error:  # RuntimeError: closed meanwhile
        if reason.refusal is not None:
            raise _refused(reason.refusal) from error
        raise KafkaAwayError(reason.text or str(error)) from error


def _refused(error: Exception) -> KafkaRefusedError:
    if isinstance(error, errors.FencedInstanceIdError):
        return KafkaRefusedError(*client.FENCED)
    return KafkaRefusedError(f"Kafka refuses: {error}", "check [kafka] and the rights of its user")
