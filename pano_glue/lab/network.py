"""Network namespaces that live only as long as we do.

Each namespace is held by a sleeping child instead of a name below /run/netns. When the supervisor
ends, by whatever signal, the children get SIGTERM from the kernel, the namespaces lose their last
process, and links, addresses, filters and sockets inside them are gone. Nothing has to be cleaned.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.pipeline.process import Child, stop_all

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Link:
    """A veth pair that ends at one host, with the host's addresses (RFC 2544, RFC 3849)."""

    host: str
    port: str
    subnet: int

    @property
    def address4(self) -> str:
        """The host's IPv4 address."""
        return f"198.18.{self.subnet}.2"

    @property
    def address6(self) -> str:
        """The host's IPv6 address."""
        return f"2001:db8:{self.subnet}::2"


CLIENT = Link("client", "client0", 1)
FAST = Link("fast", "fast0", 2)
SLOW = Link("slow", "slow0", 3)
CACHE = Link("cache", "cache0", 4)  # a recursive resolver, in tests
OFFICE = Link("office", "office0", 5)  # clients of another subnet, in tests
LINKS = (CLIENT, FAST, SLOW)
ROUTER = "router"
STOP_SECONDS = 1.0


class Network:
    """Namespaces of clients and resolvers, each on a link of its own to a router."""

    def __init__(self, folder: Path, links: Sequence[Link] = LINKS) -> None:
        """Create namespaces, links, addresses and routes; logs go below `folder`.

        Raises:
            PanoError: without the right to create namespaces, or without `ip` and `unshare`.
        """
        self.holders = [
            Namespace(name, folder) for name in (ROUTER, *(link.host for link in links))
        ]
        self._by_name = {holder.name: holder for holder in self.holders}
        for link in links:
            self._connect(link)
        self._by_name[ROUTER].run(
            "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"
        )

    def inside(self, name: str) -> Namespace:
        """Return the namespace of that name."""
        return self._by_name[name]

    def close(self) -> None:
        """End the holders; the kernel removes the rest."""
        stop_all([holder.child for holder in self.holders], STOP_SECONDS)

    def _connect(self, link: Link) -> None:
        router, host = self._by_name[ROUTER], self._by_name[link.host]
        connect(router, link.port, host, "eth0", link.subnet)
        host.ip("route", "add", "default", "via", f"198.18.{link.subnet}.1")
        host.ip("-6", "route", "add", "default", "via", f"2001:db8:{link.subnet}::1")


class Namespace:
    """One network namespace and the child that holds it."""

    def __init__(self, name: str, folder: Path) -> None:
        """Create it and wait until it differs from ours."""
        self.name = name
        self.child = Child(f"netns-{name}", ["unshare", "--net", "sleep", "infinity"], folder)
        ours = Path("/proc/self/ns/net").readlink()
        self.path = Path(f"/proc/{self.child.pid}/ns/net")
        self.child.wait_until(lambda: self.path.readlink() != ours, "namespace of its own")

    def enter(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs `argv` inside; it keeps its process id."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv: str) -> None:
        """Run a command inside and wait for it."""
        _run(self.enter(argv))

    def ip(self, *words: str) -> None:
        """Run iproute2's `ip` inside."""
        self.run("ip", *words)


def connect(first: Namespace, device: str, second: Namespace, other: str, subnet: int) -> None:
    """Connect two namespaces: `device` is the first's end, with address 1, `other` the second's.

    The link is quiet: no discovery of any kind, so all that it carries is what we send.
    """
    pair = ["link", "add", device, "netns", str(first.child.pid), "type", "veth"]
    _run(["ip", *pair, "peer", "name", other, "netns", str(second.child.pid)])
    for namespace, end, last in ((first, device, 1), (second, other, 2)):
        namespace.run("sysctl", "-qw", f"net.ipv6.conf.{end}.router_solicitations=0")
        mac = f"02:00:00:00:{subnet:02x}:{{:02x}}"
        quiet = ["multicast", "off", "arp", "off", "addrgenmode", "none"]
        namespace.ip("link", "set", end, "address", mac.format(last), *quiet, "up")
        namespace.ip("link", "set", "lo", "up")
        for prefix, bits in ((f"198.18.{subnet}.", 24), (f"2001:db8:{subnet}::", 64)):
            # Duplicate address detection would keep the address tentative for a second.
            no_wait = ["nodad"] if ":" in prefix else []
            namespace.ip("address", "add", f"{prefix}{last}/{bits}", "dev", end, *no_wait)
            neighbour = [f"{prefix}{3 - last}", "lladdr", mac.format(3 - last), "dev", end]
            namespace.ip("neigh", "replace", *neighbour, "nud", "permanent")


def _run(argv: Sequence[str]) -> None:
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PanoError(f"{argv[0]} is not installed", "run `make setup`") from error
    except subprocess.CalledProcessError as error:
        raise PanoError(
            f"`{' '.join(argv)}` failed: {error.stderr.strip()}",
            "the lab needs root and a kernel with network namespaces and veth",
        ) from error
