"""`make test-host`: the Debian package on a fresh Debian 12 under systemd, from install to purge.

Root, debootstrap, dnsperf and Zeek in /opt/zeek are needed; the package is built first. All of it
is in namespaces, below ~/.cache/pano-host, and gone with the first process.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pano_glue.pipeline.process import wait_for

HERE = Path(__file__).parent
TREE = HERE.parents[1]
UNITS = ("pano-mirror", "pano-agent", "pano-zeek", "pano-bridge")
PAGE = "http://127.0.0.1:15353/metrics"
SECONDS = float(os.environ.get("PANO_PATIENCE", "60"))
QUERIES = 500
ADDRESS = "198.18.50.1"
ANSWER = f"""\
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("{ADDRESS}", 53))
print("serving", flush=True)
while True:
    query, client = server.recvfrom(4096)
    server.sendto(query[:2] + bytes([query[2] | 0x80, 3]) + query[4:], client)
"""  # NXDOMAIN to everything


class Host:
    """A host that boots, in namespaces of its own, and a client on the other end of its eth0."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Boot what is below `root`; `folder` is for files of the client."""
        self._root, self._folder = root, folder
        self.boot()

    def boot(self) -> None:
        """Start systemd, and a name server and a client beside it."""
        self._init = subprocess.Popen([HERE / "boot.sh", self._root])
        expect("systemd runs", lambda: "running" in self.run("systemctl", "is-system-running"))
        self._client = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        expect("a client", lambda: self._in_client("true").returncode == 0)
        self.run("ip", "link", "set", "peer0", "netns", str(self._client.pid), inside=False)
        self._in_client("ip", "address", "add", "198.18.50.2/24", "dev", "peer0")
        self._in_client("ip", "link", "set", "peer0", "up")
        self._server = subprocess.Popen(
            [*self._enter("-n"), sys.executable, "-c", ANSWER], stdout=subprocess.PIPE
        )
        assert self._server.stdout
        self._server.stdout.readline()

    def _enter(self, *namespaces: str) -> list[str]:
        children = (
            Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text().split()
        )
        return ["nsenter", "-t", children[0] if children else "0", *namespaces]

    def run(self, *argv: str, inside: bool = True) -> str:
        """Run a command on the host (or the test's own, in its network); returns what it says."""
        where = ("-m", "-p", "-n", "-u", "-i", "-C") if inside else ("-n",)
        done = subprocess.run(
            [*self._enter(*where), *argv], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def _in_client(self, *argv: str) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", "-t", str(self._client.pid), "-n"]
        return subprocess.run([*enter, *argv], capture_output=True, text=True, check=False)

    def ask(self) -> None:
        """Let dnsperf ask, and get all answers."""
        names = self._folder / "names"
        names.write_text("a.pano.test A\n" * QUERIES)
        said = self._in_client("dnsperf", "-s", ADDRESS, "-d", str(names), "-n", "1", "-Q", "500")
        assert f"Queries completed:    {QUERIES} " in said.stdout, said.stdout + said.stderr

    def counted(self) -> int:
        """Return how many queries the bridge's page has."""
        found = re.findall(r"^pano_dns_queries_total\{.* (\d+)$", self.page(), re.MULTILINE)
        return sum(map(int, found))

    def page(self) -> str:
        """Return the bridge's page."""
        return self.run("curl", "-s", PAGE)

    def active(self) -> bool:
        """Tell whether all is up, and Zeek listens."""
        states = self.run("systemctl", "is-active", *UNITS).split()
        log = self.run("journalctl", "-b", "-u", "pano-zeek", "-n", "3", "-o", "cat")
        return states == ["active"] * len(UNITS) and "listening" in log and "# HELP" in self.page()

    def halt(self, word: str) -> None:
        """Shut down, and wait until it has."""
        self.run("systemctl", word)
        self._init.wait(SECONDS)
        for child in (self._server, self._client):
            child.kill()
            child.wait()
        for cgroup in Path("/sys/fs/cgroup").glob("**/pano-host"):
            subprocess.run(["find", cgroup, "-depth", "-type", "d", "-delete"], check=True)


def expect(what: str, condition: object) -> None:
    """Wait for a condition, and say that it holds."""
    assert callable(condition)
    if not wait_for(condition, SECONDS):
        sys.exit(f"test-host: not within {SECONDS:.0f} s: {what}")
    print(f"ok  {what}", flush=True)


def newer(package: Path, folder: Path) -> Path:
    """Make the same package with a higher version."""
    subprocess.run(["dpkg-deb", "-R", package, folder / "newer"], check=True)
    control = folder / "newer/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 99", control.read_text()))
    built = folder / "newer.deb"
    subprocess.run(
        ["dpkg-deb", "-Znone", "--root-owner-group", "-b", folder / "newer", built], check=True
    )
    return built


def main() -> None:
    """Install, kill, upgrade, reboot and purge, with traffic between; nothing may be lost."""
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pano-host/root"
    subprocess.run([HERE / "make_root.sh", root], check=True)
    (package,) = sorted((TREE / "dist").glob("pano_*.deb"))[-1:]
    subprocess.run(["cp", "-a", "/opt/zeek", root / "opt"], check=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(package, root / "root/older.deb")
        shutil.copy(newer(package, folder), root / "root/newer.deb")
        host = Host(root, folder)
        print(host.run("dpkg", "-i", "/root/older.deb"))
        expect("installed, and all units are up", host.active)
        host.ask()
        expect("every query is counted", lambda: host.counted() == QUERIES)
        started = time.time()
        host.run("systemctl", "kill", "-s", "KILL", *UNITS[1:])
        expect(
            "killed, and all units are up again",
            lambda: time.time() > started + 5 and host.active(),
        )
        host.ask()
        expect("no count was lost or doubled", lambda: host.counted() == 2 * QUERIES)
        print(host.run("dpkg", "-i", "/root/newer.deb"))
        expect("upgraded, and all units are up", host.active)
        host.ask()
        expect("counters go on", lambda: host.counted() == 3 * QUERIES)
        host.halt("reboot")
        host.boot()
        expect("rebooted, and all units are up", host.active)
        expect("counters go on", lambda: host.counted() == 3 * QUERIES)
        print(host.run("dpkg", "--purge", "pano"))
        expect("pano0 is gone", lambda: "pano0" not in host.run("ip", "link"))
        left = host.run("sh", "-c", "ls -d /usr/lib/pano /usr/bin/pano-* /etc/pano 2>/dev/null")
        expect("nothing is left but records and counts", lambda: left == "")
        host.halt("poweroff")


if __name__ == "__main__":
    main()
