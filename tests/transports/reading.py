"""Reading a source in a thread, as the bridge does."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING

import msgspec

from pano_glue.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.sources.base import Batch, Source, SourceContext


class Reader:
    """Everything a source yields, line by line; `checkpoint` is the bridge's."""

    def __init__(self, source: Source) -> None:
        """Begin to read."""
        self.source = source
        self.lines: list[tuple[str, bytes]] = []
        self.position: object = None
        self.durable: object = None
        self.full = False  # the disk
        self.failure: Exception | None = None
        self._ended = Event()
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for batch in self.source.batches():
                self._take(batch)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.failure = error
        self._ended.set()

    def _take(self, batch: Batch) -> None:
        self.lines += [(batch.topic, line) for line in batch.json_lines().split(b"\n") if line]
        self.position = batch.position

    def values(self) -> Iterator[bytes]:
        return (line for _, line in self.lines)

    def checkpoint(self) -> None:
        """Keep what was read."""
        if self.full:
            raise OSError(28, "No space left on device")
        self.durable = self.position
        if self.durable is not None:
            self.source.checkpointed(self.durable)

    def stop(self) -> None:
        self.source.stop()
        self._thread.join(30)
        assert self._ended.is_set(), "it does not end"

    def close(self) -> None:
        self.stop()
        self.source.close()

    def end(self) -> None:
        """End in order, as on SIGTERM."""
        self.stop()
        self.checkpoint()
        self.source.close()


def read_on(uri: str, context: SourceContext, position: object = None) -> Reader:
    """Open a source that goes on from a position, as a checkpoint stores it."""
    reader: list[Reader] = []

    def checkpoint() -> None:
        reader[0].checkpoint()

    positions = dict(context.positions)
    if position is not None:
        positions[uri.partition("?")[0]] = msgspec.Raw(msgspec.msgpack.encode(position))
    context = replace(context, checkpoint=checkpoint, positions=positions)
    reader.append(Reader(open_source(uri, context)))
    return reader[0]
