"""The lab: what is on its one wire is counted by the kernel, and there is nothing but DNS on it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pano_glue.lab.network import Namespace
from pano_glue.pipeline.process import Child, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

AGENT = Path(sys.executable).with_name("pano-agent")
SERVER4, SERVER6 = "198.18.9.2", "2001:db8:9::2"
PORT = "sv0"  # the server's interface, where the agent is
MACS = {"cl0": "02:00:00:00:09:01", PORT: "02:00:00:00:09:02"}
NSD_CONF = """\
server:
  ip-address: 0.0.0.0
  ip-address: 0.0.0.0@5300
  ip-address: ::
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  database: ""
  server-count: 1
  ipv4-edns-size: 4096
  ipv6-edns-size: 4096
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: pano.test
  zonefile: pano.test.zone
"""
LONG_TEXT = " ".join(['"' + "x" * 250 + '"'] * 12)  # an answer of 3,000 bytes
ZONE = f"""\
$TTL 300
@ SOA ns.pano.test. hostmaster.pano.test. 1 3600 900 604800 60
@ NS ns
ns A {SERVER4}
big TXT {LONG_TEXT}
*.many A 203.0.113.1
"""


def output(argv: Sequence[str]) -> str:
    """Run a command and return what it prints."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Load:
    """What dnsperf says of its run."""

    sent: int
    completed: int
    lost: int
    interrupted: int  # outstanding when it was told to end
    per_second: float


class Lab:
    """Two namespaces on one link, and nsd; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        """Keep logs and configuration below `folder`."""
        self.folder = folder
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        """Create the network and start the server."""
        with ExitStack() as undo:
            self.client = Namespace("client", self.folder)
            undo.callback(self.client.child.stop)
            self.server = Namespace("server", self.folder)
            undo.callback(self.server.child.stop)
            self._connect()
            undo.callback(self._start_server().stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server; the network goes with its last process."""
        self._undo.close()

    def _connect(self) -> None:
        ends = {"cl0": (self.client, 1), PORT: (self.server, 2)}
        here = ["ip", "link", "add", "cl0", "netns", str(self.client.child.pid), "type", "veth"]
        there = ["peer", "name", PORT, "netns", str(self.server.child.pid)]
        subprocess.run([*here, *there], check=True)
        for device, (namespace, last) in ends.items():
            other = next(name for name in ends if name != device)
            # No discovery of any kind: DNS is all that the wire carries.
            for family in "all", "default":
                namespace.run("sysctl", "-qw", f"net.ipv6.conf.{family}.router_solicitations=0")
            namespace.ip("link", "set", device, "address", MACS[device], "multicast", "off")
            namespace.ip("link", "set", device, "addrgenmode", "none")
            namespace.ip("address", "add", f"198.18.9.{last}/24", "dev", device)
            namespace.ip("address", "add", f"2001:db8:9::{last}/64", "dev", device, "nodad")
            namespace.ip("link", "set", device, "up")
            namespace.ip("link", "set", "lo", "up")
            for address in f"198.18.9.{3 - last}", f"2001:db8:9::{3 - last}":
                entry = ["neigh", "replace", address, "lladdr", MACS[other], "dev", device]
                namespace.ip(*entry, "nud", "permanent")

        for device, (namespace, _) in ends.items():
            show = namespace.enter(["ip", "-j", "link", "show", device])
            wait_for(lambda show=show: '"operstate":"UP"' in output(show), 10)

    def _start_server(self) -> Child:
        (self.folder / "pano.test.zone").write_text(ZONE)
        conf = self.folder / "nsd.conf"
        conf.write_text(NSD_CONF.format(folder=self.folder))
        argv = ["taskset", "-c", "1", "nsd", "-d", "-c", str(conf)]
        nsd = Child("nsd", self.server.enter(argv), self.folder)
        nsd.wait_until(lambda: "nsd started" in nsd.output(), "word that nsd started")
        return nsd

    def query(self, names: Sequence[str], *options: str, server: str = SERVER4) -> Load:
        """Run dnsperf in the client's namespace to its end; `names` are lines of its data file."""
        return self.finish(self.start_load(names, *options, server=server))

    def start_load(self, names: Sequence[str], *options: str, server: str = SERVER4) -> Child:
        """Start dnsperf in the client's namespace, on a core of its own."""
        data = self.folder / "queries"
        data.write_text("".join(f"{name}\n" for name in names))
        (self.folder / "dnsperf.log").unlink(missing_ok=True)
        argv = ["taskset", "-c", "0", "dnsperf", "-s", server, "-d", str(data), *options]
        return Child("dnsperf", self.client.enter(argv), self.folder)

    @staticmethod
    def finish(load: Child, seconds: float = 600) -> Load:
        """Wait for dnsperf's end and read its summary."""
        load.wait(seconds)
        said = load.output()

        def figure(label: str) -> float:
            found = re.search(rf"{label}:\s+([\d.]+)", said)
            return float(found[1]) if found else 0.0

        return Load(
            int(figure("Queries sent")),
            int(figure("Queries completed")),
            int(figure("Queries lost")),
            int(figure("Queries interrupted")),
            figure("Queries per second"),
        )

    def wire(self) -> int:
        """Return how many packets have been on the wire, by the server's interface."""
        argv = self.server.enter(["ip", "-s", "-j", "link", "show", PORT])
        shown = output(argv)
        stats = json.loads(shown)[0]["stats64"]
        return int(stats["rx"]["packets"]) + int(stats["tx"]["packets"])

    def start_agent(self, *options: str, iface: str = PORT) -> Child:
        """Start the agent on the server's interface, with the mirror beside it; it mirrors."""
        agent = self.launch_agent(*options, iface=iface)
        agent.wait_until(lambda: "mirroring" in agent.output(), "word that it mirrors")
        return agent

    def launch_agent(self, *options: str, iface: str = PORT) -> Child:
        """Start the agent, and do not wait until it mirrors."""
        control = self.folder / "agent.sock"
        argv = [str(AGENT), "run", "--iface", iface, "--control", str(control), "--listen", ""]
        inside = ["--netns", str(self.server.child.pid), "--mirror-inside"]
        log = self.folder / "agent.log"
        log.unlink(missing_ok=True)
        return Child("agent", [*argv, *inside, *options], self.folder)

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
        said = output(argv)
        answer: dict[str, Any] = json.loads(said)
        return answer

    def sums(self) -> dict[str, int]:
        """Add up what the running agent says of all its hooks."""
        rows = self.status()["interfaces"]
        verdicts = ("matched", "mirrored", "duplicate", "error")
        return {verdict: sum(row[verdict] for row in rows) for verdict in verdicts}

    def start_tap(self, device: str, *options: str) -> Child:
        """Start tcpdump in the server's namespace; it captures when this returns."""
        argv = ["tcpdump", "-n", "-i", device, "-B", "65536", "--immediate-mode", *options]
        (self.folder / "tcpdump.log").unlink(missing_ok=True)
        tap = Child("tcpdump", self.server.enter(argv), self.folder)
        tap.wait_until(lambda: "listening on" in tap.output(), "word that tcpdump listens")
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
