"""How each stage of the pipeline is started, and what tells that it is ready."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.paths import find_zeek, shared_folder
from pano_glue.pipeline.process import Child
from pano_glue.pipeline.stage import Stage, solid_ground
from pano_glue.pipeline.zeek_launch import own_addresses, zeek_command, zeek_environment
from pano_glue.protocols import REGISTERED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pano_glue.lab.network import Namespace
    from pano_glue.pipeline.interface import Interface

MIRROR = "pano0"
SENSOR = "pano-up"
STATS_SECONDS = 1
ROTATE_MINUTES = 10
KEEP_MINUTES = 60  # rotated logs; older ones have long been counted
BRIDGE_STOPS = {"zeek": 1, "tshark": 2.5}  # seconds; what a log still holds is read the next time


@dataclass(frozen=True)
class Plan:
    """Where the stages run, listen and write.

    `network` is the namespace of the mirrored interfaces; None is the host's own.
    """

    folder: Path
    interfaces: Sequence[str]
    network: Namespace | None
    analyzer: str
    agent_listen: str
    bridge_listen: str
    prometheus_listen: str
    servers: Mapping[str, str]
    keep_packets: int = 0  # bytes of the ring of captures; 0 for none

    @property
    def records_from(self) -> str:
        """The bridge's name of the source that DNS records come from."""
        if self.analyzer == "tshark":
            return f"tshark:{MIRROR}"
        return self.log("dns")

    @property
    def stats_from(self) -> str:
        """The bridge's name of the source that Zeek's ledger comes from."""
        return self.log("pano_stats")

    def log(self, topic: str) -> str:
        """Return the bridge's name of the source that is one of Zeek's logs."""
        return f"log:{self.folder / 'zeek' / topic}.log"

    @property
    def agent_control(self) -> Path:
        """The agent's socket."""
        return self.folder / "agent.sock"

    def inside(self, argv: list[str]) -> list[str]:
        """Return the command line that runs `argv` where the mirror is."""
        return self.network.enter(argv) if self.network else argv


def command(name: str) -> str:
    """Return the path of one of our own commands: the one installed beside this Python first."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def choose_analyzer(wanted: str | None) -> str:
    """Choose `zeek` where it is installed, else `tshark`.

    Raises:
        PanoError: when neither, or not the wanted one, is installed.
    """
    present = {"zeek": find_zeek() is not None, "tshark": shutil.which("tshark") is not None}
    if wanted and wanted not in present:
        raise PanoError(f"--analyzer {wanted}: no such analyzer", "choose zeek or tshark")
    for name in (wanted,) if wanted else present:
        if present[name]:
            return name
    raise PanoError(
        f"{wanted or 'neither zeek nor tshark'} is not installed",
        "`make setup` installs tshark; Zeek comes from zeek.org/get-zeek (set $ZEEK to its path)",
    )


def agent_stage(plan: Plan, mirror: Interface) -> Stage:
    """Prepare the agent, which makes the mirror; it is ready when it mirrors."""
    argv = [command("pano-agent"), "run", "--mirror", MIRROR, "--listen", plan.agent_listen]
    argv += ["--control", str(plan.agent_control), "--sensor", SENSOR]
    for interface in plan.interfaces:
        argv += ["--iface", interface]
    if plan.network:
        argv += ["--netns", str(plan.network.child.pid), "--mirror-inside"]
    return Stage(
        "agent",
        lambda: Child("agent", argv, plan.folder),
        lambda child: "mirroring" in child.output(),
        "word that it mirrors",
        made=lambda: mirror.index() is not None,
    )


def zeek_stage(plan: Plan, mirror: Interface, *settings: str) -> Stage:
    """Prepare Zeek on the mirror, with settings `PANO::name=value`; ready when it listens."""
    logs = plan.folder / "zeek"
    logs.mkdir(exist_ok=True)
    ours = [f"PANO::sensor={SENSOR}", f"PANO::stats_interval={STATS_SECONDS}sec"]
    ours += [f"PANO::rotate_every={ROTATE_MINUTES}min", f"PANO::keep_logs_for={KEEP_MINUTES}min"]
    scripts = shared_folder("zeek-scripts")
    argv = zeek_command(Path(str(find_zeek())), scripts, MIRROR, [*ours, *settings])

    def launch() -> Child:
        environment = zeek_environment(os.environ, own_addresses(plan.inside))
        argv_inside = plan.inside(argv)
        return Child("zeek", argv_inside, plan.folder, cwd=logs, environment=environment)

    return Stage(
        "zeek",
        launch,
        lambda child: "listening on" in child.output(),
        "word that it listens",
        ground=mirror.index,
    )


def bridge_stage(plan: Plan, mirror: Interface, *sources: str) -> Stage:
    """Prepare the bridge on `sources`, by default what the analyzer writes.

    It is ready when it serves, and its tshark when it captures.
    """
    servers = "".join(f"{json.dumps(a)} = {json.dumps(n)}\n" for a, n in plan.servers.items())
    config = plan.folder / "pano.toml"
    config.write_text(
        f"[bridge]\nstop_seconds = {BRIDGE_STOPS[plan.analyzer]}\n[servers]\n{servers}"
    )
    argv = [command("pano-bridge"), "run", "--listen", plan.bridge_listen]
    argv += ["--config", str(config), "--state-dir", str(plan.folder / "state")]
    for source in sources or _sources(plan):
        argv += ["--source", source]
    captures = plan.analyzer == "tshark"
    words = ("serving", "capturing") if captures else ("serving",)
    return Stage(
        "bridge",
        lambda: Child("bridge", argv, plan.folder),
        lambda child: all(word in child.output() for word in words),
        f"word that tshark captures on {MIRROR}" if captures else "word that it serves",
        ground=mirror.index if captures else solid_ground,
    )


def _sources(plan: Plan) -> list[str]:
    if plan.analyzer == "tshark":
        inside = f"?netns={plan.network.child.pid}" if plan.network else ""
        return [plan.records_from + inside]
    return [f"{plan.log(topic)}?from=beginning" for topic in REGISTERED]
