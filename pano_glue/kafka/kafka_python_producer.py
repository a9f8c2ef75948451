"""The producer of kafka-python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kafka import errors

from pano_glue.kafka.client import KafkaAwayError, KafkaRefusedError, TooLargeError

if TYPE_CHECKING:
    from pano_glue.kafka.client import Done
    from pano_glue.kafka.kafka_python_settings import Reason

TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


class KafkaPythonProducer:
    """See `client.Producer`."""

    def __init__(self, producer: Any, reason: Reason) -> None:  # noqa: ANN401 (untyped)
        """Wrap a KafkaProducer; `reason` keeps what it logs."""
        self._producer = producer
        self._reason = reason

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        """See `client.Producer`."""
        try:
            sent = self._producer.send(topic, value, key)
        except TOO_LARGE as error:
            delivered(TooLargeError(str(error)))
            return
        except errors.KafkaError as error:
            raise KafkaAwayError(self.reason() or str(error)) from error
        sent.add_callback(lambda _: delivered(None))
        sent.add_errback(lambda error: delivered(_translate(error)))

    def serve(self, seconds: float) -> None:
        """See `client.Producer`; the library calls back from its own thread."""
        time.sleep(seconds)

    def reason(self) -> str:
        """See `client.Producer`."""
        return self._reason.text

    def close(self) -> None:
        """See `client.Producer`."""
        self._reason.close()
        self._producer.close(timeout=0)


def _translate(error: Exception) -> Exception:
    if isinstance(error, TOO_LARGE):
        return TooLargeError(str(error))
    return KafkaRefusedError(
        f"Kafka refuses a message: {error}", "see docs/transports.md, the relay"
    )
