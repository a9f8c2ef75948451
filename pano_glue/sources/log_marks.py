"""What was read of which file of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pano_glue.sources.log_position import LogPosition, Mark, bounded, digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pano_glue.sources.log_rotation import OldFile

SLACK = 60.0  # seconds; the first record of a file may be older than that of the file before it


class Unread(NamedTuple):
    """A rotated file, and the mark to read it from."""

    old: OldFile
    mark: Mark | None

    @property
    def size(self) -> int:
        """How many bytes of it wait."""
        return self.old.size - (0 if self.old.compressed or not self.mark else self.mark.offset)


class Marks:
    """The marks of all files but the one being read."""

    def __init__(self, position: LogPosition | None) -> None:
        """Begin with those of the checkpoint."""
        self._marks: tuple[Mark, ...] = ()
        self._floor = 0.0
        if position is not None:
            self._floor = position.floor
            self._marks = position.others
            self.put(position.current)

    def begin(self, old: list[OldFile], live_time: float) -> None:
        """Pass by what was there before the bridge; `live_time` is 0 without a record."""
        newest = max((file.time for file in old), default=0.0)
        self._floor = max(0.0, (live_time or newest) - SLACK)
        for file in old:
            if file.time >= self._floor:
                head = file.begins(file.head_bytes) or b""
                size = 0 if file.compressed else file.size
                self.put(Mark(file.inode, size, file.head_bytes, head, file.time, done=True))

    def put(self, mark: Mark) -> None:
        """Keep a mark in the place of an older one of the same file."""
        if mark.head_bytes:
            left = tuple(m for m in self._marks if not _same_file(m, mark))
            self._marks, self._floor = bounded((*left, mark), self._floor)

    def position(self, current: Mark) -> LogPosition:
        """Give the position of a batch of the file that `current` is in."""
        return LogPosition(current, self._marks, self._floor)

    def of_live(self, head: bytes) -> Mark | None:
        """Find the mark of the live log, which begins with `head`."""
        return _furthest(
            mark for mark in self._marks if digest(head[: mark.head_bytes]) == mark.head
        )

    def unread(self, files: list[OldFile], current: Mark | None) -> list[Unread]:
        """Tell which rotated files hold something that was not read, each of them once."""
        marks = self._marks if current is None else (*self._marks, current)
        by_head = {(mark.head_bytes, mark.head): mark for mark in marks if mark.head_bytes}
        sizes = {size for size, _ in by_head}
        longest = {mark.time: mark.head_bytes for mark in marks}
        left: dict[Mark | bytes | None, Unread] = {}
        for old in files:
            mark = _furthest(
                by_head[size, head]
                for size in sizes
                if (head := old.begins(size)) and (size, head) in by_head
            )
            if mark is None and old.head_bytes < longest.get(old.time, 0):
                continue  # somebody is copying a file that we know
            if (mark is not None and mark is current) or (current and old.inode == current.inode):
                continue
            identity = mark or old.begins(old.head_bytes)
            if identity not in left and self._waits(old, mark):
                left[identity] = Unread(old, mark)
        return list(left.values())

    def _waits(self, old: OldFile, mark: Mark | None) -> bool:
        if mark is None:
            return old.time >= self._floor
        if mark.done:  # and its writer came back to it
            return not old.compressed and old.inode == mark.inode and old.size > mark.offset
        return old.compressed or old.size > mark.offset


def _furthest(marks: Iterable[Mark]) -> Mark | None:
    """Choose among marks of one file, which has one from when it was shorter, too, at times."""
    return max(marks, key=lambda mark: (mark.head_bytes, mark.offset, mark.done), default=None)


def _same_file(one: Mark, other: Mark) -> bool:
    same_head = one.head_bytes == other.head_bytes and one.head == other.head
    return same_head or (one.inode == other.inode and one.time == other.time)  # it has grown
