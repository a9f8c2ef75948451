"""`pano-bridge relay`: its options."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import Annotated

import typer


def relay(
    source: Annotated[list[str], typer.Option(help="As for `run`; several may be.")],
    to: Annotated[str, typer.Option(help="kafka://host:port/topic; without topic, one per log.")],
    listen: Annotated[str | None, typer.Option(help="HOST:PORT of /metrics; else none.")] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where the checkpoint is kept; `none`: nowhere.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="pano.toml; see docs/pano.toml.")] = None,
) -> None:
    """Send sources' records to Kafka, batched and keyed by sensor."""
    from pano_glue.config import load_settings
    from pano_glue.relay.run import run_relays

    flags = {"bridge.sources": source, "bridge.state_dir": str(state_dir) if state_dir else None}
    run_relays(load_settings(config, os.environ, flags).config, to, listen)
