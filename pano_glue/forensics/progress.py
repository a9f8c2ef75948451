"""How far a question has got, on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@contextmanager
def progress_bar(logs: Sequence[str] = ()) -> Iterator[Callable[[float], None] | None]:
    """Show a bar on stderr while a question runs; none where that is no terminal.

    It tells the share that is done of the pass at hand (a question takes several), how fast `logs`
    are read, by their size on disk, and the time left.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    size = max(1, sum(map(_size, logs)))
    with Progress(
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=size)
        last = 0.0

        def told(done: float) -> None:
            nonlocal last
            if done < last:  # the next pass: of the log again, or of what was kept of it
                bar.reset(task)
            last = done
            bar.update(task, completed=done * size)

        yield told


def _size(log: str) -> int:
    """Give the size of a file, or of all in a folder; a glob's or a topic's is not known."""
    path = Path(log)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
