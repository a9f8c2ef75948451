"""The relay of one source: one thread reads and sends, another hears what Kafka says."""

from __future__ import annotations

import logging
import time
from collections import deque
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.kafka.client import KafkaAwayError, TooLargeError
from pano_glue.relay.messages import VALUE_BYTES, messages, smaller
from pano_glue.relay.window import Window
from pano_glue.sources.backoff import Backoff
from pano_glue.sources.connection import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.kafka.client import Producer
    from pano_glue.relay.messages import Message
    from pano_glue.relay.window import Sent
    from pano_glue.sources import Batch, Source

logger = logging.getLogger(__name__)
SERVE_SECONDS = 0.05
STALLED_SECONDS = 10.0  # without a confirmation, after which Kafka counts as away
LEAST_BYTES = 512  # the smallest message that is tried


class Relay:
    """One source on its way into one Kafka."""

    def __init__(
        self,
        source: Source,
        open_producer: Callable[[int], Producer],
        topic: str | None,
        tell: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Send to `topic`, or to the topic of each log's name.

        `open_producer` is given the size of a batch of messages; `tell` hears whether Kafka takes
        what is sent.
        """
        self.source = source
        self.window = Window()
        self._open_producer = open_producer
        self._topic = topic
        self._tell = tell
        self._most = VALUE_BYTES
        self._producer: Producer | None = None
        self._sending = Lock()  # held by whoever uses the producer to send
        self._large: deque[tuple[Sent, Message]] = deque()  # came back, to be divided
        self._refusal: Exception | None = None
        self._stop = Event()
        self._ended = Event()
        self._heard = time.monotonic()
        self._stalled = False

    def run(self) -> None:
        """Relay until `stop` or the end of the source, and until Kafka has everything.

        Raises:
            PanoError: when the source cannot be used or Kafka refuses what we send.
        """
        if not self._connect():
            return
        serving = Thread(target=self._serve, daemon=True)
        serving.start()
        try:
            for batch in self.source.batches():
                if not self._send(batch):
                    break
            while self.window.bytes or self._large:
                if self._refusal or self._ended.wait(SERVE_SECONDS):
                    break
        finally:
            self._ended.set()
            serving.join()
            if self._producer is not None:
                self._producer.close()
        if self._refusal is not None:
            raise self._refusal

    def stop(self) -> None:
        """Send what can be read without waiting, and end `run` when Kafka has it."""
        self._stop.set()
        self.source.stop()

    def abandon(self) -> None:
        """End `run` with what Kafka has: the rest is sent by the next life."""
        self._ended.set()

    def _connect(self) -> bool:
        backoff = Backoff(self._stop)
        while not self._stop.is_set():
            try:
                self._producer = self._open_producer(self._most)
            except KafkaAwayError as error:
                self._say_stalled(error)
                backoff.wait()
            else:
                self._say_going()
                return True
        return False

    def _send(self, batch: Batch) -> bool:
        """Send a batch, waiting for room; False when the relay should end."""
        sent = self.window.begin(batch.position)
        for message in messages(batch, self._topic, self._most):
            sent.records[message.topic] += message.records
            if not self.window.admit(sent, len(message.value), self._ended):
                return False
            with self._sending:
                if not self._queue(sent, message):
                    return False
        self.window.complete(sent)
        return self._refusal is None and not self._ended.is_set()

    def _queue(self, sent: Sent, message: Message) -> bool:
        def delivered(failure: Exception | None) -> None:
            self._heard = time.monotonic()
            if failure is None:
                self.window.delivered(sent, len(message.value))
            elif isinstance(failure, TooLargeError):
                self._large.append((sent, message))
                self.window.returned(len(message.value))
            else:
                self._refuse(failure)

        self.window.sending()
        backoff = Backoff(self._ended)
        while not self._ended.is_set() and self._producer is not None:
            try:
                self._producer.send(message.topic, message.key, message.value, delivered)
            except KafkaAwayError as error:
                self._say_stalled(error)
                backoff.wait()
            else:
                return True
        return False

    def _serve(self) -> None:
        """Hear what became of messages until the relay ends."""
        while not self._ended.is_set() and self._producer is not None:
            self._producer.serve(SERVE_SECONDS)
            if self._large:
                self._send_smaller()
            if not self.window.bytes:
                self._heard = time.monotonic()
            if self._heard + STALLED_SECONDS < time.monotonic():
                self._say_stalled(self._producer.reason() or "nothing is confirmed")
            elif self._stalled:
                self._say_going()

    def _send_smaller(self) -> None:
        """Send what came back in smaller parts, through a producer that makes smaller batches.

        A topic's `max.message.bytes` bounds a batch, and what it is only its broker knows. So the
        size is halved until it is taken, when everything else on its way has been answered.
        """
        with self._sending:
            while self._producer is not None and self.window.unanswered:
                if self._ended.is_set():
                    return
                self._producer.serve(SERVE_SECONDS)
            largest = max(len(message.value) for _, message in self._large)
            self._most = min(self._most, largest) // 2
            if self._most < LEAST_BYTES:
                self._refuse(PanoError(f"Kafka takes no message of {largest} bytes", "see its log"))
                return
            logger.warning(
                "%s: Kafka takes no message of %d bytes (max.message.bytes): sending at most %d",
                self.source.name,
                largest,
                self._most,
            )
            if self._producer is not None:
                self._producer.close()
            if not self._connect():
                return
            for _ in range(len(self._large)):
                sent, message = self._large.popleft()
                parts = smaller(message, self._most)
                self.window.divide(sent, [len(part.value) for part in parts])
                for part in parts:
                    self._queue(sent, part)

    def _refuse(self, failure: Exception) -> None:
        self._refusal = failure
        self.source.stop()

    def _say_stalled(self, reason: object) -> None:
        if not self._stalled:
            self._stalled = True
            self._tell(False)  # noqa: FBT003 - heard by a lambda
            words = in_words(reason)
            logger.warning("%s: Kafka takes nothing: %s; trying on", self.source.name, words)

    def _say_going(self) -> None:
        if self._stalled:
            logger.info("%s: Kafka takes what is sent again", self.source.name)
        self._stalled = False
        self._tell(True)  # noqa: FBT003
