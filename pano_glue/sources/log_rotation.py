"""Which file of a log comes next: rotated by rename or by copy and truncate, compressed or not.

A rotated file lies beside the live log or somewhere under the archive folder, and its name begins
like the live one's: `dns.log.1`, `dns.log.2.gz`, `dns-24-11-22_10.00.00.log`,
`2024-11-22/dns.10:00:00-11:00:00.log.gz`. Order is by the time of last change, which gzip keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pano_glue.errors import PanoError
from pano_glue.sources.log_file import head_of
from pano_glue.sources.log_position import digest

if TYPE_CHECKING:
    from pathlib import Path

    from pano_glue.sources.log_file import LogFile
    from pano_glue.sources.log_position import LogPosition


class Rotated(NamedTuple):
    """One older file of a log; sorts by age, and plain before compressed."""

    changed: int  # ns
    compressed: bool
    path: Path


class Rotation:
    """The live log at `path` and its older files, beside it and under `archive`."""

    def __init__(self, path: Path, archive: Path | None) -> None:
        """Look at `path`, its folder and, when given, `archive` and the folders in it."""
        self.path = path
        self._archive = archive
        self._pattern = f"{path.name.partition('.')[0]}[.-]*"

    def find(self, position: LogPosition) -> Path | None:
        """Find the file that a position is in, wherever it was moved or copied to."""
        newest_first = sorted(self._rotated(), key=lambda old: (old.compressed, -old.changed))
        for path in (self.path, *(old.path for old in newest_first)):
            if _holds(path, position):
                return path
        return None

    def after(self, log: LogFile) -> Path | None:
        """Find the file to read after `log`, whose end was reached; None: stay and wait.

        The writer has moved to a new live file when that holds something, not when it appears:
        logrotate creates it before it tells the writer.
        """
        try:
            live = self.path.stat()
        except FileNotFoundError:
            live = None
        if live is not None and live.st_ino == log.inode:
            return None
        here = log.last
        for old in sorted(self._rotated()):
            if old.changed > log.changed() and not (here and _begins(old.path, here)):
                return old.path
        return self.path if live is not None and live.st_size else None

    def _rotated(self) -> list[Rotated]:
        paths = set(self.path.parent.glob(self._pattern))
        if self._archive is not None:
            paths.update(self._archive.rglob(self._pattern))
        paths.discard(self.path)
        rotated = []
        for path in paths:
            try:
                changed = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue  # compressed or removed just now
            rotated.append(Rotated(changed, path.suffix == ".gz", path))
        return rotated


def _begins(path: Path, position: LogPosition) -> bool:
    """Tell whether a file begins like the one a position is in."""
    try:
        head = head_of(path, position.head_bytes)
    except PanoError:
        return False
    return len(head) == position.head_bytes and digest(head) == position.head


def _holds(path: Path, position: LogPosition) -> bool:
    """Tell whether a file holds everything up to a position."""
    if not _begins(path, position):
        return False
    return path.suffix == ".gz" or path.stat().st_size >= position.offset
