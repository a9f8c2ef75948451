"""What confluent-kafka calls when its group gives or takes partitions."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pano_glue.kafka.client import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pano_glue.kafka.client import Done, Group


class Listener:
    """Called in the thread that polls; the library's own threads keep up the heartbeat."""

    def __init__(
        self, group: Group, commit: Callable[[Any, Mapping[Partition, int], Done], None]
    ) -> None:
        """Tell `group`; `commit` is asked with the consumer, offsets, and whom to tell."""
        self._group = group
        self._commit = commit

    def assigned(self, _: object, assigned: Collection[Any]) -> None:
        """Pass on that partitions are ours."""
        self._group.assigned(_partitions(assigned))

    def revoked(self, consumer: Any, revoked: Collection[Any]) -> None:  # noqa: ANN401 (untyped)
        """Hold partitions until they may go, and commit before they do."""
        partitions = _partitions(revoked)
        settled = threading.Event()
        self._group.when_settled(partitions, settled.set)
        settled.wait()
        offsets = self._group.revoked(partitions)

        def committed(failure: str | None) -> None:
            if failure is None:
                self._group.committed(offsets)
            else:
                self._group.lost(partitions)

        if offsets:  # on its way before the group learns that the partitions are free
            self._commit(consumer, offsets, committed)

    def lost(self, _: object, lost: Collection[Any]) -> None:
        """Pass on that partitions are gone."""
        self._group.lost(_partitions(lost))


def _partitions(partitions: Collection[Any]) -> list[Partition]:
    return [Partition(partition.topic, partition.partition) for partition in partitions]
