"""`pano-agent`: one function per command; the work is in the modules beside this one."""

from __future__ import annotations

import sys
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from pano_glue.agent.attach import Way
from pano_glue.agent.choice import Choice, Dedup, Protocol
from pano_glue.agent.control import ControlSocket, ask
from pano_glue.agent.mirror import parse_target
from pano_glue.agent.namespace import enter_namespace
from pano_glue.errors import PanoError, SettingError
from pano_glue.options import HELP, common_options
from pano_glue.shell import run_command

if TYPE_CHECKING:
    from pano_glue.agent.check import Finding
    from pano_glue.pipeline.stage import Stage

DEFAULT_CONTROL = Path("/run/pano/agent.sock")
PACKETS = Path("/var/lib/pano/packets")

app = typer.Typer(
    name="pano-agent",
    help="Clones DNS packets in the kernel to a mirror interface.",
    no_args_is_help=True,
    context_settings=HELP,
    pretty_exceptions_enable=False,
)

app.callback()(common_options("pano-agent"))

Control = Annotated[Path, typer.Option(help="Unix socket for `status` and `set`.")]
Netns = Annotated[str, typer.Option(help="Network namespace: a name of `ip netns`, or a PID.")]
Port = Annotated[list[int] | None, typer.Option(help="Port to mirror, on either side [53].")]
Protocols = Annotated[list[Protocol] | None, typer.Option(help="What carries DNS [both].")]
Client = Annotated[
    list[str] | None, typer.Option(help="Network of clients; `!` in front excludes; `any`.")
]
Server = Annotated[
    list[str] | None, typer.Option(help="Network of servers; `!` in front excludes; `any`.")
]
OneIn = Annotated[int | None, typer.Option(help="Mirror one flow in so many [1].")]
Ceiling = Annotated[int | None, typer.Option(help="Packets per second at most; 0: no limit [0].")]
DedupOption = Annotated[
    Dedup | None, typer.Option(help="Mirror once what several interfaces show [auto].")
]
Tunnels = Annotated[
    bool | None, typer.Option("--tunnels/--no-tunnels", help="Look inside VXLAN, GENEVE and GRE.")
]


def chosen(**options: Any) -> dict[str, Any]:  # noqa: ANN401 # whatever the options hold
    """Return the options that were given, as `Choice` has them."""
    return {name: value for name, value in options.items() if value is not None}


@app.command()
def run(  # noqa: PLR0913 # one argument for each option
    *,
    iface: Annotated[list[str], typer.Option(help="Interfaces to mirror; globs.")],
    mirror: Annotated[
        str, typer.Option(help="Interface to create, or vxlan:ID@HOST[:PORT], geneve:….")
    ] = "pano0",
    port: Port = None,
    protocol: Protocols = None,
    client: Client = None,
    server: Server = None,
    one_in: OneIn = None,
    ceiling: Ceiling = None,
    dedup: DedupOption = None,
    tunnels: Tunnels = None,
    keep_mirror: Annotated[
        bool, typer.Option("--keep-mirror", help="The mirror stays for the next agent.")
    ] = False,
    keep_packets: Annotated[
        str, typer.Option(help="Keep so much of what was mirrored, such as 1GB (needs dumpcap).")
    ] = "",
    packets_folder: Annotated[Path, typer.Option(help="Where to keep packets.")] = PACKETS,
    sensor: Annotated[str, typer.Option(help="Name on all metrics [the host's name].")] = "",
    listen: Annotated[
        str, typer.Option(help="Where to serve /metrics, /status and /healthz; empty: nowhere.")
    ] = "127.0.0.1:15354",
    control: Control = DEFAULT_CONTROL,
    netns: Netns = "",
    mirror_inside: Annotated[
        bool, typer.Option("--mirror-inside", help="Create the mirror in --netns too.")
    ] = False,
    attach: Annotated[Way, typer.Option(help="How to attach to interfaces.")] = Way.AUTO,
    check: Annotated[bool, typer.Option("--check", help="Only tell what is missing.")] = False,
) -> None:
    """Mirror until a signal says to end; then nothing is left behind."""
    from pano_glue.agent.agent import PROGRAM, Agent, Settings
    from pano_glue.agent.check import check_all
    from pano_glue.agent.loop import run_agent
    from pano_glue.agent.metrics import make_registry
    from pano_glue.agent.page import Pages, serve

    if keep_mirror and netns and not mirror_inside:
        raise SettingError(
            "--keep-mirror: a mirror between two namespaces goes with either",
            "add --mirror-inside, or leave --netns",
        )
    if keep_packets and netns and not mirror_inside:
        raise SettingError(
            "--keep-packets: the mirror is in another namespace than the interfaces",
            "add --mirror-inside, or run dumpcap on the mirror",
        )
    choice = msgspec.convert(
        chosen(
            port=port,
            protocol=protocol,
            client=client,
            server=server,
            one_in=one_in,
            ceiling=ceiling,
            dedup=dedup,
            tunnels=tunnels,
        ),
        Choice,
    )
    settings = Settings(
        tuple(iface), parse_target(mirror), "" if mirror_inside else netns, attach, keep_mirror
    )
    if check:
        if netns and mirror_inside:
            enter_namespace(netns)
        report(list(check_all(settings, PROGRAM)))
        return
    beside = [kept(keep_packets, packets_folder, settings.target.name)] if keep_packets else []
    agent = Agent(settings, choice)
    socket = ControlSocket(control)
    if listen:
        registry = make_registry(agent, sensor or gethostname())
        serve(listen, Pages(registry, agent.status, agent.troubles))
    if netns and mirror_inside:
        enter_namespace(netns)
    run_agent(agent, socket, mirror, beside)


def kept(most: str, folder: Path, mirror: str) -> Stage:
    """Prepare the ring of packets that `--keep-packets` asks for."""
    from pano_glue.pipeline.packets import packet_bytes, packets_stage

    return packets_stage(folder, packet_bytes(most), mirror, log=folder)


def report(findings: list[Finding]) -> None:
    """Print what `run` would need; PanoError when it could not run."""
    for finding in findings:
        print(finding)
    missing = [one.what for one in findings if one.needed and not one.good]
    if missing:
        raise PanoError(f"{len(missing)} missing ({', '.join(missing)})", "see the lines above")


@app.command("set")
def change(  # noqa: PLR0913 # one argument for each option
    *,
    port: Port = None,
    protocol: Protocols = None,
    client: Client = None,
    server: Server = None,
    one_in: OneIn = None,
    ceiling: Ceiling = None,
    dedup: DedupOption = None,
    tunnels: Tunnels = None,
    control: Control = DEFAULT_CONTROL,
) -> None:
    """Change what a running agent mirrors, without detaching; prints the whole choice."""
    changes = chosen(
        port=port,
        protocol=protocol,
        client=client,
        server=server,
        one_in=one_in,
        ceiling=ceiling,
        dedup=dedup,
        tunnels=tunnels,
    )
    for name, value in ask(control, {"set": changes}).items():
        print(f"{name:10}{' '.join(map(str, value)) if isinstance(value, list) else value}")


@app.command()
def status(
    *,
    control: Control = DEFAULT_CONTROL,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
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
def cleanup(
    netns: Netns = "",
    *,
    keep_mirror: Annotated[
        bool, typer.Option("--keep-mirror", help="Leave mirrors that wait for their next agent.")
    ] = False,
) -> None:
    """Remove what killed agents left in a namespace, and nothing else."""
    from pano_glue.agent.devices import Network
    from pano_glue.agent.leftovers import remove_leftovers

    if netns:
        enter_namespace(netns)
    removed = remove_leftovers(Network(), kept=not keep_mirror)
    print("\n".join(f"removed {line}" for line in removed) or "nothing to clean up")


def main() -> None:
    """Run `pano-agent`."""
    sys.exit(run_command("pano-agent", app))
