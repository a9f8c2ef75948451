"""`pano-bridge`: one line per command; the work is in the module that the command names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pano_glue.bridge import cli as bridge
from pano_glue.relay.cli import relay
from pano_glue.shell import run_command

app = typer.Typer(
    name="pano-bridge",
    help="Enriched DNS records from Zeek, made into Prometheus metrics.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def up(  # noqa: PLR0913, PLR0917 - one argument for each option
    iface: Annotated[list[str] | None, typer.Option(help="Interfaces to watch; globs.")] = None,
    lab: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--lab", help="Watch a lab of own resolvers and load.")
    ] = False,
    seconds: Annotated[float | None, typer.Option(min=1, help="End after so long.")] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--json", help="One report at the end.")
    ] = False,
    rate: Annotated[float, typer.Option(min=1, help="The lab's queries per second.")] = 500,
    analyzer: Annotated[
        str | None, typer.Option(help="zeek or tshark; the first that is installed.")
    ] = None,
    listen: Annotated[str, typer.Option(help="Where the bridge serves.")] = "127.0.0.1:9102",
    agent_listen: Annotated[str, typer.Option(help="Where the agent serves.")] = "127.0.0.1:9103",
    prometheus_listen: Annotated[
        str, typer.Option(help="Where Prometheus serves.")
    ] = "127.0.0.1:9090",
    folder: Annotated[
        Path | None, typer.Option(help="Where records and logs stay; else they go at the end.")
    ] = None,
) -> None:
    """Run the whole pipeline on this host; Ctrl-C leaves nothing behind."""
    from pano_glue.up import Options, run_pipeline

    run_pipeline(
        Options(
            interfaces=iface or [],
            lab=lab,
            seconds=seconds,
            as_json=as_json,
            rate=rate,
            analyzer=analyzer,
            bridge_listen=listen,
            agent_listen=agent_listen,
            prometheus_listen=prometheus_listen,
            folder=folder,
        )
    )


app.command()(bridge.run)
app.command()(bridge.replay)
app.command()(bridge.doctor)
app.command()(bridge.top)
app.command()(bridge.config)
app.command()(relay)


def main() -> None:
    """Run `pano-bridge`."""
    sys.exit(run_command("pano-bridge", app))
