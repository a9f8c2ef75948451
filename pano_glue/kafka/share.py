"""A member's share of its group's partitions: where each begins, and how it is given up.

The promise: a message is counted by exactly one bridge. So a partition goes on where the furthest
of the checkpoint and the group's offset says, and one that leaves is first counted, then in a
checkpoint, then committed, then given up: its next owner begins exactly there.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from threading import Event

    from pano_glue.kafka.client import Consumer, Kept, Partition
    from pano_glue.kafka.offsets import Offsets
    from pano_glue.sources.base import SourceContext

logger = logging.getLogger(__name__)
HANDOVER_SECONDS = 30.0  # a partition waits for its checkpoint; the group is patient for longer
RETRY_SECONDS = 0.2


class Share:
    """See `client.Group`; called by the thread that polls."""

    def __init__(
        self, name: str, offsets: Offsets, context: SourceContext, stop: Event, *, from_end: bool
    ) -> None:
        """Serve the source `name`; a topic never seen begins at its end or its beginning."""
        self._name = name
        self._offsets = offsets
        self._context = context
        self._stop = stop
        self._from_end = from_end
        self.handover = HANDOVER_SECONDS

    def assigned(
        self, consumer: Consumer, partitions: Collection[Partition]
    ) -> Mapping[Partition, int]:
        """Begin each at the furthest of the checkpoint and the group's offset."""
        if not partitions:
            return {}
        topics = {partition.topic for partition in partitions}
        seen = {topic for topic in topics if self._offsets.counted.offsets.get(topic)}
        siblings = [one for topic in topics - seen for one in consumer.partitions(topic)]
        committed = consumer.committed({*siblings, *partitions})
        seen |= {partition.topic for partition in committed}
        kept = consumer.kept(partitions)
        starts = {}
        for partition in sorted(partitions):
            known = (self._offsets.counted.get(partition), committed.get(partition))
            furthest = max((offset for offset in known if offset is not None), default=None)
            if furthest is None:
                # A new partition of a topic that was seen holds nothing that anybody counted.
                at_end = self._from_end and partition.topic not in seen
                starts[partition] = kept[partition].next if at_end else kept[partition].first
            else:
                starts[partition] = self._within(partition, furthest, kept[partition])
            self._offsets.own(partition, starts[partition], committed.get(partition))
        for topic in sorted(topics - seen):
            where = (
                "its end (?from=beginning reads it whole)" if self._from_end else "its beginning"
            )
            logger.info("%s: topic %s was never read: it begins at %s", self._name, topic, where)
        return starts

    def revoked(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Have a checkpoint made of what was counted, and say what it holds.

        While none can be made, the partitions are held back for `handover` seconds. Then they go
        uncommitted: nothing is lost, and what their next owner reads again is counted twice.
        """
        deadline = time.monotonic() + self.handover
        failure: OSError | None = None
        while self._offsets.beyond(partitions):
            try:
                self._context.checkpoint()
            except OSError as error:
                failure = error
            beyond = self._offsets.beyond(partitions)
            if beyond and (time.monotonic() > deadline or self._stop.wait(RETRY_SECONDS)):
                why = failure.strerror or failure if failure else "no checkpoint"
                self._doubled(partitions, beyond, f"they are in no checkpoint ({why})")
                break
        due = self._offsets.due(partitions)
        self._offsets.disown(partitions)
        return due

    def committed(self, offsets: Mapping[Partition, int], failure: Exception | None) -> None:
        """Say so when what was given up could not be committed."""
        if failure is None:
            self._offsets.committed(offsets)
        else:
            since = "those since the last commit"
            self._doubled(offsets, since, f"it failed ({failure})")

    def lost(self, partitions: Collection[Partition]) -> None:
        """Take note; what was counted stays counted, should the partitions come back."""
        lost = self._offsets.owned.intersection(partitions)
        if beyond := self._offsets.uncommitted(lost):
            self._doubled(lost, beyond, "the group was left without a commit")
        self._offsets.disown(partitions)

    def _within(self, partition: Partition, offset: int, kept: Kept) -> int:
        """Keep a start within what is kept, and count what was deleted."""
        if offset > kept.next:
            logger.warning(
                "%s: %s/%d ends at %d, we were at %d: the topic was made anew and is read from its "
                "beginning",
                self._name,
                *partition,
                kept.next,
                offset,
            )
            return kept.first
        if offset < kept.first:
            self._context.ledger.deleted(self._name, kept.first - offset)
            logger.warning(
                "%s: %s/%d: %d messages were deleted before they were read",
                self._name,
                *partition,
                kept.first - offset,
            )
        return max(offset, kept.first)

    def _doubled(self, partitions: Iterable[Partition], messages: object, why: str) -> None:
        """Say which messages another bridge may count again."""
        topics = Counter(partition.topic for partition in partitions)
        logger.warning(
            "%s: %s given up, and messages (%s) may be counted again by another bridge: %s",
            self._name,
            ", ".join(f"{count} partitions of {topic}" for topic, count in topics.items()),
            messages,
            why,
        )
