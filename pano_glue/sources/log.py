"""A log file, followed through rotation, truncation and restarts; `log:-` is a pipe on stdin.

`log:PATH?archive=DIR&topic=NAME`. The log's name (`dns` in `dns.log`) chooses the protocol unless
`topic` says it. A rotated log is found beside the live one and in `archive`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from pano_glue.errors import PanoError, SettingError
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.base import Batch
from pano_glue.sources.log_file import JsonLines, LogFile
from pano_glue.sources.log_position import LogPosition
from pano_glue.sources.log_rotation import Rotation
from pano_glue.sources.position_file import PositionFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from pano_glue.sources.base import SourceContext, SourceUri

POLL = 0.1  # seconds between looks at a file that has nothing new
TOPICS = ("dns", "pano_stats")


def open_source(uri: SourceUri, context: SourceContext) -> LogSource | PipeSource:
    """Make the source for a `log:` URI.

    Raises:
        SettingError: for an unknown option, or a path whose folder does not exist.
    """
    reject_unknown_options(uri, {"archive", "topic"})
    topic = uri.options.get("topic") or topic_of(Path(uri.target))
    if uri.target == "-":
        return PipeSource(uri.name, topic, context)
    path = Path(uri.target)
    if path.is_dir() or not path.parent.is_dir():
        raise SettingError(f"--source {uri.name}: no such file", "name a log in an existing folder")
    archive = uri.options.get("archive")
    if archive and not Path(archive).is_dir():
        raise SettingError(f"--source {uri.name}: archive={archive} is no folder", "name one")
    rotation = Rotation(path, Path(archive) if archive else None)
    return LogSource(uri.name, topic, rotation, context)


def topic_of(path: Path) -> str:
    """Tell a log's topic by its name: `pano_stats.log`, `dns-24-11-22_10.00.00.log.gz`."""
    for topic in TOPICS:
        if path.name.startswith((f"{topic}.", f"{topic}-")):
            return topic
    return TOPICS[0]


class LogSource:
    """One log on disk, with a position that survives restarts."""

    def __init__(self, name: str, topic: str, rotation: Rotation, context: SourceContext) -> None:
        """Read `rotation.path` and what it was rotated to, from the stored position on."""
        self.name = name
        self._topic = topic
        self._rotation = rotation
        self._limit = context.config.limits.line_bytes
        self._fields = context.fields.get(topic)
        self._stop = Event()
        self._known = False  # whether a position is stored
        state_dir = context.state_dir
        self._positions = PositionFile(state_dir, name, LogPosition) if state_dir else None

    def batches(self) -> Iterator[Batch]:
        """Yield what is new, waiting for more, until `stop`."""
        log = self._first()
        while log is not None:
            if log.truncated():
                log = self._reopen(log)
            elif lines := self._next(log):
                yield self._batch(log, lines)
            elif later := self._rotation.after(log):
                # What the writer put into the old file before it moved on comes first.
                if lines := self._next(log) or log.lines.rest():
                    yield self._batch(log, lines)
                else:
                    log.close()
                    log = self._open(later)
            elif self._stop.wait(POLL):
                log.close()
                return

    def commit(self, position: object) -> None:
        """Store `position`.

        Raises:
            OSError: when the state directory cannot be written.
        """
        if self._positions is not None and isinstance(position, LogPosition):
            self._positions.store(position)

    def stop(self) -> None:
        """Let `batches` end at the file's end."""
        self._stop.set()

    def close(self) -> None:
        """Nothing outlives `batches`."""

    def _batch(self, log: LogFile, lines: bytes) -> Batch:
        position = log.position()
        if not self._known:
            # A life that is killed before its first scrape still says which file comes first.
            self._known = True
            with suppress(OSError):
                self.commit(replace(position, offset=0))
        return Batch(self._topic, lines, position)

    def _open(self, path: Path, position: LogPosition | None = None) -> LogFile:
        return LogFile(path, self._limit, self._fields, position)

    def _first(self) -> LogFile | None:
        position = self._positions.load() if self._positions else None
        self._known = position is not None
        if position is not None:
            found = self._rotation.find(position)
            if found is not None:
                return self._open(found, position)
            print(
                f"pano-bridge: {self.name}: the file read last was not found again; "
                "what it held after the last scrape is lost, reading on with the live log",
                file=sys.stderr,
            )
        while not self._rotation.path.exists():
            if self._stop.wait(POLL):
                return None
        return self._open(self._rotation.path)

    def _reopen(self, log: LogFile) -> LogFile:
        """Go on in the copy that was made before the truncation, else at the new beginning."""
        log.close()
        found = self._rotation.find(log.last) if log.last else None
        if found is not None:
            return self._open(found, log.last)
        return self._open(self._rotation.path)

    def _next(self, log: LogFile) -> bytes:
        """Read on; a damaged archive ends where its damage begins."""
        try:
            return log.lines.next()
        except PanoError as error:
            if not log.compressed:
                raise
            print(f"pano-bridge: {error}", file=sys.stderr)
            return b""


class PipeSource:
    """Lines on standard input; they cannot be read again."""

    def __init__(self, name: str, topic: str, context: SourceContext) -> None:
        """Read `sys.stdin`."""
        self.name = name
        self._topic = topic
        self._limit = context.config.limits.line_bytes
        self._fields = context.fields.get(topic)

    def batches(self) -> Iterator[Batch]:
        """Yield lines as they come, until the pipe's writer ends."""
        stdin = cast("BufferedReader", sys.stdin.buffer)
        lines = JsonLines("stdin", stdin.read1, self._limit, self._fields)
        while made := lines.next():
            yield Batch(self._topic, made)
        if made := lines.rest():
            yield Batch(self._topic, made)

    def commit(self, position: object) -> None:
        """A pipe has no positions."""

    def stop(self) -> None:
        """A pipe ends when its writer does."""

    def close(self) -> None:
        """Nothing is held."""
