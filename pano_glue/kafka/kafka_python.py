"""The library kafka-python (3.0 and later): pure Python, installs everywhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import kafka
from kafka import errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.future import Future

from pano_glue.kafka import client
from pano_glue.kafka.client import Fetched, KafkaAwayError, KafkaRefusedError, Partition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pano_glue.config import Kafka
    from pano_glue.kafka.client import Done, Group

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 5.0
FOREVER = 1 << 30  # milliseconds, twelve days: as long as the library's clock arithmetic likes
BUFFERED_BYTES = 32 << 20

NAMES = {
    "security_protocol": "security_protocol",
    "ssl_ca": "ssl_cafile",
    "ssl_cert": "ssl_certfile",
    "ssl_key": "ssl_keyfile",
    "sasl_mechanism": "sasl_mechanism",
    "sasl_username": "sasl_plain_username",
    "sasl_password": "sasl_plain_password",
}
REFUSED = (
    errors.SaslAuthenticationFailedError,
    errors.AuthorizationError,
    errors.UnsupportedCodecError,
    errors.UnsupportedSaslMechanismError,
)


def open_consumer(
    servers: str, topics: Sequence[str], name: str, settings: Kafka, group: Group
) -> KafkaPythonConsumer:
    """See `client.Library`."""
    with _translated():
        consumer = kafka.KafkaConsumer(
            group_id=name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[CooperativeStickyAssignor],
            allow_auto_create_topics=False,
            session_timeout_ms=int(client.SESSION_SECONDS * 1000),
            fetch_max_bytes=client.FETCH_BYTES,
            max_poll_records=client.FETCH_MESSAGES,
            **_common(servers, settings),
        )
        consumer.subscribe(topics=topics, listener=_Listener(consumer, group))
    return KafkaPythonConsumer(consumer, topics)


def open_producer(servers: str, settings: Kafka) -> KafkaPythonProducer:
    """See `client.Library`."""
    with _translated():
        return KafkaPythonProducer(
            kafka.KafkaProducer(
                enable_idempotence=True,
                delivery_timeout_ms=FOREVER,
                linger_ms=20,
                batch_size=1 << 18,
                max_request_size=2 << 20,
                **_common(servers, settings),
            )
        )


class KafkaPythonConsumer:
    """See `client.Consumer`."""

    def __init__(self, consumer: Any, topics: Sequence[str]) -> None:  # noqa: ANN401 (untyped)
        """Wrap a subscribed KafkaConsumer."""
        self._consumer = consumer
        self._topics = topics

    def poll(self, seconds: float) -> Sequence[Fetched]:
        """See `client.Consumer`."""
        with _translated():
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
        return [
            Fetched(
                Partition(*partition),
                [record.offset + 1 for record in records],
                [record.value or b"" for record in records],
            )
            for partition, records in polled.items()
        ]

    def reachable(self) -> bool:
        """See `client.Consumer`."""
        some = kafka.TopicPartition(self._topics[0], 0)
        try:  # a question for the group's coordinator, whether there is such a topic or not
            self._consumer.committed(some, timeout_ms=int(client.REACH_SECONDS * 1000))
        except errors.KafkaError:
            return False
        return True

    def commit(self, offsets: Mapping[Partition, int], done: Done) -> None:
        """See `client.Consumer`; the library calls back from its own thread."""
        with _translated():
            asked = self._consumer.commit_async(_marks(offsets))
        asked.add_callback(lambda _: done(None))
        asked.add_errback(lambda error: done(str(error)))

    def committed(self, partition: Partition) -> int | None:
        """See `client.Consumer`."""
        asked = kafka.TopicPartition(*partition)
        with _translated():
            offset = self._consumer.committed(asked, timeout_ms=int(client.REACH_SECONDS * 1000))
        return None if offset is None else int(offset)

    def beginning(self, partition: Partition) -> int:
        """See `client.Consumer`."""
        asked = kafka.TopicPartition(*partition)
        with _translated():
            return int(self._consumer.beginning_offsets([asked])[asked])

    def close(self) -> None:
        """See `client.Consumer`."""
        self._consumer.close(autocommit=False, timeout_ms=int(CLOSE_SECONDS * 1000))


class KafkaPythonProducer:
    """See `client.Producer`."""

    def __init__(self, producer: Any) -> None:  # noqa: ANN401 (untyped)
        """Wrap a KafkaProducer."""
        self._producer = producer

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        """See `client.Producer`."""
        try:
            sent = self._producer.send(topic, value, key)
        except errors.MessageSizeTooLargeError as error:
            delivered(str(error))
            return
        except errors.KafkaError as error:
            raise KafkaAwayError(str(error)) from error
        sent.add_callback(lambda _: delivered(None))
        sent.add_errback(lambda error: delivered(str(error)))

    def serve(self, seconds: float) -> None:
        """See `client.Producer`; the library calls back from its own thread."""
        time.sleep(seconds)

    def close(self) -> None:
        """See `client.Producer`."""
        self._producer.close(timeout=0)


class _Listener(kafka.AsyncConsumerRebalanceListener):  # type: ignore[misc]
    """Lets the group wait and commit while the library's loop keeps up the heartbeat."""

    def __init__(self, consumer: Any, group: Group) -> None:  # noqa: ANN401 (untyped)
        self._consumer = consumer
        self._group = group

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        self._group.assigned(_partitions(assigned))

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        partitions = _partitions(revoked)
        settled = Future()
        self._group.when_settled(partitions, lambda: settled.is_done or settled.success(None))
        await settled
        offsets = self._group.revoked(partitions)
        if offsets:
            try:
                await self._consumer.commit_async(_marks(offsets))
            except errors.KafkaError:
                self._group.lost(partitions)
            else:
                self._group.committed(offsets)

    async def on_partitions_lost(self, lost: Collection[Any]) -> None:
        self._group.lost(_partitions(lost))


def _partitions(partitions: Collection[Any]) -> list[Partition]:
    return [Partition(*partition) for partition in partitions]


def _marks(offsets: Mapping[Partition, int]) -> dict[Any, Any]:
    return {
        kafka.TopicPartition(*partition): kafka.OffsetAndMetadata(offset, "", -1)
        for partition, offset in offsets.items()
    }


def _common(servers: str, settings: Kafka) -> dict[str, Any]:
    """Settings of consumers and producers alike."""
    return {
        "bootstrap_servers": servers.split(","),
        "client_id": "pano-bridge",
        "bootstrap_timeout_ms": int(CONNECT_SECONDS * 1000),
        "metadata_max_age_ms": int(client.METADATA_SECONDS * 1000),
        "reconnect_backoff_max_ms": 5000,
        "metrics_enabled": False,
    } | client.settings_named(NAMES, settings)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the library's errors as `client` names them."""
    try:
        yield
    except REFUSED as error:
        raise KafkaRefusedError(
            f"Kafka cannot be used: {error}",
            "see [kafka] in docs/pano.toml",
        ) from error
    except (errors.KafkaError, RuntimeError) as error:  # RuntimeError: closed meanwhile
        raise KafkaAwayError(str(error)) from error
