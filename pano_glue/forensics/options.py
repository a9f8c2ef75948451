"""Options of questions, as typer has them; each question's function names those that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Limit = Annotated[int, typer.Option(min=1, help="Rows of each table.")]
Uid = Annotated[str, typer.Argument(help="A record's uid, as an exemplar has it.", metavar="UID")]
TransId = Annotated[
    int | None, typer.Option("--id", min=0, max=65535, help="The transaction's id (trans_id).")
]
Full = Annotated[bool, typer.Option("--full", help="Whole names, not registered domains.")]
Bucket = Annotated[str, typer.Option(help="Width of a step: 10s, 5m, 1h; empty: fitting.")]
Range = Annotated[
    str, typer.Argument(help="BEGIN/END or BEGIN/DURATION.", metavar="RANGE", show_default=False)
]
State = Annotated[
    Path | None, typer.Option(help="File of the domains seen so far; read and written.")
]
Conn = Annotated[list[str] | None, typer.Option(help="conn.log files: who connected where.")]
Every = Annotated[bool, typer.Option("--all", help="Also what no verdict is passed on.")]
Resolver = Annotated[
    list[str] | None, typer.Option(help="The resolver's addresses; else those on both sides.")
]
Least = Annotated[int, typer.Option(min=3, help="Queries that a pair has at least.")]
Pcap = Annotated[Path, typer.Option(help="A capture, or a folder of them (a ring buffer).")]
CutTo = Annotated[Path | None, typer.Option("--write", help="Write the packets to this file.")]
