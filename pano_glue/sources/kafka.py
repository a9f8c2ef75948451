"""Kafka topics, read in a consumer group: `kafka://host:port[,host:port]/topic[,topic]`.

Options: `group=NAME` (default `pano-bridge`; bridges of one group share the partitions), `from=end`
(the default) or `from=beginning` (where a topic that neither a checkpoint nor the group has seen
begins), `log=NAME` (which log untagged values are of; by default the topic's name tells) and
`client=NAME` (`confluent-kafka` or `kafka-python`; by default the first that is installed).
Offsets are in the bridge's checkpoint, and committed after it; what a rebalance does is in
`kafka.share`.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.kafka.address import parse_address
from pano_glue.kafka.client import (
    METADATA_SECONDS,
    Fetched,
    KafkaAwayError,
    KafkaRefusedError,
    open_library,
)
from pano_glue.kafka.gaps import Gaps
from pano_glue.kafka.member import named_member
from pano_glue.kafka.offsets import Offsets, Position
from pano_glue.kafka.share import Share
from pano_glue.kafka.values import cut_long_lines, lines_by_log
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.backoff import Backoff
from pano_glue.sources.base import Batch
from pano_glue.sources.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.kafka.address import Address
    from pano_glue.kafka.client import Consumer, Library
    from pano_glue.sources.base import SourceContext, SourceUri

POLL_SECONDS = 0.1
CLOSE_SECONDS = 1.5  # for the last commit
ASK_SECONDS = 2.0  # between two questions whether an idle Kafka is still there
BACKLOG_SECONDS = 1.0
COMMIT_SECONDS = 30.0  # after which another one is sent


def open_source(uri: SourceUri, context: SourceContext) -> KafkaSource:
    """Make the source for a `kafka:` URI.

    Raises:
        SettingError: for a wrong address, option or setting, or when no Kafka library is installed.
    """
    reject_unknown_options(uri, {"client", "from", "group", "log"})
    address = parse_address(uri.target, f"--source {uri.name}")
    library = open_library(uri.options.get("client", ""))
    if not address.topics:
        raise SettingError(f"--source {uri.name}: no topic", "write kafka://host:port/topic")
    if uri.options.get("from", "end") not in {"end", "beginning"}:
        what = f"--source {uri.name}: from={uri.options['from']}"
        raise SettingError(what, "write from=end or from=beginning")
    library.check(context.config.kafka, "consumer")
    return KafkaSource(uri, address, context, library)


class KafkaSource:
    """Topics of one Kafka, read as a member of a consumer group."""

    def __init__(
        self, uri: SourceUri, address: Address, context: SourceContext, library: Library
    ) -> None:
        """Read through `library`, from the context's position on."""
        self.name = uri.name
        self._address = address
        self._group = uri.options.get("group") or "pano-bridge"
        self._log = uri.options.get("log")
        self._context = context
        self._library = library
        self._settings = named_member(self.name, context)
        self._stop = Event()
        self._offsets = Offsets(context.position(self.name, Position) or Position())
        from_end = uri.options.get("from", "end") == "end"
        self.share = Share(self.name, self._offsets, context, self._stop, from_end=from_end)
        self._connection = Connection(self.name, context.ledger)
        self._consumer: Consumer | None = None
        self._absent: list[str] = []  # topics that do not exist
        self._gaps = Gaps(self.name)
        self._committing = 0.0  # until when a commit is waited for
        self._due = dict.fromkeys(("ask", "backlog", "topics"), 0.0)

    def batches(self) -> Iterator[Batch]:
        """Yield what comes in. After `stop` nothing more: what is not read is read next time."""
        self._context.ledger.deleted(self.name, 0)  # from which rates begin
        self._connection.begin()
        backoff = Backoff(self._stop)
        known = False  # whether Kafka ever let us in
        while not self._stop.is_set():
            try:
                self._consumer = self._library.open_consumer(
                    *self._address, self._group, self._settings, self.share
                )
                for batch in self._consume(self._consumer):
                    known = True
                    backoff.reset()
                    yield batch
            except KafkaRefusedError as error:
                if not known:
                    raise
                self._away(error)
                backoff.wait()
            except KafkaAwayError as error:
                self._away(error)
                backoff.wait()

    def checkpointed(self, position: object) -> None:
        """Take note; the reader commits it after its next poll."""
        if isinstance(position, Position):  # not one of an earlier life, not read yet
            self._offsets.checkpointed(position)

    def stop(self) -> None:
        """End `batches` after what is being counted; the group is left in `close`."""
        self._stop.set()

    def close(self) -> None:
        """Commit what the last checkpoint holds and leave the group."""
        if self._consumer is None:
            return
        deadline = time.monotonic() + CLOSE_SECONDS
        with suppress(KafkaAwayError, KafkaRefusedError):
            while self._offsets.due() and time.monotonic() < deadline:
                self._commit(self._consumer)
                self._consumer.poll(POLL_SECONDS)  # for its callbacks; nothing is counted any more
        self._leave()

    def _consume(self, consumer: Consumer) -> Iterator[Batch]:
        self._due["ask"] = self._due["topics"] = time.monotonic()
        while not self._stop.is_set():
            self._commit(consumer)
            polled = consumer.poll(POLL_SECONDS)
            if any(fetched.values for fetched in polled):
                self._due["ask"] = time.monotonic() + ASK_SECONDS
                self._connection.up()
            for fetched in polled:
                if fetched.partition in self._offsets.owned:
                    yield from self._counted(consumer, fetched)
            if self._offsets.moved:
                # Known before its first record, or passed by without any.
                yield Batch(self._log or self._address.topics[0], b"", self._offsets.hand())
            self._look(consumer)

    def _commit(self, consumer: Consumer) -> None:
        """Commit what is due; one at a time, or an older one might come in last."""
        due = {} if time.monotonic() < self._committing else self._offsets.due()
        if not due:
            return

        def done(failure: Exception | None) -> None:
            if failure is None:
                self._offsets.committed(due)
            self._committing = 0.0

        self._committing = time.monotonic() + COMMIT_SECONDS
        consumer.commit(due, done)

    def _look(self, consumer: Consumer) -> None:
        """Look now and then whether Kafka is there, whether the topics are, and what waits."""
        now = time.monotonic()
        if now >= self._due["backlog"]:
            self._due["backlog"] = now + BACKLOG_SECONDS
            self._tell_backlog(consumer)
        if now < self._due["ask"]:
            return
        self._due["ask"] = now + ASK_SECONDS
        made_anew = ""
        try:
            consumer.ask()
            if now >= self._due["topics"]:
                self._due["topics"] = now + METADATA_SECONDS
                self._absent, made_anew = self._look_at_topics(consumer)
        except KafkaAwayError as error:
            self._connection.down(error)
            return
        if made_anew:
            raise KafkaAwayError(made_anew)  # so that another consumer begins where it should
        held = {partition.topic for partition in self._offsets.owned}
        if absent := [topic for topic in self._absent if topic not in held]:
            self._connection.down(f"there is no topic {', '.join(absent)}")
        else:
            self._connection.up()

    def _look_at_topics(self, consumer: Consumer) -> tuple[list[str], str]:
        """Find topics that are not there, and one that was made anew, if a library has not."""
        owned = self._offsets.owned
        held = {partition.topic for partition in owned}
        wanted = [topic for topic in self._address.topics if topic not in held]
        there = consumer.topics() if wanted else ()
        made_anew = ""
        for partition, kept in consumer.kept(owned).items() if owned else ():
            if kept.next < (self._offsets.counted.get(partition) or 0):
                made_anew = f"{partition.topic}/{partition.number} ends before our offset"
        return [topic for topic in wanted if topic not in there], made_anew

    def _tell_backlog(self, consumer: Consumer) -> None:
        backlog = {}
        for partition in self._offsets.owned:
            after, at = consumer.next(partition), self._offsets.counted.get(partition)
            if after is not None and at is not None:
                backlog[partition.topic, partition.number] = max(0, after - at)
        self._context.ledger.backlog_messages(self.name, backlog)

    def _counted(self, consumer: Consumer, fetched: Fetched) -> Iterator[Batch]:
        """Yield a fetch, in two parts where a former life has counted some logs of its first."""
        partition, offsets, values = fetched
        if not values:
            if offsets[-1] > (self._offsets.counted.get(partition) or 0):
                self._offsets.count(partition, offsets[-1])
            return
        expected = self._offsets.counted.get(partition) or 0
        if deleted := self._gaps.deleted(consumer, fetched, expected):
            self._context.ledger.deleted(self.name, deleted)
        half = self._offsets.counted.half(partition)
        known = bisect_right(offsets, half.until) if half else 0
        if half and known:
            part = Fetched(partition, offsets[:known], values[:known])
            yield from self._batches_of(part, set(half.logs))
        if known < len(offsets):
            rest = Fetched(partition, offsets[known:], values[known:])
            yield from self._batches_of(rest if known else fetched, set())

    def _batches_of(self, fetched: Fetched, done: set[str]) -> Iterator[Batch]:
        topic = self._log or fetched.partition.topic
        logs = lines_by_log(topic, fetched.values)
        limit = self._context.config.limits.line_bytes
        long = max(map(len, fetched.values)) > limit
        left = [log for log in logs if log not in done]
        for log in left:
            lines = cut_long_lines(logs[log], limit) if long else logs[log]
            done.add(log)
            if log == left[-1]:
                self._offsets.count(fetched.partition, fetched.offsets[-1])
                position = self._offsets.hand()
            else:
                position = self._offsets.counted.amid(fetched, done)
            yield Batch(log, lines, position)
        if not left:  # nothing but empty values; the position goes with what comes next
            self._offsets.count(fetched.partition, fetched.offsets[-1])

    def _away(self, reason: Exception) -> None:
        self._connection.down(reason)
        self._leave()

    def _leave(self) -> None:
        """Let go of the consumer; what it had is lost unless it was given up in order."""
        self._context.ledger.backlog_messages(self.name, {})
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaAwayError):
                consumer.close()
        self.share.lost(tuple(self._offsets.owned))
        self._committing = 0.0
