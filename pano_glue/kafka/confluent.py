"""The library confluent-kafka (librdkafka, in C): several times faster."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pano_glue.kafka.client import (
    FETCH_BYTES,
    FETCH_MESSAGES,
    METADATA_SECONDS,
    REACH_SECONDS,
    SESSION_SECONDS,
    Fetched,
    KafkaAwayError,
    KafkaRefusedError,
    Partition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pano_glue.config import Kafka
    from pano_glue.kafka.client import Done, Group

CONNECT_SECONDS = 5.0
BUFFERED_KBYTES = 64 << 10

REFUSED = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 (librdkafka's own codes begin with one)
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}


def open_consumer(
    servers: str, topics: Sequence[str], name: str, settings: Kafka, group: Group
) -> ConfluentConsumer:
    """See `client.Library`."""
    first = _FirstError()
    commits = _Commits()
    consumer = confluent_kafka.Consumer(
        {
            "on_commit": commits.confirmed,
            "group.id": name,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "allow.auto.create.topics": False,
            "session.timeout.ms": int(SESSION_SECONDS * 1000),
            "fetch.max.bytes": FETCH_BYTES,
            "queued.max.messages.kbytes": 2 * FETCH_BYTES >> 10,
            "check.crcs": True,
        }
        | _common(servers, settings, first)
    )
    _connect(consumer, first)
    listener = _Listener(group, commits)
    consumer.subscribe(
        list(topics),
        on_assign=listener.assigned,
        on_revoke=listener.revoked,
        on_lost=listener.lost,
    )
    return ConfluentConsumer(consumer, topics, commits)


def open_producer(servers: str, settings: Kafka) -> ConfluentProducer:
    """See `client.Library`."""
    first = _FirstError()
    producer = confluent_kafka.Producer(
        {
            "enable.idempotence": True,
            "message.timeout.ms": 0,  # repeat forever
            "linger.ms": 20,
            "compression.type": "lz4",
            "queue.buffering.max.kbytes": BUFFERED_KBYTES,
            "message.max.bytes": 2 << 20,
        }
        | _common(servers, settings, first)
    )
    _connect(producer, first)
    return ConfluentProducer(producer)


class ConfluentConsumer:
    """See `client.Consumer`."""

    def __init__(
        self,
        consumer: Any,  # noqa: ANN401 (untyped)
        topics: Sequence[str],
        commits: _Commits,
    ) -> None:
        """Wrap a subscribed Consumer."""
        self._consumer = consumer
        self._commits = commits
        self._topics = topics
        self._messages = 100  # asked for at once, about FETCH_BYTES of them

    def poll(self, seconds: float) -> Sequence[Fetched]:
        """See `client.Consumer`."""
        try:
            polled = self._consumer.consume(self._messages, seconds)
        except KafkaException as error:
            raise _translate(error.args[0]) from error
        columns: dict[tuple[str, int], Fetched] = {}
        size = 0
        for message in polled:
            failure = message.error()
            if failure is not None:
                _check(failure)
                continue
            at = (message.topic(), message.partition())
            fetched = columns.get(at)
            if fetched is None:
                fetched = columns[at] = Fetched(Partition(*at), [], [])
            value = message.value() or b""
            size += len(value)
            fetched.offsets.append(message.offset() + 1)  # type: ignore[attr-defined]
            fetched.values.append(value)  # type: ignore[attr-defined]
        if size:
            self._messages = max(1, min(FETCH_MESSAGES, FETCH_BYTES * len(polled) // size))
        return list(columns.values())

    def reachable(self) -> bool:
        """See `client.Consumer`."""
        try:
            self._consumer.list_topics(self._topics[0], timeout=REACH_SECONDS)
        except KafkaException:
            return False
        return True

    def commit(self, offsets: Mapping[Partition, int], done: Done) -> None:
        """See `client.Consumer`; the library calls back while it polls."""
        self._commits.ask(self._consumer, offsets, done)

    def close(self) -> None:
        """See `client.Consumer`."""
        self._consumer.close()


class ConfluentProducer:
    """See `client.Producer`."""

    def __init__(self, producer: Any) -> None:  # noqa: ANN401 (untyped)
        """Wrap a Producer."""
        self._producer = producer

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        """See `client.Producer`."""

        def confirmed(error: KafkaError | None, _: object) -> None:
            delivered(None if error is None else error.str())

        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=confirmed)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                delivered(error.args[0].str())
                return
            else:
                return

    def serve(self, seconds: float) -> None:
        """See `client.Producer`."""
        self._producer.poll(seconds)

    def close(self) -> None:
        """See `client.Producer`."""
        self._producer.purge()
        self._producer.poll(0)


class _Listener:
    """Called by the library in the thread that polls; its own threads keep up the heartbeat."""

    def __init__(self, group: Group, commits: _Commits) -> None:
        self._group = group
        self._commits = commits

    def assigned(self, _: object, assigned: Collection[Any]) -> None:
        self._group.assigned(_partitions(assigned))

    def revoked(self, consumer: Any, revoked: Collection[Any]) -> None:  # noqa: ANN401 (untyped)
        partitions = _partitions(revoked)
        settled = threading.Event()
        self._group.when_settled(partitions, settled.set)
        settled.wait()
        offsets = self._group.revoked(partitions)

        def committed(failure: str | None) -> None:
            if failure is None:
                self._group.committed(offsets)
            else:
                self._group.lost(partitions)

        if offsets:  # on its way before the group learns that the partitions are free
            self._commits.ask(consumer, offsets, committed)

    def lost(self, _: object, lost: Collection[Any]) -> None:
        self._group.lost(_partitions(lost))


class _Commits:
    """Commits on their way. The library's own waiting for one would have no end without Kafka."""

    def __init__(self) -> None:
        self._asked: dict[frozenset[tuple[str, int, int]], Done] = {}

    def ask(self, consumer: Any, offsets: Mapping[Partition, int], done: Done) -> None:  # noqa: ANN401
        self._asked[frozenset((*partition, offset) for partition, offset in offsets.items())] = done
        marks = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
        try:
            consumer.commit(offsets=marks, asynchronous=True)
        except KafkaException as error:
            self.confirmed(error.args[0], marks)

    def confirmed(self, error: KafkaError | None, marks: Sequence[Any]) -> None:
        done = self._asked.pop(frozenset((m.topic, m.partition, m.offset) for m in marks))
        failures = [error, *(mark.error for mark in marks)]
        done(next((failure.str() for failure in failures if failure is not None), None))


class _FirstError:
    """Keeps why the first connection failed; later ones heal by themselves."""

    def __init__(self) -> None:
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        if self.error is None or error.code() in REFUSED:
            self.error = error


def _connect(client: Any, first: _FirstError) -> None:  # noqa: ANN401 (untyped)
    try:
        client.list_topics(timeout=CONNECT_SECONDS)
    except KafkaException as error:
        client.poll(0)  # lets the library report why
        raise _translate(first.error or error.args[0]) from error


def _partitions(partitions: Collection[Any]) -> list[Partition]:
    return [Partition(partition.topic, partition.partition) for partition in partitions]


def _check(error: KafkaError) -> None:
    """Raise what cannot heal; librdkafka goes on by itself after the rest."""
    if error.fatal() or error.code() in REFUSED:
        raise _translate(error)


def _translate(error: KafkaError) -> Exception:
    if error.code() in REFUSED:
        return KafkaRefusedError(
            f"Kafka refuses: {error.str()}", "check [kafka] and the rights of its user"
        )
    return KafkaAwayError(error.str())


def _common(
    servers: str, settings: Kafka, on_error: Callable[[KafkaError], None]
) -> dict[str, Any]:
    """Settings of consumers and producers alike; empty ones stay at the library's default."""
    secured = {
        "ssl.ca.location": settings.ssl_ca,
        "ssl.certificate.location": settings.ssl_cert,
        "ssl.key.location": settings.ssl_key,
    }
    if settings.security_protocol.startswith("SASL"):
        secured |= {
            "sasl.mechanisms": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password,
        }
    return {
        "bootstrap.servers": servers,
        "client.id": "pano-bridge",
        "security.protocol": settings.security_protocol,
        "topic.metadata.refresh.interval.ms": int(METADATA_SECONDS * 1000),
        "reconnect.backoff.max.ms": 5000,
        "log_level": 0,  # it would write to stderr; errors come through `error_cb`
        "error_cb": on_error,
    } | {key: value for key, value in secured.items() if value}
