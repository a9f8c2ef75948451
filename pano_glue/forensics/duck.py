"""DuckDB: scans, filters, joins and groups on all cores, out of core."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

MEMORY = "600MiB"  # the whole process stays below 1 GB with it
WRITTEN_AT_ONCE = 50_000  # rows that a thread holds while it writes partitions; wide ones
POLL = 0.05  # seconds between two looks at the progress


class DuckEngine:
    """One DuckDB in memory, that spills to a folder of its own."""

    def __init__(self, progress: Callable[[float], None] | None = None) -> None:
        """Connect; `progress` is told, while a query runs, which share of it is done (0 to 1).

        Raises:
            SettingError: when DuckDB is not installed.
        """
        try:
            import duckdb
        except ImportError as error:
            cure = "pip install 'pano-glue[forensics]'"
            raise SettingError("forensics need DuckDB", cure) from error
        self.failures: type[Exception] = duckdb.Error
        self._spill = tempfile.TemporaryDirectory(prefix="pano-forensics-")
        self._progress = progress
        self._functions: set[str] = set()
        self.connection = duckdb.connect()
        for setting in (
            f"memory_limit = '{MEMORY}'",
            f"temp_directory = '{self._spill.name}'",
            "preserve_insertion_order = false",
            f"partitioned_write_flush_threshold = {WRITTEN_AT_ONCE}",
            "TimeZone = 'UTC'",
            "enable_progress_bar = true",
            "enable_progress_bar_print = false",
        ):
            self.connection.execute(f"SET {setting}")

    @property
    def folder(self) -> Path:
        """Where files may lie that end with the engine."""
        return Path(self._spill.name)

    def run(self, sql: str) -> Any:  # noqa: ANN401 - DuckDB's connection, on which a result waits
        """Run SQL in a thread, so that this one hears Ctrl-C and tells the progress.

        Raises:
            PanoError: when there is no room left for what has to be kept.
        """
        outcome: list[BaseException] = []
        done = threading.Event()  # not join(): after a Ctrl-C Python 3.11 takes threads for ended

        def work() -> None:
            try:
                self.connection.execute(sql)
            except BaseException as error:  # noqa: BLE001 - raised again by who waits
                outcome.append(error)
            done.set()

        threading.Thread(target=work, daemon=True).start()
        try:
            while not done.wait(POLL):
                if self._progress:
                    self._progress(max(0.0, self.connection.query_progress()) / 100)
        except BaseException:
            self.connection.interrupt()
            done.wait()
            raise
        if outcome:
            self._explain(outcome[0])
            raise outcome[0]
        return self.connection

    def frame(self, sql: str) -> pd.DataFrame:
        """Run a query."""
        result = self.run(sql)
        kinds = [str(kind) for _, kind, *_ in result.description]
        frame: pd.DataFrame = result.df()
        for name, kind in zip(frame.columns, kinds, strict=True):
            # A sum, which pandas would take for float.
            if kind == "HUGEINT" and frame[name].notna().all():
                frame[name] = frame[name].astype("int64")
        return frame

    def view(self, name: str, sql: str) -> None:
        """Name a query."""
        self.run(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")

    def table(self, name: str, sql: str) -> None:
        """Run a query and keep its result."""
        self.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Give a frame as a table."""
        self.connection.register(name, frame)

    def function(self, name: str, of: Callable[[str], str]) -> None:
        """Give a function from text to text."""
        if name in self._functions:
            self.connection.remove_function(name)
        self._functions.add(name)
        self.connection.create_function(name, of, ["VARCHAR"], "VARCHAR")

    def close(self) -> None:
        """Remove what was kept."""
        self.connection.close()
        self._spill.cleanup()

    def _explain(self, error: BaseException) -> None:
        import duckdb

        if isinstance(error, duckdb.OutOfMemoryException):
            cure = (
                f"narrow the question, or set TMPDIR to a disk with room (now {self.folder.parent})"
            )
            raise PanoError("too much to keep at once", cure) from error
