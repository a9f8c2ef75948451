"""`pano-bridge`: one line per command; the work is in the module that the command names."""

from __future__ import annotations

import sys

import typer

from pano_glue.bridge import cli as bridge
from pano_glue.shell import run_command

app = typer.Typer(
    name="pano-bridge",
    help="Enriched DNS records from Zeek, made into Prometheus metrics.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


app.command()(bridge.run)
app.command()(bridge.replay)
app.command()(bridge.doctor)


def main() -> None:
    """Run `pano-bridge`."""
    sys.exit(run_command("pano-bridge", app))
