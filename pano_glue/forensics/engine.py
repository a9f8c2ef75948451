"""What runs the questions' SQL: DuckDB on this machine, or Spark on many.

Questions are written in DuckDB's dialect and in what both engines have; results are pandas frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


class Engine(Protocol):
    """One connection, and the tables and views that were made in it."""

    def frame(self, sql: str) -> pd.DataFrame:
        """Run a query; its result has to fit into memory."""

    def view(self, name: str, sql: str) -> None:
        """Name a query; it is run anew by everything that uses it."""

    def table(self, name: str, sql: str) -> None:
        """Run a query and keep its result, on disk where memory is short."""

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Give a frame as a table."""

    def function(self, name: str, of: Callable[[str], str]) -> None:
        """Give a function from text to text; it is called row by row, so for few rows."""

    def close(self) -> None:
        """Remove what was kept."""
