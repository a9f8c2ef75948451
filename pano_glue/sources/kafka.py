"""Kafka topics, read in a consumer group: `kafka://host:port[,host:port]/topic[,topic]`.

Options: `group=NAME` (default `pano-bridge`; bridges of one group share the partitions),
`log=NAME` (which log untagged values are of; by default the topic's name tells) and `client=NAME`
(`confluent-kafka` or `kafka-python`; by default the first that is installed). Offsets are committed
only by `commit`; what a rebalance does is told in `kafka.offsets`.
"""

from __future__ import annotations

import sys
import threading
import time
from threading import Event
from typing import TYPE_CHECKING, cast

from pano_glue.errors import SettingError
from pano_glue.kafka.address import parse_address
from pano_glue.kafka.client import KafkaAwayError, open_library
from pano_glue.kafka.offsets import Offsets
from pano_glue.kafka.values import cut_long_lines, lines_by_log
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.backoff import Backoff
from pano_glue.sources.base import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from threading import Thread

    from pano_glue.kafka.address import Address
    from pano_glue.kafka.client import Consumer, Fetched, Library, Partition
    from pano_glue.sources.base import SourceContext, SourceUri

POLL_SECONDS = 0.1
COMMIT_SECONDS = 5.0
IDLE_POLLS = 20  # between two questions whether an idle Kafka is still there


def open_source(uri: SourceUri, context: SourceContext) -> KafkaSource:
    """Make the source for a `kafka:` URI.

    Raises:
        SettingError: for a wrong address or option, or when no Kafka library is installed.
    """
    reject_unknown_options(uri, {"client", "group", "log"})
    address = parse_address(uri.target, f"--source {uri.name}")
    library = open_library(uri.options.get("client", ""))
    if not address.topics:
        raise SettingError(f"--source {uri.name}: no topic", "write kafka://host:port/topic")
    return KafkaSource(uri, address, context, library, Offsets())


class Commit:
    """One commit on its way."""

    def __init__(self, offsets: Offsets, due: Mapping[Partition, int]) -> None:
        """Tell `offsets` when `due` is committed."""
        self.ended = Event()
        self.failure: str | None = "no answer"
        self._offsets = offsets
        self._due = due

    def done(self, failure: str | None) -> None:
        """Take note; see `client.Done`."""
        if failure is None:
            self._offsets.committed(self._due)
        self.failure = failure
        self.ended.set()


class KafkaSource:
    """Topics of one Kafka, read as a member of a consumer group."""

    def __init__(
        self,
        uri: SourceUri,
        address: Address,
        context: SourceContext,
        library: Library,
        offsets: Offsets,
    ) -> None:
        """Read through `library`; the bookkeeping is in `offsets`."""
        self.name = uri.name
        self._address = address
        self._group = uri.options.get("group") or "pano-bridge"
        self._log = uri.options.get("log")
        self._context = context
        self._library = library
        self._offsets = offsets
        self._consumer: Consumer | None = None
        self._stop = Event()
        self._up: bool | None = None
        self._reader: Thread | None = None
        self._asked = Commit(offsets, {})
        self._asked.done(None)

    def batches(self) -> Iterator[Batch]:
        """Yield what comes in. After `stop` nothing more: what is not read is read next time."""
        self._reader = threading.current_thread()
        self._context.ledger.deleted(self.name, 0)  # from which rates begin
        backoff = Backoff(self._stop)
        while not self._stop.is_set():
            try:
                self._consumer = self._library.open_consumer(
                    *self._address, self._group, self._context.config.kafka, self._offsets
                )
                backoff.reset()
                yield from self._consume(self._consumer)
            except KafkaAwayError as error:
                if self._up is not False:
                    print(f"pano-bridge: {self.name}: {error}; trying again", file=sys.stderr)
                self._disconnect()
                backoff.wait()
        self._reader = None

    def commit(self, position: object) -> None:
        """Commit what `position` holds of the partitions that are still ours."""
        self._offsets.scrape(cast("Mapping[Partition, int]", position))
        if threading.current_thread() is self._reader:
            return  # it goes on its way after the next poll
        if self._reader is None and self._consumer is not None:
            self._commit_after_end(self._consumer)
        if not self._offsets.wait_committed(COMMIT_SECONDS):
            raise KafkaAwayError(f"{self.name}: offsets not committed: {self._asked.failure}")

    def stop(self) -> None:
        """End `batches` after what is being counted; partitions are kept for the last scrape."""
        self._stop.set()
        self._offsets.close()

    def close(self) -> None:
        """Leave the group; what was not scraped is not committed."""
        self._offsets.close()
        self._disconnect()

    def _settle(self, consumer: Consumer) -> None:
        """Ask Kafka to commit what is due; one at a time, or an older one might come in last."""
        if self._asked.ended.is_set() and (due := self._offsets.due()):
            self._asked = Commit(self._offsets, due)
            consumer.commit(due, self._asked.done)

    def _commit_after_end(self, consumer: Consumer) -> None:
        deadline = time.monotonic() + COMMIT_SECONDS
        while not self._offsets.wait_committed(0) and time.monotonic() < deadline:
            self._settle(consumer)
            consumer.poll(POLL_SECONDS)  # for its callbacks; what it returns is not committed

    def _consume(self, consumer: Consumer) -> Iterator[Batch]:
        self._tell(up=True)
        idle = 0
        while not self._stop.is_set():
            self._settle(consumer)
            polled = consumer.poll(POLL_SECONDS)
            idle = 0 if polled else idle + 1
            if polled:
                self._tell(up=True)
            elif idle % IDLE_POLLS == 0:
                self._tell(up=consumer.reachable())
            for fetched in polled:
                self._count_deleted(consumer, fetched)
                if (fresh := self._offsets.fresh(fetched)).values:
                    yield from self._batches_of(fresh)

    def _count_deleted(self, consumer: Consumer, fetched: Fetched) -> None:
        """Count what Kafka's retention took before it was read.

        Offsets alone do not tell: transactions and compacted topics have gaps of their own.
        """
        expected = self._offsets.expected(fetched)
        if expected is None:
            expected = consumer.committed(fetched.partition)
        came = fetched.offsets[0] - 1
        if expected is not None and came > expected:
            deleted = min(came, consumer.beginning(fetched.partition)) - expected
            self._context.ledger.deleted(self.name, max(0, deleted))

    def _batches_of(self, fetched: Fetched) -> Iterator[Batch]:
        before = self._offsets.position()
        self._offsets.count(fetched)
        logs = list(lines_by_log(self._log or fetched.partition.topic, fetched.values).items())
        limit = self._context.config.limits.line_bytes
        for log, lines in logs:
            if max(map(len, fetched.values)) > limit:
                lines = cut_long_lines(lines, limit)  # noqa: PLW2901
            last = log == logs[-1][0]
            yield Batch(log, lines, self._offsets.position() if last else before)

    def _disconnect(self) -> None:
        self._tell(up=False)
        self._asked.done("the connection was lost")
        self._offsets.lose_all()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _tell(self, *, up: bool) -> None:
        if up is not self._up:
            self._up = up
            self._context.ledger.connection(self.name, up=up)
