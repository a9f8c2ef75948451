"""Which messages were counted, scraped and committed, per partition.

The promise: a message is counted by exactly one process whose counter is scraped. So a partition
that the group takes away is kept back until a scrape has contained all that was counted of it,
or until the hand-over is overdue; then it is committed as counted, for this process lives on and
its counters will be scraped. A partition that was lost unasked comes back, if it does, at the last
commit: what was counted beyond is passed by.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pano_glue.kafka.client import Fetched, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

HANDOVER_SECONDS = 90.0  # longer than the usual scrape intervals, shorter than the group's patience


class Offsets:
    """The offsets of one source, all of them that of the next message; safe from any thread."""

    def __init__(self, handover: float = HANDOVER_SECONDS) -> None:
        """Begin without partitions; `handover` seconds a partition waits for its scrape."""
        self._handover = handover
        self._lock = threading.Condition()
        self._owned: set[Partition] = set()
        self._counted: dict[Partition, int] = {}
        self._scraped: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}
        self._counted_before: dict[Partition, int] = {}
        self._waiting: list[tuple[Collection[Partition], Callable[[], None]]] = []
        self._closing = False

    def expected(self, fetched: Fetched) -> int | None:
        """Tell the offset that should have come next; None for the first since the assignment."""
        expected = self._next.get(fetched.partition)
        self._next[fetched.partition] = fetched.offsets[-1]
        return expected

    def fresh(self, fetched: Fetched) -> Fetched:
        """Leave out what this process counted before it lost the partition; maybe all of it."""
        partition, offsets, values = fetched
        known = self._counted_before.get(partition)
        if known is None:
            return fetched
        old = sum(offset <= known for offset in offsets)
        if old < len(offsets):
            del self._counted_before[partition]
        if not old:  # another member has been here and gone beyond: our commit would go back
            self.committed({partition: known})
        return Fetched(partition, offsets[old:], values[old:])

    def count(self, fetched: Fetched) -> None:
        """Take note that everything up to the last of these messages is about to be counted."""
        with self._lock:
            self._counted[fetched.partition] = fetched.offsets[-1]

    def position(self) -> Mapping[Partition, int]:
        """Everything counted so far, as a source's position."""
        with self._lock:
            return dict(self._counted)

    def scrape(self, position: Mapping[Partition, int]) -> None:
        """Take note that the counts of `position` were scraped."""
        with self._lock:
            for partition, offset in position.items():
                self._scraped[partition] = max(offset, self._scraped.get(partition, 0))
        self._release()

    def due(self) -> Mapping[Partition, int]:
        """What was scraped of our partitions and is not committed."""
        with self._lock:
            return self._due()

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Take note that Kafka has confirmed these."""
        with self._lock:
            self._committed.update(offsets)
            self._lock.notify_all()

    def wait_committed(self, seconds: float) -> bool:
        """Wait until nothing is due; False when `seconds` were too few."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._due(), seconds)

    def close(self) -> None:
        """Hold nothing back from now on: what was not scraped is left to the next life."""
        with self._lock:
            self._closing = True
        self._release()

    # What follows makes this a `client.Group`.

    def assigned(self, partitions: Collection[Partition]) -> None:
        """Own the partitions; another member may have committed since they were ours last."""
        with self._lock:
            self._owned.update(partitions)
            for partition in partitions:
                self._next.pop(partition, None)

    def when_settled(self, partitions: Collection[Partition], then: Callable[[], None]) -> None:
        """Call `then` once all that was counted was scraped, and when the hand-over is overdue."""
        with self._lock:
            self._waiting.append((partitions, then))
        self._release()
        overdue = threading.Timer(self._handover, then)
        overdue.daemon = True
        overdue.start()

    def revoked(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Give the partitions up; what they were counted to is theirs to be committed at."""
        with self._lock:
            given = self._owned.intersection(partitions)
            self._owned -= given
            known = self._scraped if self._closing else self._counted
            return {
                partition: known[partition]
                for partition in given
                if known.get(partition, 0) > self._committed.get(partition, 0)
            }

    def lost(self, partitions: Collection[Partition]) -> None:
        """Remember what was counted and not committed, should the partitions come back."""
        with self._lock:
            self._owned.difference_update(partitions)
            for partition in partitions:
                if self._counted.get(partition, 0) > self._committed.get(partition, 0):
                    self._counted_before[partition] = self._counted[partition]

    def lose_all(self) -> None:
        """As `lost`, for every partition."""
        self.lost(tuple(self._owned))

    def _due(self) -> dict[Partition, int]:
        return {
            partition: offset
            for partition, offset in self._scraped.items()
            if partition in self._owned and offset > self._committed.get(partition, 0)
        }

    def _release(self) -> None:
        with self._lock:
            settled = [waiting for waiting in self._waiting if self._settled(waiting[0])]
            for waiting in settled:
                self._waiting.remove(waiting)
        for _, then in settled:
            then()

    def _settled(self, partitions: Collection[Partition]) -> bool:
        counted, scraped = self._counted, self._scraped
        held = self._owned.intersection(partitions)
        return self._closing or all(counted.get(p, 0) <= scraped.get(p, 0) for p in held)
