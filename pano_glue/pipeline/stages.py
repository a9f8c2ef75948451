"""How each stage of the pipeline is started, and the condition that tells it is ready."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.paths import find_zeek, shared_folder
from pano_glue.pipeline.process import Child

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pano_glue.lab.network import Namespace

MIRROR = "pano0"
SENSOR = "pano-up"
ROTATE_MINUTES = 10
ROTATED_LOGS = 6  # of each kind; older ones have long been counted


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
    rotate: bool = False

    @property
    def records_from(self) -> str:
        """The bridge's name of the source that DNS records come from."""
        if self.analyzer == "tshark":
            return f"tshark:{MIRROR}"
        return f"log:{self.folder / 'zeek' / 'dns.log'}"

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


def start_agent(plan: Plan) -> Child:
    """Start the agent; it is ready when it mirrors."""
    argv = [command("pano-agent"), "run", "--mirror", MIRROR, "--listen", plan.agent_listen]
    argv += ["--control", str(plan.folder / "agent.sock")]
    for interface in plan.interfaces:
        argv += ["--iface", interface]
    if plan.network:
        argv += ["--netns", str(plan.network.child.pid), "--mirror-inside"]
    child = Child("agent", argv, plan.folder)
    child.wait_until(lambda: "mirroring" in child.output(), "word that it mirrors")
    return child


def start_zeek(plan: Plan, *settings: str) -> Child:
    """Start Zeek on the mirror, with settings `PANO::name=value`; it is ready when it listens."""
    logs = plan.folder / "zeek"
    logs.mkdir()
    argv = [str(find_zeek()), "-b", str(shared_folder("zeek-scripts")), "-i", MIRROR]
    argv += [f"PANO::sensor={SENSOR}", "PANO::stats_interval=1sec"]
    argv += settings
    if plan.rotate:
        argv.append(f"Log::default_rotation_interval={ROTATE_MINUTES}min")
    child = Child("zeek", plan.inside(argv), plan.folder, cwd=logs)
    child.wait_until(lambda: "listening on" in child.output(), "word that it listens")
    return child


def start_bridge(plan: Plan, *sources: str) -> Child:
    """Start the bridge on `sources`, by default what the analyzer writes.

    It is ready when it serves, and its tshark when it captures.
    """
    servers = "".join(f"{json.dumps(a)} = {json.dumps(n)}\n" for a, n in plan.servers.items())
    config = plan.folder / "pano.toml"
    config.write_text(f"[servers]\n{servers}")
    argv = [command("pano-bridge"), "run", "--listen", plan.bridge_listen]
    argv += ["--config", str(config), "--state-dir", str(plan.folder / "state")]
    for source in sources or _sources(plan):
        argv += ["--source", source]
    child = Child("bridge", argv, plan.folder)
    child.wait_until(lambda: "serving" in child.output(), "word that it serves")
    if plan.analyzer == "tshark":
        child.wait_until(lambda: "capturing" in child.output(), f"tshark on {MIRROR}")
    return child


def _sources(plan: Plan) -> list[str]:
    if plan.analyzer == "tshark":
        inside = f"?netns={plan.network.child.pid}" if plan.network else ""
        return [plan.records_from + inside]
    return [plan.records_from, f"log:{plan.folder / 'zeek' / 'pano_stats.log'}"]


def prune_logs(plan: Plan) -> None:
    """Remove the oldest rotated logs, so that `up` may run for months."""
    for kind in ("dns", "pano_stats"):
        rotated = sorted(
            (plan.folder / "zeek").glob(f"{kind}[-.]*.log"), key=lambda path: path.stat().st_mtime
        )
        for path in rotated[:-ROTATED_LOGS]:
            path.unlink()
