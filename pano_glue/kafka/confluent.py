"""The library confluent-kafka (librdkafka, in C): several times faster. Its consumer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from pano_glue.kafka import client
from pano_glue.kafka.client import Fetched, KafkaAwayError, Kept, Partition
from pano_glue.kafka.confluent_answers import REFUSED, Commits, Reason, marks, translate
from pano_glue.kafka.confluent_producer import ConfluentProducer
from pano_glue.kafka.confluent_settings import (
    check,
    common_settings,
    consumer_settings,
    producer_settings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pano_glue.config import Kafka
    from pano_glue.kafka.client import Done, Group

__all__ = ["check", "open_consumer", "open_producer"]

END = KafkaError._PARTITION_EOF  # noqa: SLF001


def open_consumer(
    servers: str, topics: Sequence[str], name: str, settings: Kafka, group: Group
) -> ConfluentConsumer:
    """See `client.Library`."""
    reason = Reason()
    commits = Commits()
    calls = {"on_commit": commits.ended, "error_cb": reason}
    consumer = confluent_kafka.Consumer(consumer_settings(servers, name, settings) | calls)
    _connect(consumer, reason)
    wrapped = ConfluentConsumer(consumer, topics, group, commits, reason)
    wrapped.admin_settings = common_settings(servers, settings)
    return wrapped


def open_producer(servers: str, settings: Kafka, batch_bytes: int) -> ConfluentProducer:
    """See `client.Library`."""
    reason = Reason()
    calls = {"error_cb": reason}
    producer = confluent_kafka.Producer(producer_settings(servers, settings, batch_bytes) | calls)
    _connect(producer, reason)
    return ConfluentProducer(producer, lambda: reason.text)


class ConfluentConsumer:
    """See `client.Consumer`."""

    def __init__(
        self,
        consumer: Any,  # noqa: ANN401 (untyped)
        topics: Sequence[str],
        group: Group,
        commits: Commits,
        reason: Reason,
    ) -> None:
        """Subscribe; `group` is told what comes and goes while we poll."""
        self._consumer = consumer
        self._topics = topics
        self._group = group
        self._commits = commits
        self._reason = reason
        self._messages = 100  # asked for at once, about client.FETCH_BYTES of them
        self.admin_settings: dict[str, Any] = {}
        consumer.subscribe(
            list(topics),
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=lambda _, lost: group.lost(_partitions(lost)),
        )

    def poll(self, seconds: float) -> Sequence[Fetched]:
        """See `client.Consumer`."""
        with self._translated():
            polled = self._consumer.consume(self._messages, seconds)
        columns: dict[tuple[str, int], Fetched] = {}
        ends: list[Fetched] = []
        size = 0
        for message in polled:
            failure = message.error()
            at = (message.topic(), message.partition())
            if failure is not None:
                if failure.code() == END:
                    ends.append(Fetched(Partition(*at), [message.offset()], []))
                else:
                    self._check(failure)
                continue
            fetched = columns.get(at)
            if fetched is None:
                fetched = columns[at] = Fetched(Partition(*at), [], [])
            value = message.value() or b""
            size += len(value)
            fetched.offsets.append(message.offset() + 1)  # type: ignore[attr-defined]
            fetched.values.append(value)  # type: ignore[attr-defined]
        if size:
            self._messages = max(
                1, min(client.FETCH_MESSAGES, client.FETCH_BYTES * len(polled) // size)
            )
        return [*columns.values(), *ends]

    def ask(self) -> None:
        """See `client.Consumer`."""
        self.committed([Partition(self._topics[0], 0)])
        self._reason.error = None

    def commit(self, offsets: Mapping[Partition, int], done: Done) -> None:
        """See `client.Consumer`; the library calls back while it polls."""
        self._commits.ask(self._consumer, offsets, done)

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """See `client.Consumer`."""
        asked = [TopicPartition(*partition) for partition in partitions]
        with self._translated():
            found = self._consumer.committed(asked, timeout=client.REACH_SECONDS)
        return {Partition(m.topic, m.partition): m.offset for m in found if m.offset >= 0}

    def kept(self, partitions: Collection[Partition]) -> Mapping[Partition, Kept]:
        """See `client.Consumer`."""
        kept = {}
        for partition in partitions:
            asked = TopicPartition(*partition)
            with self._translated():
                found = self._consumer.get_watermark_offsets(asked, timeout=client.REACH_SECONDS)
            kept[partition] = Kept(*found)
        return kept

    def next(self, partition: Partition) -> int | None:
        """See `client.Consumer`."""
        known = self._consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
        return known[1] if known is not None and known[1] >= 0 else None

    def topics(self) -> Collection[str]:
        """See `client.Consumer`."""
        with self._translated():
            return set(self._consumer.list_topics(timeout=client.REACH_SECONDS).topics)

    def partitions(self, topic: str) -> Collection[Partition]:
        """See `client.Consumer`."""
        with self._translated():
            metadata = self._consumer.list_topics(topic, timeout=client.REACH_SECONDS)
        return [Partition(topic, number) for number in metadata.topics[topic].partitions]

    def compacted(self, topic: str) -> bool:
        """See `client.Consumer`."""
        asked = ConfigResource("topic", topic)
        with self._translated():
            admin = AdminClient(self.admin_settings)  # must outlive its answers
            answers = admin.describe_configs([asked])
            try:
                policy = answers[asked].result(client.REACH_SECONDS)["cleanup.policy"].value
            except TimeoutError as error:
                raise KafkaAwayError("the policy of a topic was asked in vain") from error
        return "compact" in str(policy)

    def close(self) -> None:
        """See `client.Consumer`."""
        self._consumer.close()

    def _assigned(self, consumer: Any, assigned: Collection[Any]) -> None:  # noqa: ANN401
        starts = self._group.assigned(self, _partitions(assigned))
        consumer.incremental_assign(marks(starts))

    def _revoked(self, consumer: Any, revoked: Collection[Any]) -> None:  # noqa: ANN401
        """Commit before the group learns that the partitions are free."""
        offsets = self._group.revoked(_partitions(revoked))
        if offsets:
            self._commits.ask(consumer, offsets, lambda why: self._group.committed(offsets, why))

    def _check(self, error: KafkaError) -> None:
        """Raise what cannot heal; librdkafka goes on by itself after the rest."""
        if error.fatal() or error.code() in REFUSED:
            raise translate(error)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise the library's errors as `client` names them."""
        try:
            yield
        except KafkaException as error:
            raise translate(self._reason.error or error.args[0]) from error


def _connect(consumer_or_producer: Any, reason: Reason) -> None:  # noqa: ANN401 (untyped)
    try:
        consumer_or_producer.list_topics(timeout=client.CONNECT_SECONDS)
    except KafkaException as error:
        consumer_or_producer.poll(0)  # lets the library report why
        raise translate(reason.error or error.args[0]) from error
    reason.error = None


def _partitions(given: Collection[Any]) -> list[Partition]:
    return [Partition(mark.topic, mark.partition) for mark in given]
