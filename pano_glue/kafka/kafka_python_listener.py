"""What kafka-python calls when its group gives or takes partitions.

It calls in the thread of its own loop, which must not wait: it keeps up the heartbeat. So what
happens is noted there, and `client.Group` is told of it by the thread that polls; only what is to
be given up cannot wait for that thread, which waits for it itself, inside the library.
"""

from __future__ import annotations

from collections import deque
from threading import Thread
from typing import TYPE_CHECKING, Any

import kafka
from kafka.future import Future

from pano_glue.kafka.client import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pano_glue.kafka.client import Consumer, Group


class Listener(kafka.AsyncConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what the loop is told; `serve` does it."""

    def __init__(self, consumer: Consumer, library: Any, group: Group) -> None:  # noqa: ANN401
        """Serve `consumer`, a wrapper of the library's consumer `library`."""
        self._consumer = consumer
        self._library = library
        self._group = group
        self._noted: deque[Callable[[], None]] = deque()
        self._leaving = False

    def serve(self) -> None:
        """Do what was noted, in the thread that polls."""
        while self._noted:
            self._noted.popleft()()

    def leave(self) -> None:
        """Be done with everything before the consumer is closed."""
        self._leaving = True
        self.serve()

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """Read nothing of them before it is known where they begin."""
        for partition in assigned:
            self._library.pause(partition)
            self._library.seek(partition, 0)  # or the library would ask Kafka where to begin
        self._noted.append(lambda: self._begin(assigned))

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """Hold them until they may go, and commit before they do."""
        if not self._leaving:
            gone = Future()
            Thread(target=self._give_up, args=(_partitions(revoked), gone), daemon=True).start()
            await gone

    async def on_partitions_lost(self, lost: Collection[Any]) -> None:
        """Pass on that they are gone."""
        self._noted.append(lambda: self._group.lost(_partitions(lost)))

    def _give_up(self, partitions: Collection[Partition], gone: Future) -> None:
        """Give partitions up, in a thread of its own while the one that polls waits."""
        offsets: Mapping[Partition, int] = {}

        def ended(failure: Exception | None) -> None:
            self._group.committed(offsets, failure)
            gone.success(None)

        try:
            offsets = self._group.revoked(partitions)
            asked = self._library.commit_async(marks(offsets)) if offsets else None
        except Exception as error:  # noqa: BLE001 - whatever it is, the group waits
            ended(error)
            return
        if asked is None:
            gone.success(None)
        else:
            asked.add_callback(lambda _: ended(None))
            asked.add_errback(ended)

    def _begin(self, assigned: Collection[Any]) -> None:
        ours = self._library.assignment().intersection(assigned)
        starts = self._group.assigned(self._consumer, _partitions(ours))
        for partition, offset in starts.items():
            where = kafka.TopicPartition(*partition)
            self._library.seek(where, offset)
            self._library.resume(where)


def marks(offsets: Mapping[Partition, int]) -> dict[Any, Any]:
    """Write offsets as the library commits them."""
    return {
        kafka.TopicPartition(*partition): kafka.OffsetAndMetadata(offset, "", -1)
        for partition, offset in offsets.items()
    }


def _partitions(partitions: Collection[Any]) -> list[Partition]:
    return [Partition(*partition) for partition in partitions]
