"""Which messages were counted, are in a checkpoint, and are committed, per partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pano_glue.kafka.client import Fetched, Partition


class Halfway(msgspec.Struct, array_like=True, frozen=True):
    """A fetch of which some logs were counted: all their lines in messages before `until`."""

    topic: str
    partition: int
    until: int
    logs: tuple[str, ...]


class Position(msgspec.Struct, array_like=True, frozen=True):
    """The offset of the next message by topic and partition, of all that were ever ours.

    A fetch that holds several logs is several batches: between them, `halfway` tells which of its
    logs are done.
    """

    offsets: dict[str, dict[int, int]] = {}
    halfway: tuple[Halfway, ...] = ()

    def get(self, partition: Partition) -> int | None:
        """Give the offset of the next message; None for a partition that was never read."""
        return self.offsets.get(partition.topic, {}).get(partition.number)

    def half(self, partition: Partition) -> Halfway | None:
        """Tell what is counted beyond the next message of a partition."""
        return next((h for h in self.halfway if (h.topic, h.partition) == partition), None)

    def moved(self, partition: Partition, offset: int) -> Position:
        """Give a position that differs in one partition."""
        topic, number = partition
        half = self.half(partition)
        halfway = self.halfway
        if half is not None and half.until <= offset:
            halfway = tuple(other for other in halfway if other is not half)
        offsets = {**self.offsets, topic: {**self.offsets.get(topic, {}), number: offset}}
        return Position(offsets, halfway)

    def amid(self, fetched: Fetched, logs: Collection[str]) -> Position:
        """Give a position at which `logs` of a fetch are counted already."""
        (topic, number), offsets, _ = fetched
        others = tuple(h for h in self.halfway if (h.topic, h.partition) != (topic, number))
        return Position(self.offsets, (*others, Halfway(topic, number, offsets[-1], tuple(logs))))


class Offsets:
    """The offsets of one source, all of them that of the next message.

    Only `checkpointed` may be called from other threads.
    """

    def __init__(self, position: Position) -> None:
        """Go on from the position of the newest checkpoint."""
        self.counted = position
        self._handed = position
        self._durable = position
        self._committed: dict[Partition, int] = {}
        self.owned: set[Partition] = set()

    def own(self, partition: Partition, start: int, committed: int | None) -> None:
        """Take a partition, which is read from `start` on."""
        self.owned.add(partition)
        if self.counted.get(partition) != start:
            self.count(partition, start)
        self._committed.pop(partition, None)
        if committed is not None:
            self._committed[partition] = committed

    def disown(self, partitions: Collection[Partition]) -> None:
        """Give partitions up."""
        self.owned.difference_update(partitions)

    def count(self, partition: Partition, offset: int) -> None:
        """Take note that everything before `offset` is about to be counted."""
        self.counted = self.counted.moved(partition, offset)

    def hand(self) -> Position:
        """Give the position to go with a batch."""
        self._handed = self.counted
        return self._handed

    @property
    def moved(self) -> bool:
        """Tell whether the position is another than that of the last batch."""
        return self._handed is not self.counted

    def checkpointed(self, position: Position) -> None:
        """Take note that `position` is in a checkpoint on disk."""
        self._durable = position

    def durable(self, partition: Partition) -> int | None:
        """Give what a checkpoint holds of a partition, unless that was of a former topic."""
        durable, counted = self._durable.get(partition), self.counted.get(partition)
        return durable if durable is None or counted is None or durable <= counted else None

    def due(self, partitions: Collection[Partition] | None = None) -> dict[Partition, int]:
        """Give what is in a checkpoint and not committed, of our partitions (or of some)."""
        due = {}
        for partition in self.owned if partitions is None else self.owned.intersection(partitions):
            offset, mark = self.durable(partition), self._committed.get(partition)
            if offset is None or offset == mark:
                continue
            # Behind the group's mark is where we were before another bridge read on, unless the
            # topic was made anew and the mark is beyond it.
            if mark is None or offset > mark or mark > (self.counted.get(partition) or 0):
                due[partition] = offset
        return due

    def beyond(self, partitions: Collection[Partition]) -> int:
        """Tell how many messages were counted and are in no checkpoint (gaps included)."""
        beyond = 0
        for partition in self.owned.intersection(partitions):
            handed, durable = self._handed.get(partition), self.durable(partition)
            if handed is not None and handed != durable:
                beyond += handed - (durable or self._committed.get(partition, 0))
        return beyond

    def uncommitted(self, partitions: Collection[Partition]) -> int:
        """Tell how many messages were counted and are not committed (gaps included)."""
        return sum(
            max(0, (self._handed.get(one) or 0) - self._committed[one])
            for one in self.owned.intersection(partitions)
            if one in self._committed
        )

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Take note that Kafka has confirmed these."""
        self._committed.update(offsets)
