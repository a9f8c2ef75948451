"""Which files belong to a log, and what each begins with.

A rotated file lies beside the live log or somewhere under the archive folder. It is told by its
name, which is that of the live log with a number or a date at a place where some program puts one:

    dns.log.1  dns.log.2.gz  dns.log-20261125.zst  dns.1.log  dns-20261125.log        logrotate
    dns-26-11-25_18.00.00.log  dns.2026-11-25-18-00-00.log                             Zeek
    2026-11-25/dns.18:00:00-19:00:00.log.gz                                            zeekctl
    dns__2026-11-25-18-00-00__2026-11-25-19-00-00__.log                                zeek-archiver

and by its content: a TSV header names its log. `dns-internal.log`, `dns-tail.log` and `dns.csv`
are no rotations of `dns.log`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.sources.compression import SUFFIXES
from pano_glue.sources.log_file import first_time, head_of, layout_of
from pano_glue.sources.log_position import digest

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from pano_glue.sources.log_position import Mark

STAMP = r"\d[\d:._+TZ-]{5,}"  # at least six characters: `dns_2` is another log
ARCHIVER = rf"__{STAMP}(__[\w=,.-]*)?"
BEFORE = rf"(\.\d{{1,5}}|[-._]{STAMP}|{ARCHIVER})"
AFTER = rf"(\.\d{{1,5}}|[-._]{STAMP})"


class OldFile:
    """One rotated file, as it was when it was looked at."""

    def __init__(self, path: Path, status: os.stat_result) -> None:
        """Read its beginning.

        Raises:
            OSError: when it cannot be read.
        """
        self.path = path
        self.inode = status.st_ino
        self.size = status.st_size
        self.compressed = path.suffix.removeprefix(".") in SUFFIXES
        head = head_of(path)
        layout = layout_of(head)
        self.log = Path(layout.path).name if layout is not None else ""
        self.empty = not head
        first = first_time(head)
        self.time = first if first is not None else status.st_mtime
        self.header_only = first is None and layout is not None
        self.head_bytes = len(head)
        self._digests = {len(head): digest(head)}

    def begins(self, size: int) -> bytes | None:
        """Digest its first `size` bytes; None when it has not so many."""
        if size not in self._digests and size < self.head_bytes:
            try:
                self._digests[size] = digest(head_of(self.path)[:size])
            except OSError:
                return None  # moved just now
        return self._digests.get(size)


class Rotation:
    """The live log at `path` and its rotated files, beside it and under `archive`."""

    def __init__(self, path: Path, archive: Path | None, logs: frozenset[str]) -> None:
        """Look at `path`, its folder and, when given, `archive` and the folders in it.

        `logs` are the names that a TSV header of this log may have besides that of the file.
        """
        self.path = path
        self._archive = archive
        stem, extension = re.escape(path.stem), re.escape(path.suffix)
        self._glob = f"{path.stem}*"
        packed = rf"(\.({'|'.join(SUFFIXES)}))?"
        self._name = re.compile(f"{stem}{BEFORE}?{extension}{AFTER}?{packed}")
        self._logs = logs | {path.stem, ""}
        self._known: dict[Path, tuple[tuple[int, int, int], OldFile]] = {}
        self.unreadable: dict[Path, str] = {}

    def live(self) -> os.stat_result | None:
        """Tell of the live log; None when it is not there."""
        try:
            return self.path.stat()
        except FileNotFoundError:
            return None

    def live_head(self) -> bytes:
        """Read the beginning of the live log."""
        return head_of(self.path)

    def live_begins(self, mark: Mark) -> bool:
        """Tell whether the live log begins as the file of a mark did."""
        try:
            return digest(self.live_head()[: mark.head_bytes]) == mark.head
        except OSError:
            return False

    def old_files(self) -> list[OldFile]:
        """Look for rotated files, by the time of their first record; plain before compressed.

        What cannot be read is noted in `unreadable`, with the reason.
        """
        known, self._known = self._known, {}
        self.unreadable = {}
        found = []
        for path in self._paths():
            try:
                status = path.stat()
                key = (status.st_ino, status.st_size, status.st_mtime_ns)
                stored, old = known.get(path, (None, None))
                if old is None or stored != key:
                    old = OldFile(path, status)
            except FileNotFoundError:
                continue  # compressed or removed just now
            except OSError as error:
                self.unreadable[path] = error.strerror or str(error)
                continue
            self._known[path] = (key, old)
            if old.log in self._logs and not old.empty and not old.header_only:
                found.append(old)
        return sorted(found, key=lambda old: (old.time, old.compressed, -old.size))

    def _paths(self) -> Iterator[Path]:
        """Find what has a name of the rotation; a path may come twice."""
        found = list(self.path.parent.glob(self._glob))
        if self._archive is not None:
            found += self._archive.rglob(self._glob)
        for path in found:
            if path.name != self.path.name and self._name.fullmatch(path.name):
                yield path
