"""The library confluent-kafka (librdkafka, in C): several times faster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pano_glue.kafka import client
from pano_glue.kafka.client import Fetched, KafkaAwayError, KafkaRefusedError, Partition
from pano_glue.kafka.confluent_listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pano_glue.config import Kafka
    from pano_glue.kafka.client import Done, Group

CONNECT_SECONDS = 5.0
BUFFERED_KBYTES = 64 << 10

NAMES = {
    "security_protocol": "security.protocol",
    "ssl_ca": "ssl.ca.location",
    "ssl_cert": "ssl.certificate.location",
    "ssl_key": "ssl.key.location",
    "sasl_mechanism": "sasl.mechanisms",
    "sasl_username": "sasl.username",
    "sasl_password": "sasl.password",
}
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
            "session.timeout.ms": int(client.SESSION_SECONDS * 1000),
            "fetch.max.bytes": client.FETCH_BYTES,
            "queued.max.messages.kbytes": 2 * client.FETCH_BYTES >> 10,
            "fetch.queue.backoff.ms": 20,  # by default a full queue is left alone for a second
            "check.crcs": True,
        }
        | _common(servers, settings, first)
    )
    _connect(consumer, first)
    listener = Listener(group, commits.ask)
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
        self._messages = 100  # asked for at once, about client.FETCH_BYTES of them

    def poll(self, seconds: float) -> Sequence[Fetched]:
        """See `client.Consumer`."""
        with _translated():
            polled = self._consumer.consume(self._messages, seconds)
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
            self._messages = max(
                1, min(client.FETCH_MESSAGES, client.FETCH_BYTES * len(polled) // size)
            )
        return list(columns.values())

    def reachable(self) -> bool:
        """See `client.Consumer`."""
        try:
            self._consumer.list_topics(self._topics[0], timeout=client.REACH_SECONDS)
        except KafkaException:
            return False
        return True

    def commit(self, offsets: Mapping[Partition, int], done: Done) -> None:
        """See `client.Consumer`; the library calls back while it polls."""
        self._commits.ask(self._consumer, offsets, done)

    def committed(self, partition: Partition) -> int | None:
        """See `client.Consumer`."""
        asked = [TopicPartition(*partition)]
        with _translated():
            (mark,) = self._consumer.committed(asked, timeout=client.REACH_SECONDS)
        return mark.offset if mark.offset >= 0 else None

    def beginning(self, partition: Partition) -> int:
        """See `client.Consumer`."""
        asked = TopicPartition(*partition)
        with _translated():
            low, _ = self._consumer.get_watermark_offsets(asked, timeout=client.REACH_SECONDS)
        return int(low)

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


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the library's errors as `client` names them."""
    try:
        yield
    except KafkaException as error:
        raise _translate(error.args[0]) from error


def _common(
    servers: str, settings: Kafka, on_error: Callable[[KafkaError], None]
) -> dict[str, Any]:
    """Settings of consumers and producers alike."""
    return {
        "bootstrap.servers": servers,
        "client.id": "pano-bridge",
        "topic.metadata.refresh.interval.ms": int(client.METADATA_SECONDS * 1000),
        "reconnect.backoff.max.ms": 5000,
        "log_level": 0,  # it would write to stderr; errors come through `error_cb`
        "error_cb": on_error,
    } | client.settings_named(NAMES, settings)
