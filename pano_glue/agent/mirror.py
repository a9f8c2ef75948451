"""The mirror: the interface that clones enter, and the ways to and from it.

here            pano0 takes clones at its ingress, shows them to taps and drops them
other namespace clones enter one end of a veth pair there; pano0 is the other end, here
remote sensor   as either, but after the taps clones go on into a VXLAN or GENEVE tunnel
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from pano_glue.agent import layout
from pano_glue.agent.tap import DEVICE, open_tap
from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.agent.devices import Interface, Network

REMOTE = re.compile(r"(vxlan|geneve):(\d+)@(\[[^]]+\]|[^:]+)(?::(\d+))?")
NAME = re.compile(r"[^\s/:@]{1,13}")  # the kernel's limit is 15; `-p` and the like come behind
PORTS = {"vxlan": 4789, "geneve": 6081}
NO_ADDRESS = ipaddress.IPv6Address(0)
HIGHEST_VNI = (1 << 24) - 1
HEADER = 14  # Ethernet, in bytes


@dataclass(frozen=True, slots=True)
class Sensor:
    """A remote host that takes clones through a tunnel."""

    kind: str
    vni: int
    address: layout.Address
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """What `--mirror` says: the name of the interface, and the remote sensor if there is one."""

    name: str
    sensor: Sensor | None = None

    @property
    def far_end(self) -> layout.Address:
        """The remote sensor's address, or `::` when there is none."""
        return self.sensor.address if self.sensor else NO_ADDRESS


def parse_target(text: str) -> Target:
    """Read `pano0`, `vxlan:ID@HOST[:PORT]` or `geneve:ID@HOST[:PORT]`.

    Raises:
        SettingError: when it is none of these, or the host has no address.
    """
    remote = REMOTE.fullmatch(text)
    if remote is None:
        if not NAME.fullmatch(text):
            raise SettingError(
                f"--mirror {text} is no interface name of up to 13 letters, and no tunnel",
                "write pano0 or vxlan:ID@HOST[:PORT]",
            )
        return Target(text)
    kind, vni, host, port = remote.groups()
    if int(vni) > HIGHEST_VNI:
        raise SettingError(f"--mirror {text}: {vni} is no VNI", f"use 0 to {HIGHEST_VNI}")
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_DGRAM)[0][4][0]
    except OSError as error:
        raise SettingError(f"--mirror {text}: {error}", "give the sensor's address") from error
    address = ipaddress.ip_address(str(found).partition("%")[0])
    return Target("pano0", Sensor(kind, int(vni), address, int(port or PORTS[kind])))


@dataclass(slots=True)
class Mirror:
    """A mirror that is up: where clones enter, as `struct pano_devices` has it."""

    entry: Interface
    flags: int
    onward: int
    sensor: layout.Address

    def pack(self, relay: int) -> bytes:
        """Lay out `struct pano_devices`, with the interface where bare clones get a header."""
        longest = self.entry.mtu + HEADER
        address = layout.pack_address(self.sensor)
        return layout.DEVICES.pack(
            self.entry.index, self.flags, longest, relay, self.onward, address
        )


def make_local(
    network: Network, name: str, undo: list[Callable[[], object]], *, keep: bool = False
) -> Interface:
    """Create a mirror in this namespace: up, silent, with room for packets of any size.

    A tap, which goes with this process; without /dev/net/tun a dummy, or one end of a veth pair.
    With `keep` it stays when the agent goes, and one that was kept is used again: whoever
    listens there need not notice.

    Raises:
        PanoError: when the name is somebody else's interface, or we may not.
    """
    before = network.find(name)
    if before and not before.kept:
        refuse_name(name)
    if before and not keep:
        network.remove_interface(name)
    try:
        undo.append(partial(os.close, open_tap(name, keep=keep)))
    except OSError:
        if not (before and keep):
            _make_lasting(network, name, keep=keep)
        if not keep:
            undo.append(partial(network.remove_interface, name))
    return network.silence(name, owner=name, keep=keep)


def _make_lasting(network: Network, name: str, *, keep: bool) -> None:
    if not network.add_interface(name, "dummy"):
        if not network.add_interface(name, "veth", peer=f"{name}-p"):
            raise PanoError(
                "the kernel has no tap, dummy or veth interfaces",
                f"load its module tun, and let us open {DEVICE}",
            )
        network.silence(f"{name}-p", owner=name, keep=keep)


def make_onward(
    network: Network, target: Target, undo: list[Callable[[], object]]
) -> Interface | None:
    """Create the tunnel to the remote sensor, if there is one.

    The host cuts what is too long for the way into IP fragments of the tunnel's packets, so
    that nothing is lost and the original's path MTU is not touched.
    """
    sensor = target.sensor
    if sensor is None:
        return None
    name = f"{target.name}-r"
    family = "" if sensor.address.version == 4 else "6"  # noqa: PLR2004 # IPv4
    address = str(sensor.address)
    if sensor.kind == "vxlan":
        settings = {
            "vxlan_id": sensor.vni,
            f"vxlan_group{family}": address,
            "vxlan_port": sensor.port,
            "vxlan_learning": False,
        }
    else:
        settings = {
            "geneve_id": sensor.vni,
            f"geneve_remote{family}": address,
            "geneve_port": sensor.port,
        }
    if not network.add_interface(name, sensor.kind, **settings):
        other = next(kind for kind in PORTS if kind != sensor.kind)
        raise PanoError(f"the kernel has no {sensor.kind}", f"load its module, or use {other}:…")
    undo.append(partial(network.remove_interface, name))
    return network.silence(name, owner=target.name)


def make_crossing(
    network: Network, target: Target, namespace: int, undo: list[Callable[[], object]]
) -> Interface:
    """Create the mirror here with its other end in the network namespace of that descriptor."""
    if network.find(target.name):
        refuse_name(target.name)
    peer = {"ifname": f"{target.name}-p", "net_ns_fd": namespace}
    network.add_interface(target.name, "veth", peer=peer)
    undo.append(partial(network.remove_interface, target.name))
    return network.silence(target.name, owner=target.name)


def refuse_name(name: str) -> NoReturn:
    """Raise PanoError: an interface of this name is there."""
    raise PanoError(f"an interface {name} exists and is not pano-agent's", "name another --mirror")
