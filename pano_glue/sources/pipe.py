"""`log:-`: lines on standard input; they cannot be read again."""

from __future__ import annotations

import os
import select
import sys
from threading import Event
from typing import TYPE_CHECKING

from pano_glue.sources.base import Batch
from pano_glue.sources.log_file import LogLines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.sources.base import SourceContext

POLL = 0.1  # seconds between looks at `stop`
DRAINED = 1 << 20  # bytes at most that are still read after `stop`; a pipe holds no more


class PipeSource:
    """Read until the writer ends, or `stop`, however long the writer stays."""

    def __init__(self, name: str, topic: str, context: SourceContext) -> None:
        """Read `sys.stdin`."""
        self.name = name
        self._topic = topic
        self._ledger = context.ledger
        self._limit = context.config.limits.line_bytes
        self._tables = topic in context.fields
        self._stop = Event()
        self._ended = False
        self._drained = 0

    def batches(self) -> Iterator[Batch]:
        """Yield lines as they come."""
        self._ledger.connection(self.name, up=True)
        lines = LogLines(self._read, self._limit, tables=self._tables)
        while not self._ended:
            if made := lines.next():
                yield Batch(self._topic, made)
        if not self._stop.is_set() and (made := lines.rest()):
            yield Batch(self._topic, made)
        self._ledger.connection(self.name, up=False)

    def checkpointed(self, position: object) -> None:
        """A pipe has no positions."""

    def stop(self) -> None:
        """End with what is in the pipe."""
        self._stop.set()

    def close(self) -> None:
        """Nothing is held."""

    def _read(self, size: int) -> bytes:
        """Read what is there; b"" when nothing came for a while, and at the end."""
        stopped = self._stop.is_set()
        stdin = sys.stdin.fileno()
        ready, _, _ = select.select([stdin], [], [], 0 if stopped else POLL)
        data = os.read(stdin, size) if ready else b""
        self._drained += len(data) if stopped else 0
        self._ended = (bool(ready) and not data) or (
            stopped and (not ready or self._drained >= DRAINED)
        )
        return data
