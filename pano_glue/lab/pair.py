"""The agent's own lab: a client and a resolver on one link, and the agent on the resolver's end.

What is on the wire is counted by the kernel, and there is nothing but DNS on it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pano_glue.lab.network import Link, Namespace, connect
from pano_glue.lab.resolvers import HOSTS, start_resolver
from pano_glue.lab.workload import read_figures, wait_for_answers
from pano_glue.pipeline.process import Child
from pano_glue.pipeline.undo import Undoable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence
    from contextlib import ExitStack

AGENT = Path(sys.executable).with_name("pano-agent")
SERVER = Link("server", "sv0", 9)
SERVER4, SERVER6 = SERVER.address4, SERVER.address6
PORT = SERVER.port  # the server's interface, where the agent is
NAMES = [f"host{number}.pano.test A" for number in range(HOSTS)]
# Seconds that a program may take to come up; emulated machines (`make test-kernels`) need more.
PATIENCE = float(os.environ.get("PANO_PATIENCE", "20"))
CORES = ["taskset", "-c"]  # one for the client, one for the server, as on two machines


def output(argv: Sequence[str]) -> str:
    """Run a command and return what it prints."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


class Pair(Undoable):
    """Two namespaces on one link, and nsd, which answers once this is entered."""

    def __init__(self, folder: Path) -> None:
        """Keep logs and configuration below `folder`."""
        super().__init__()
        self.folder = folder

    def _start(self, undo: ExitStack) -> None:
        self.client = Namespace("client", self.folder)
        undo.callback(self.client.child.stop)
        self.server = Namespace("server", self.folder)
        undo.callback(self.server.child.stop)
        connect(self.client, "cl0", self.server, PORT, SERVER.subnet)
        undo.callback(self.start_resolver("nsd", self.server).stop)
        wait_for_answers(SERVER, self.client, self.folder)

    def start_resolver(self, name: str, where: Namespace) -> Child:
        """Start nsd in a namespace, on a core of its own; it serves when this returns."""
        pinned = [*CORES, "1"]
        return start_resolver(
            name, lambda argv: where.enter([*pinned, *argv]), self.folder, limits=False
        )

    def query(self, names: Sequence[str], *options: str, server: str = SERVER4) -> Counter[str]:
        """Run dnsperf in the client's namespace to its end; `names` are lines of its data file."""
        return self.finish(self.start_load(names, *options, server=server))

    def start_load(self, names: Sequence[str], *options: str, server: str = SERVER4) -> Child:
        """Start dnsperf in the client's namespace, on a core of its own."""
        data = self.folder / "queries"
        data.write_text("".join(f"{name}\n" for name in names))
        (self.folder / "dnsperf.log").unlink(missing_ok=True)
        argv = [*CORES, "0", "dnsperf", "-s", server, "-d", str(data), *options]
        return Child("dnsperf", self.client.enter(argv), self.folder)

    @staticmethod
    def finish(load: Child, seconds: float = 600) -> Counter[str]:
        """Wait for dnsperf's end; returns its figures, as `read_figures` does."""
        load.wait(seconds)
        return read_figures("load", load.output())

    def wire(self) -> int:
        """Return how many packets have been on the wire, by the server's interface."""
        argv = self.server.enter(["ip", "-s", "-j", "link", "show", PORT])
        stats = json.loads(output(argv))[0]["stats64"]
        return int(stats["rx"]["packets"]) + int(stats["tx"]["packets"])

    def start_agent(self, *options: str, iface: str = PORT, before: Sequence[str] = ()) -> Child:
        """Start the agent on the server's interface, with the mirror beside it; it mirrors."""
        agent = self.launch_agent(*options, iface=iface, before=before)
        agent.wait_until(lambda: "mirroring" in agent.output(), "word that it mirrors", PATIENCE)
        return agent

    def launch_agent(self, *options: str, iface: str = PORT, before: Sequence[str] = ()) -> Child:
        """Start the agent, and do not wait until it mirrors; `before` is a command that runs it."""
        control = self.folder / "agent.sock"
        argv = [str(AGENT), "run", "--iface", iface, "--control", str(control), "--listen", ""]
        inside = ["--netns", str(self.server.child.pid), "--mirror-inside"]
        log = self.folder / "agent.log"
        log.unlink(missing_ok=True)
        return Child("agent", [*before, *argv, *inside, *options], self.folder)

    def traces(self) -> str:
        """Return what an agent could leave: interfaces, qdiscs and filters."""
        seen: list[tuple[str, ...]] = [("ip", "-br", "link"), ("tc", "qdisc", "show")]
        seen += [("tc", "filter", "show", "dev", PORT, side) for side in ("ingress", "egress")]
        return "".join(output(self.server.enter(argv)) for argv in seen)

    @staticmethod
    def kill(agent: Child) -> None:
        """End an agent by SIGKILL."""
        os.kill(agent.pid, signal.SIGKILL)
        agent.stop()

    def cleanup(self) -> str:
        """Run `pano-agent cleanup` in the server's namespace."""
        argv = [str(AGENT), "cleanup", "--netns", str(self.server.child.pid)]
        return output(argv)

    def status(self) -> dict[str, Any]:
        """Ask the running agent."""
        argv = [str(AGENT), "status", "--json", "--control", str(self.folder / "agent.sock")]
        answer: dict[str, Any] = json.loads(output(argv))
        return answer

    def sums(self) -> dict[str, int]:
        """Add up what the running agent says of all its hooks."""
        rows = self.status()["interfaces"]
        verdicts = ("matched", "mirrored", "duplicate", "error")
        return {verdict: sum(row[verdict] for row in rows) for verdict in verdicts}

    def start_tap(self, device: str, *options: str) -> Child:
        """Start tcpdump in the server's namespace; it captures when this returns."""
        # As root: another user would be given the file that it writes, /dev/null too.
        argv = ["tcpdump", "-Z", "root", "-n", "-i", device, "-B", "65536", "--immediate-mode"]
        argv += options
        (self.folder / "tcpdump.log").unlink(missing_ok=True)
        tap = Child("tcpdump", self.server.enter(argv), self.folder)
        tap.wait_until(
            lambda: "listening on" in tap.output(), "word that tcpdump listens", PATIENCE
        )
        return tap

    @staticmethod
    def tapped(tap: Child) -> tuple[int, int]:
        """End a tcpdump; returns what it captured, and what the kernel dropped before it."""
        tap.stop()
        said = tap.output()
        captured = re.search(r"(\d+) packets captured", said)
        dropped = re.search(r"(\d+) packets dropped by kernel", said)
        if captured is None or dropped is None:
            raise RuntimeError(f"tcpdump gave no figures: {said}")
        return int(captured[1]), int(dropped[1])
