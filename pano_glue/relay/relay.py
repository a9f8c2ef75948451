"""The relay: one thread reads a source and sends, another commits what Kafka has confirmed."""

from __future__ import annotations

import sys
import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.kafka.client import KafkaAwayError
from pano_glue.metrics.counters import Counters
from pano_glue.relay.messages import messages
from pano_glue.relay.window import Window
from pano_glue.sources.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.kafka.client import Producer
    from pano_glue.metrics.family import Family
    from pano_glue.relay.messages import Message
    from pano_glue.relay.window import Sent
    from pano_glue.sources import Batch, Source

SERVE_SECONDS = 0.1
COMMIT_SECONDS = 0.5  # between two commits; what a crash in between would send again
DRAIN_SECONDS = 30.0


class Relay:
    """One source on its way into one Kafka."""

    def __init__(
        self, source: Source, open_producer: Callable[[], Producer], topic: str | None
    ) -> None:
        """Send to `topic`, or to the topic of each log's name."""
        self._source = source
        self._open_producer = open_producer
        self._topic = topic
        self._window = Window()
        self._stop = Event()
        self._lock = Lock()
        self._refusal: str | None = None
        self._position: object | None = None
        self._records = Counters("pano_relay_records", "Records sent on.", ("source", "topic"))
        self._bytes = Counters(
            "pano_relay_in_flight_bytes",
            "Bytes that Kafka has not confirmed.",
            ("source",),
            "gauge",
        )

    def run(self) -> None:
        """Relay until `stop` or the end of the source.

        Raises:
            PanoError: when the source cannot be used or Kafka refuses what we send.
        """
        producer = self._connect()
        if producer is None:
            return
        ended = Event()
        committing = Thread(target=self._confirm, args=(producer, ended), daemon=True)
        committing.start()
        try:
            for batch in self._source.batches():
                if not self._send(producer, batch):
                    break
        finally:
            ended.set()
            committing.join()
            producer.close()
            self._source.close()
        if self._refusal is not None:
            raise PanoError(f"Kafka refuses a message: {self._refusal}", "see docs/transports.md")

    def stop(self) -> None:
        """Send what can be read without waiting, wait for its confirmation, and end `run`."""
        self._stop.set()
        self._source.stop()

    def families(self) -> Iterator[Family]:
        """Write the relay's own metrics."""
        with self._lock:
            self._bytes.set((self._source.name,), self._window.bytes)
            yield self._records.family()
            yield self._bytes.family()

    def _connect(self) -> Producer | None:
        backoff = Backoff(self._stop)
        while not self._stop.is_set():
            try:
                return self._open_producer()
            except KafkaAwayError:
                backoff.wait()
        return None

    def _send(self, producer: Producer, batch: Batch) -> bool:
        """Send a batch, waiting for room; False when the relay should end."""
        sent = self._window.begin(batch.position)
        for message in messages(batch, self._topic):
            if not self._window.admit(sent, len(message.value), self._stop):
                return False
            if not self._queue(producer, sent, message):
                return False
        sent.complete = True
        return self._refusal is None

    def _queue(self, producer: Producer, sent: Sent, message: Message) -> bool:
        def delivered(failure: str | None) -> None:
            if failure is not None:
                self._refusal = failure
                self._source.stop()
                return
            self._window.delivered(sent, len(message.value))
            with self._lock:
                self._records.add((self._source.name, message.topic), message.records)

        backoff = Backoff(self._stop)
        while not self._stop.is_set():
            try:
                producer.send(message.topic, message.key, message.value, delivered)
            except KafkaAwayError:
                backoff.wait()
            else:
                return True
        return False

    def _confirm(self, producer: Producer, ended: Event) -> None:
        """Commit what Kafka has; at the end wait until it has everything."""
        due = time.monotonic() + COMMIT_SECONDS
        while not ended.is_set():
            producer.serve(SERVE_SECONDS)
            if time.monotonic() >= due:
                self._commit()
                due = time.monotonic() + COMMIT_SECONDS
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._window.bytes and self._refusal is None and time.monotonic() < deadline:
            producer.serve(SERVE_SECONDS)
        self._commit()

    def _commit(self) -> None:
        self._position = self._window.confirmed() or self._position
        if self._position is None:
            return
        try:
            self._source.commit(self._position)
        except OSError as error:
            print(f"pano-bridge: {self._source.name}: {error.strerror}", file=sys.stderr)
        else:
            self._position = None
