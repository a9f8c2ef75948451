"""The commands of the bridge: options here, the work in the module that each one names."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="pano.toml; see docs/pano.toml for every key.")
]


class Form(StrEnum):
    """How `replay` prints."""

    prometheus = "prometheus"
    openmetrics = "openmetrics"
    json = "json"


def run(
    source: Annotated[
        list[str] | None,
        typer.Option(help="log:PATH, kafka://…, broker://…, ws://…, tshark:IFACE; several may be."),
    ] = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT of /metrics.")] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where the checkpoint is kept; `none`: nowhere.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Read sources, count, and serve /metrics until SIGTERM."""
    from pano_glue.bridge.run import run_bridge
    from pano_glue.config import load_settings

    flags = {
        "bridge.sources": source or None,
        "bridge.listen": listen,
        "bridge.state_dir": str(state_dir) if state_dir else None,
    }
    run_bridge(lambda: load_settings(config, os.environ, flags))


def replay(
    files: Annotated[list[Path], typer.Argument(help="Logs: JSON or TSV, plain or gzip.")],
    form: Annotated[Form, typer.Option("--format", help="What to print.")] = Form.prometheus,
    config: ConfigFile = None,
) -> None:
    """Count finished logs and print their metrics."""
    from pano_glue.bridge.replay import replay as replay_logs
    from pano_glue.config import load_settings

    replay_logs(files, load_settings(config, os.environ, {}).config, form.value)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Say what is here, what is missing, and how to get it."""
    from pano_glue.bridge.doctor import doctor as examine

    examine(as_json=as_json)


def top(
    url: Annotated[str, typer.Option(help="A bridge's page.")] = "http://127.0.0.1:15353/metrics",
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="One table.")] = False,  # noqa: FBT002 - a flag
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Show a live table of servers, domains and clients."""
    from pano_glue.top import top as show

    show(url, interval, once=once, as_json=as_json)


def config(
    file: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Print every setting, its value and where it came from."""
    from pano_glue.config import load_settings, show_settings

    show_settings(load_settings(file, os.environ, {}), as_json=as_json)
