"""`pano-bridge`: one line per command; the work is in the module that the command names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pano_glue.bridge import cli as bridge
from pano_glue.forensics import command as forensics
from pano_glue.options import HELP, common_options
from pano_glue.relay.cli import relay
from pano_glue.shell import run_command

app = typer.Typer(
    name="pano-bridge",
    help="Enriched DNS records from Zeek, made into Prometheus metrics.",
    no_args_is_help=True,
    context_settings=HELP,
    pretty_exceptions_enable=False,
)


@app.command()
def up(  # noqa: PLR0913, PLR0917 - one argument for each option
    iface: Annotated[
        list[str] | None,
        typer.Option(help="Interface to watch, as eth0 or 'veth*'; several may be."),
    ] = None,
    lab: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--lab", help="Watch a network of our own, with resolvers and load.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="End after so long; a lab then compares all numbers."),
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--json", help="Print one JSON report at the end.")
    ] = False,
    rate: Annotated[float, typer.Option(min=1, help="The lab's queries per second.")] = 500,
    analyzer: Annotated[
        str | None, typer.Option(help="zeek, or tshark; by default zeek where it is installed.")
    ] = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of the bridge's metrics; port 0: any free one.")
    ] = "127.0.0.1:15353",
    agent_listen: Annotated[
        str, typer.Option(help="HOST:PORT of the agent's metrics.")
    ] = "127.0.0.1:15354",
    prometheus_listen: Annotated[
        str, typer.Option(help="HOST:PORT of Prometheus.")
    ] = "127.0.0.1:9090",
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where records, counts and logs stay, and a later `up` goes on; without it they "
            "are removed at the end, unless something went wrong."
        ),
    ] = None,
    keep_packets: Annotated[
        str,
        typer.Option(
            help="Keep the newest packets, so many at most (1GB), for `forensics packets`.",
            metavar="SIZE",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Run agent, analyzer, bridge and Prometheus on this host, until Ctrl-C.

    One that dies is started again, and said so. Nothing stays behind. Needs root.
    """
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
            keep_packets=keep_packets,
        )
    )


app.callback(help=app.info.help)(common_options("pano-bridge"))
app.command()(bridge.run)
app.command()(bridge.replay)
app.command()(bridge.doctor)
app.command()(bridge.top)
app.command()(bridge.config)
app.command()(relay)
app.command(context_settings=forensics.SETTINGS)(forensics.forensics)


def main() -> None:
    """Run `pano-bridge`."""
    sys.exit(run_command("pano-bridge", app))
