"""One look as text, for pipes, logs and `--once`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pano_glue.top.looks import now
from pano_glue.top.tables import tables

if TYPE_CHECKING:
    from pano_glue.top.looks import View

ROWS = 10


def show(view: View) -> None:
    """Print every table that has rows, and how things are."""
    console = Console()
    for name, table in tables(view).items():
        if not table.rows or name == "pipeline":
            continue
        drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for number, column in enumerate(table.columns):
            drawn.add_column(column.title, justify="right" if number else "left", no_wrap=True)
        # Servers stand worst first, the rest by its first figure.
        rows = table.rows if name == "servers" else table.ranked(1, reverse=True, wanted="")
        for row in rows[:ROWS]:
            cells = zip(table.columns, row, strict=True)
            drawn.add_row(*(Text(column.written(value)) for column, value in cells))
        console.print(drawn)
    health = view.health
    console.print(
        f"5 minutes: {health.clients:,} clients, {health.names:,} names | "
        f"{health.age(now())} | {health.complete()}",
        highlight=False,
    )
