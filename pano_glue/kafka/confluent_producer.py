"""The producer of confluent-kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException

from pano_glue.kafka.client import KafkaRefusedError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.kafka.client import Done

TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}


class ConfluentProducer:
    """See `client.Producer`."""

    def __init__(self, producer: Any, reason: Callable[[], str]) -> None:  # noqa: ANN401 (untyped)
        """Wrap a Producer; `reason` tells what the library said last."""
        self._producer = producer
        self.reason = reason

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        """See `client.Producer`."""

        def ended(error: KafkaError | None, _: object) -> None:
            delivered(None if error is None else _translate(error))

        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=ended)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                delivered(_translate(error.args[0]))
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


def _translate(error: KafkaError) -> Exception:
    if error.code() in TOO_LARGE:
        return TooLargeError(error.str())
    return KafkaRefusedError(
        f"Kafka refuses a message: {error.str()}", "see docs/transports.md, the relay"
    )
