"""Reading a source in a thread, as the bridge does."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pano_glue.sources.base import Batch, Source


class Reader:
    """Everything a source yields, line by line; `scrape` commits what was read."""

    def __init__(self, source: Source) -> None:
        """Begin to read."""
        self.source = source
        self.lines: list[tuple[str, bytes]] = []
        self.position: object = None
        self._ended = Event()
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for batch in self.source.batches():
            self._take(batch)
        self._ended.set()

    def _take(self, batch: Batch) -> None:
        self.lines += [(batch.topic, line) for line in batch.lines.split(b"\n") if line]
        self.position = batch.position

    def scrape(self) -> None:
        """Commit, as the bridge does: what cannot be stored now is tried again next time."""
        if self.position is not None:
            with suppress(OSError):
                self.source.commit(self.position)

    def stop(self) -> None:
        self.source.stop()
        self._thread.join(30)
        assert self._ended.is_set()

    def close(self) -> None:
        self.stop()
        self.source.close()
