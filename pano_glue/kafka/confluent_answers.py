"""What confluent-kafka answers: how commits ended, and why it cannot connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pano_glue.kafka import client
from pano_glue.kafka.client import KafkaAwayError, KafkaRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pano_glue.kafka.client import Done, Partition

REFUSED = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 (librdkafka's own codes begin with one)
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.FENCED_INSTANCE_ID,
}
ALL_DOWN = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001


class Commits:
    """Commits on their way. The library's own waiting for one would have no end without Kafka."""

    def __init__(self) -> None:
        """Begin without any."""
        self._asked: dict[frozenset[tuple[str, int, int]], Done] = {}

    def ask(self, consumer: Any, offsets: Mapping[Partition, int], done: Done) -> None:  # noqa: ANN401
        """Send one."""
        self._asked[frozenset((*partition, offset) for partition, offset in offsets.items())] = done
        sent = marks(offsets)
        try:
            consumer.commit(offsets=sent, asynchronous=True)
        except KafkaException as error:
            self.ended(error.args[0], sent)

    def ended(self, error: KafkaError | None, ended: Sequence[Any]) -> None:
        """Tell who asked how it ended; the library's `on_commit`."""
        done = self._asked.pop(frozenset((m.topic, m.partition, m.offset) for m in ended), None)
        failures = [error, *(mark.error for mark in ended)]
        failure = next((failure for failure in failures if failure is not None), None)
        if done is not None:
            done(None if failure is None else KafkaAwayError(failure.str()))


class Reason:
    """Keeps what the library said last about its connections; a refusal says more than the rest."""

    def __init__(self) -> None:
        """Begin without one."""
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Take one; the library's `error_cb`."""
        if (
            self.error is None
            or error.code() in REFUSED
            or (error.code() != ALL_DOWN and self.error.code() not in REFUSED)
        ):
            self.error = error

    @property
    def text(self) -> str:
        """In words."""
        return "" if self.error is None else str(self.error.str())


def translate(error: KafkaError) -> Exception:
    """Name the library's error as `client` does."""
    if error.code() == KafkaError.FENCED_INSTANCE_ID:
        return KafkaRefusedError(*client.FENCED)
    if error.code() in REFUSED:
        return KafkaRefusedError(
            f"Kafka refuses: {error.str()}", "check [kafka] and the rights of its user"
        )
    return KafkaAwayError(error.str())


def marks(offsets: Mapping[Partition, int]) -> list[Any]:
    """Write offsets as the library commits them."""
    return [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
