"""A log file, followed through rotation, truncation and restarts; `log:-` is a pipe on stdin.

`log:PATH?archive=DIR&topic=NAME&from=end|beginning`. The log's name (`dns` in `dns.log`) chooses
the protocol unless `topic` says it. A rotated log is found beside the live one and in `archive`.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.protocols import REGISTERED, USUAL
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.base import Batch
from pano_glue.sources.compression import DamagedError
from pano_glue.sources.log_file import LogFile, first_time
from pano_glue.sources.log_marks import Marks
from pano_glue.sources.log_position import LogPosition
from pano_glue.sources.log_rotation import Rotation
from pano_glue.sources.pipe import PipeSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.sources.base import Lines, SourceContext, SourceUri
    from pano_glue.sources.log_marks import Unread
    from pano_glue.sources.log_position import Mark

logger = logging.getLogger(__name__)
TELLING = 1.0  # seconds between two words on how much waits
POLL = 0.1  # seconds between looks at a file that has nothing new
LOOK = 2.0  # seconds at least between looks at all files
LOOK_SHARE = 50  # and this many times what one look takes
COPYING = 10.0  # seconds without a change after which a cut archive is taken for all there will be


def open_source(uri: SourceUri, context: SourceContext) -> LogSource | PipeSource:
    """Make the source for a `log:` URI.

    Raises:
        SettingError: for an unknown option, or a path whose folder does not exist.
    """
    reject_unknown_options(uri, {"archive", "from", "topic"})
    topic = uri.options.get("topic") or topic_of(Path(uri.target))
    if uri.target == "-":
        return PipeSource(uri.name, topic, context)
    path = Path(uri.target)
    if path.is_dir() or not path.parent.is_dir():
        raise SettingError(f"--source {uri.name}: no such file", "name a log in an existing folder")
    archive = uri.options.get("archive")
    if archive and not Path(archive).is_dir():
        raise SettingError(f"--source {uri.name}: archive={archive} is no folder", "name one")
    names = frozenset(REGISTERED[topic].names if topic in REGISTERED else ())
    rotation = Rotation(path, Path(archive) if archive else None, names)
    begin = uri.options.get("from", "end")
    if begin not in ("end", "beginning"):
        raise SettingError(f"--source {uri.name}: from={begin}", "write from=end or from=beginning")
    return LogSource(uri.name, topic, rotation, context, from_end=begin == "end")


def topic_of(path: Path) -> str:
    """Tell a log's topic by its name: `pano_stats.log`, `dns-24-11-22_10.00.00.log.gz`."""
    for topic, protocol in REGISTERED.items():
        if path.name.startswith(
            tuple(f"{name}{mark}" for name in protocol.names for mark in ".-_")
        ):
            return topic
    return USUAL


class LogSource:
    """One log on disk, with a position that survives restarts.

    Every file of the log is read from its mark on, the oldest first and the live one last. A file
    that its writer has left is read to its end, and its mark says so; the live one is set aside
    when an older one turns up.
    """

    def __init__(
        self,
        name: str,
        topic: str,
        rotation: Rotation,
        context: SourceContext,
        *,
        from_end: bool,
    ) -> None:
        """Read `rotation`'s files, from the checkpoint's position on.

        A log never seen before is read from its end or its beginning.
        """
        self.name = name
        self._topic = topic
        self._rotation = rotation
        self._ledger = context.ledger
        self._limit = context.config.limits.line_bytes
        self._tables = topic in context.fields
        self._stop = Event()
        self._position = context.position(name, LogPosition)
        self._marks = Marks(self._position)
        self._from_end = from_end
        self._log: LogFile | None = None
        self._said = ""
        self._unreadable: set[Path] = set()
        self._unread: list[Unread] = []
        self._next_look = self._next_telling = 0.0

    def batches(self) -> Iterator[Batch]:
        """Yield what is new, waiting for more, until `stop`."""
        yield Batch(self._topic, b"")  # it is there, with nothing counted
        passed_by = self._begin()
        if self._log is not None and self._position is None:
            yield self._batch(self._log, b"")  # where it begins is known before its first record
            if self._from_end:
                logger.info(
                    "%s: never seen before: beginning at its end, %d bytes are passed by "
                    "(?from=beginning counts them)",
                    self.name,
                    passed_by,
                )
        while True:
            lines: Lines | None = None
            try:
                lines = self._step()
                self._tell_backlog()
            except OSError as error:
                self._say(f"cannot be read, waiting: {error.strerror or error}", up=False)
                self._leave(done=False)
            if lines and self._log is not None:
                yield self._batch(self._log, lines)
            elif lines is None and self._stop.wait(POLL):
                break
        self._leave(done=False)

    def checkpointed(self, position: object) -> None:
        """Do nothing: a file keeps what was read."""

    def stop(self) -> None:
        """Let `batches` end at the file's end."""
        self._next_look = 0.0
        self._stop.set()

    def close(self) -> None:
        """Nothing outlives `batches`."""

    def _batch(self, log: LogFile, lines: Lines) -> Batch:
        return Batch(self._topic, lines, self._marks.position(log.mark()))

    def _begin(self) -> int:
        """Open the file to begin with, or know what to pass by until there is one.

        Returns the bytes of the live log that are passed by.
        """
        if self._position is not None:
            self._miss(self._position.current)
            return 0
        passed_by = 0
        old = self._rotation.old_files()
        begun = 0.0
        while self._rotation.path.exists():
            try:
                self._open(self._rotation.path)
                if self._from_end and self._log is not None:
                    passed_by = self._log.skip_to_end()
                begun = first_time(self._rotation.live_head()) or 0.0
                break
            except OSError as error:
                self._say(f"cannot be read, waiting: {error.strerror or error}", up=False)
                if self._stop.wait(POLL):
                    break
        self._marks.begin(old, begun)
        return passed_by

    def _miss(self, mark: Mark) -> None:
        """Say so when what was read last is in no file any more."""
        if mark.done or not mark.head_bytes or self._rotation.live_begins(mark):
            return
        old = self._rotation.old_files()
        if not self._rotation.unreadable and not any(
            file.begins(mark.head_bytes) == mark.head for file in old
        ):
            logger.warning(
                "%s: the file read last was not found again; what it held after the checkpoint is "
                "lost unless it comes back",
                self.name,
            )

    def _step(self) -> Lines | None:  # noqa: PLR0911 - one for each thing that may be next
        """Read on, or go on to another file; None when there is nothing to do for now."""
        log = self._log
        if log is None:
            return b"" if self._choose() else None
        before = log.mark()
        lines = self._next(log)
        if log.truncated():  # perhaps before it was read: what was in it before may be in a copy
            self._marks.put(before)
            log.close()
            self._log = None
            return b""
        if lines:
            return lines
        live = self._rotation.live()
        if live is not None and live.st_ino == log.inode:
            if not self._others(log):
                return None
            self._leave(done=False)
            return b""
        # The writer has gone on when the new file holds something, not when that appears: logrotate
        # creates it before it tells the writer.
        gone_on = (live is not None and live.st_size) or self._unread or self._others(log)
        if not gone_on or log.growing(COPYING):
            return None
        # What the writer put into the old file before it moved on comes first.
        if lines := self._next(log) or self._last(log):
            return lines
        self._leave(done=True)
        return b""

    def _choose(self) -> bool:
        """Open the oldest file that has something to read, else the live one."""
        for unread in self._look(None):
            try:
                self._open(unread.old.path, unread.mark)
            except FileNotFoundError:
                continue  # moved just now
            self._unread.remove(unread)
            return True
        live = self._rotation.live()
        if live is None:
            self._say("no such file, waiting", up=False)
            return False
        with suppress(FileNotFoundError):  # rotated just now
            self._open(self._rotation.path, self._marks.of_live(self._rotation.live_head()))
        return True

    def _look(self, current: Mark | None) -> list[Unread]:
        """Look for rotated files that wait to be read."""
        begun = time.monotonic()
        self._unread = self._marks.unread(self._rotation.old_files(), current)
        now = time.monotonic()
        self._next_look = now + max(LOOK, LOOK_SHARE * (now - begun))
        unreadable = self._rotation.unreadable
        for path in unreadable.keys() - self._unreadable:
            reason = unreadable[path]
            logger.warning("%s: waiting for %s: %s", self.name, path, reason)
        for path in self._unreadable - unreadable.keys():
            logger.info("%s: %s can be read, or is gone", self.name, path)
        self._unreadable = set(unreadable)
        return list(self._unread)

    def _others(self, log: LogFile) -> bool:
        """Tell, now and then, whether another file than `log` and the live one is to be read."""
        return time.monotonic() >= self._next_look and bool(self._look(log.mark()))

    def _open(self, path: Path, mark: Mark | None = None) -> None:
        self._log = LogFile(path, self._limit, tables=self._tables, mark=mark)
        self._say("reading", up=True)
        if path != self._rotation.path:
            logger.info("%s: reading %s", self.name, path)

    def _leave(self, *, done: bool) -> None:
        """Close the file; what was read of it is remembered."""
        if self._log is not None:
            self._marks.put(self._log.mark(done=done))
            self._log.close()
            self._log = None

    def _next(self, log: LogFile) -> Lines:
        try:
            return log.lines.next()
        except DamagedError as error:
            if not log.damaged:
                log.damaged = True
                text = "%s: %s is damaged, what follows in it is lost: %s"
                logger.error(text, self.name, log.path, error)  # noqa: TRY400 - the sentence is enough
            return b""

    def _last(self, log: LogFile) -> Lines:
        """Take what is left of a file that will not grow any more."""
        if log.cut() and not log.damaged:
            logger.error("%s: %s is cut, its last part is lost", self.name, log.path)
        return b"" if log.cut() or log.damaged else log.lines.rest()

    def _say(self, text: str, *, up: bool) -> None:
        """Say how the source is when that has changed."""
        if text != self._said:
            self._said = text
            self._ledger.connection(self.name, up=up)
            logger.log(logging.INFO if up else logging.WARNING, "%s: %s", self.name, text)

    def _tell_backlog(self) -> None:
        """Say, now and then, how much waits in all files."""
        now = time.monotonic()
        if now < self._next_telling:
            return
        self._next_telling = now + TELLING
        size = sum(each.size for each in self._unread)
        live = self._rotation.live()
        if self._log is not None:
            size += self._log.left()
        if live is not None and (self._log is None or live.st_ino != self._log.inode):
            size += live.st_size
        self._ledger.backlog_bytes(self.name, size)
