"""`pano-agent`: one function per command; the work is in the modules beside this one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pano_glue.agent.attach import Way
from pano_glue.agent.control import ControlSocket, ask
from pano_glue.agent.metrics import PacketCollector, serve_metrics
from pano_glue.agent.namespace import enter_namespace
from pano_glue.shell import run_command

DEFAULT_CONTROL = Path("/run/pano/agent.sock")
HIGHEST_PORT = 65535

app = typer.Typer(
    name="pano-agent",
    help="Clones DNS packets in the kernel to a mirror interface.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Control = Annotated[Path, typer.Option(help="Unix socket for `pano-agent status`.")]
Netns = Annotated[str, typer.Option(help="Network namespace: a name of `ip netns`, or a PID.")]


@app.command()
def run(  # noqa: PLR0913, PLR0917 # one argument for each option
    iface: Annotated[list[str], typer.Option(help="Interfaces to mirror; globs.")],
    mirror: Annotated[str, typer.Option(help="Interface to create and clone to.")] = "pano0",
    port: Annotated[
        list[int] | None,
        typer.Option(min=1, max=HIGHEST_PORT, help="Port to mirror, on either side; 53."),
    ] = None,
    listen: Annotated[str, typer.Option(help="Where to serve /metrics; empty: nowhere.")] = (
        "127.0.0.1:9103"
    ),
    control: Control = DEFAULT_CONTROL,
    netns: Netns = "",
    attach: Annotated[Way, typer.Option(help="How to attach to interfaces.")] = Way.AUTO,
) -> None:
    """Mirror until a signal says to end; then nothing is left behind."""
    from pano_glue.agent.agent import Agent, Settings
    from pano_glue.agent.loop import run_agent

    settings = Settings(tuple(iface), mirror, tuple(port or (53,)), attach)
    agent = Agent(settings)
    socket = ControlSocket(control)
    if listen:
        serve_metrics(listen, PacketCollector(agent.counts))
    if netns:
        enter_namespace(netns)
    run_agent(agent, socket, mirror)


@app.command()
def status(
    control: Control = DEFAULT_CONTROL,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 # a flag
) -> None:
    """Show what the running agent has seen, per interface and direction."""
    reply = ask(control, {"ask": "status"})
    if as_json:
        sys.stdout.write(msgspec.json.encode(reply).decode() + "\n")
        return
    columns = ("interface", "direction", "matched", "mirrored", "duplicate", "error")
    for row in ({name: name for name in columns}, *reply["interfaces"]):
        print(f"{row['interface']:16}{row['direction']:10}", end="")
        print("".join(f"{row[name]:>13}" for name in columns[2:]))


@app.command()
def cleanup(netns: Netns = "") -> None:
    """Remove what killed agents left in a namespace, and nothing else."""
    from pano_glue.agent.devices import Network
    from pano_glue.agent.leftovers import remove_leftovers

    if netns:
        enter_namespace(netns)
    removed = remove_leftovers(Network())
    print("\n".join(f"removed {line}" for line in removed) or "nothing to clean up")


def main() -> None:
    """Run `pano-agent`."""
    sys.exit(run_command("pano-agent", app))
