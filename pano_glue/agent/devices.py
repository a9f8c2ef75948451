"""Interfaces, the mirror device and clsact filters, through netlink.

Everything made here carries the mark `pano-agent/MIRROR`, and nothing without it is ever removed.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from pano_glue.agent.kernel import refusal
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "pano-agent/"  # and the mirror's name: in aliases, filter names and socket names
KEPT = "/kept"  # behind it in the alias of a mirror that outlives its agent
HANDLE = 0x70616E6F  # "pano"
INGRESS, EGRESS = range(2)
PARENTS = ("ffff:fff2", "ffff:fff3")  # clsact's ingress and egress
IFF_UP = 0x1
NO_ARP = 0x80
MULTICAST = 0x1000
BIGGEST_MTU = 65535
LINK_CHANGES = 1  # RTMGRP_LINK
ADDR_GEN_MODE_NONE = 1  # IN6_ADDR_GEN_MODE_NONE
NO_IPV6_ADDRESS = {
    "attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", ADDR_GEN_MODE_NONE)]})]
}


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the namespace."""

    index: int
    name: str
    alias: str
    link_type: int  # ARPHRD_*
    mtu: int
    up: bool = True

    @property
    def owner(self) -> str:
        """The mirror of the agent that made this interface; empty when somebody else did."""
        if not self.alias.startswith(MARK):
            return ""
        return self.alias.removeprefix(MARK).removesuffix(KEPT)

    @property
    def kept(self) -> bool:
        """Whether this is a mirror that waits for the next agent of its name."""
        return bool(self.owner) and self.alias.endswith(KEPT)


@dataclass(frozen=True, slots=True)
class OwnFilter:
    """A clsact filter that an agent added."""

    index: int  # of the interface
    direction: int
    priority: int
    label: str

    @property
    def owner(self) -> str:
        """The mirror of the agent that added it."""
        return self.label.partition("/")[0]


def _explain(what: str, error: NetlinkError) -> PanoError:
    return refusal(what, OSError(error.code, str(error)), needs=("CAP_NET_ADMIN",))


class Network:
    """The network namespace that the calling thread was in when this was made."""

    def __init__(self) -> None:
        """Open a netlink socket."""
        self._netlink = IPRoute()

    def close(self) -> None:
        """Close the netlink socket."""
        self._netlink.close()

    def interfaces(self) -> Iterator[Interface]:
        """List the interfaces."""
        for link in self._netlink.get_links():
            yield Interface(
                index=link["index"],
                name=link.get("ifname"),
                alias=link.get("ifalias") or "",
                link_type=link["ifi_type"],
                mtu=link.get("mtu"),
                up=bool(link["flags"] & IFF_UP),
            )

    def watch(self) -> socket.socket:
        """Return a socket that becomes readable when interfaces come, go or change."""
        changes = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        changes.bind((0, LINK_CHANGES))
        changes.settimeout(0)
        return changes

    def find(self, name: str) -> Interface | None:
        """Find an interface by name."""
        return next((link for link in self.interfaces() if link.name == name), None)

    def add_interface(self, name: str, kind: str, **settings: object) -> bool:
        """Create an interface; False when the kernel has no such kind.

        Raises:
            PanoError: when the kernel refuses.
        """
        try:
            self._netlink.link("add", ifname=name, kind=kind, **settings)
        except NetlinkError as error:
            if error.code != errno.EOPNOTSUPP:
                raise _explain(f"create {name}", error) from error
            return False
        return True

    def silence(self, name: str, owner: str, *, keep: bool = False) -> Interface:
        """Mark an interface that we made, keep the host from speaking on it, and set it up.

        Raises:
            PanoError: when the kernel refuses, or the interface has gone.
        """
        try:
            self._silence(name, MARK + owner + (KEPT if keep else ""))
        except NetlinkError as error:
            raise _explain(f"set up {name}", error) from error
        made = self.find(name)
        if made is None:
            raise PanoError(f"{name} vanished while it was set up", "start again")
        return made

    def _silence(self, name: str, alias: str) -> None:
        found = self.find(name)
        if found is None:
            return
        index = found.index
        mtu = self._netlink.get_links(index)[0].get("max_mtu") or BIGGEST_MTU
        self._netlink.link("set", index=index, ifalias=alias, mtu=min(mtu, BIGGEST_MTU))
        # Without a link-local address IPv6 says nothing. By netlink, as containers see
        # /proc/sys read-only; a kernel without IPv6 does not know the word.
        with suppress(NetlinkError):
            self._netlink.link("set", index=index, IFLA_AF_SPEC=NO_IPV6_ADDRESS)
        self._netlink.link("set", index=index, flags=NO_ARP, change=NO_ARP | MULTICAST)
        self._netlink.link("set", index=index, state="up")

    def set_up(self, interface: Interface) -> None:
        """Set an interface up.

        Raises:
            PanoError: when the kernel refuses.
        """
        try:
            self._netlink.link("set", index=interface.index, state="up")
        except NetlinkError as error:
            raise _explain(f"set {interface.name} up", error) from error

    def remove_interface(self, name: str) -> None:
        """Remove an interface, if it is still there."""
        with suppress(NetlinkError):
            self._netlink.link("del", ifname=name)

    def add_clsact(self, index: int) -> bool:
        """Give an interface a clsact; False when it has one.

        Raises:
            OSError: when the kernel refuses, ENODEV when the interface has gone.
            PanoError: when a qdisc `ingress` stands in its place.
        """
        try:
            self._netlink.tc("add", "clsact", index)
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise OSError(error.code, "clsact") from error
            if "ingress" in self._qdiscs(index):
                name = self._netlink.get_links(index)[0].get("ifname")
                raise PanoError(
                    f"{name} has a qdisc `ingress`, beside which nothing that leaves is seen",
                    f"put a clsact in its place (tc qdisc del dev {name} ingress; tc qdisc add dev"
                    f" {name} clsact), which takes the same filters, or use Linux 6.6 (tcx)",
                ) from error
            return False
        return True

    def _qdiscs(self, index: int) -> list[str]:
        return [one.get("kind") for one in self._netlink.get_qdiscs(index=index)]

    def add_filter(self, index: int, direction: int, program: int, label: str) -> None:
        """Add a direct-action filter before those that are there; `label` says whose it is.

        Nothing comes before preference 1. Beside BPF filters there ours still runs first, as the
        kernel takes the youngest first; beside another kind it comes where the kernel puts it.

        Raises:
            OSError: as `add_clsact`.
        """
        first = min((one["info"] >> 16 for one in self._filters(index, direction)), default=0)
        priorities = (1, 0) if first == 1 else (max(first - 1, 0),)  # 0: the kernel chooses
        for priority in priorities:
            try:
                self._netlink.tc(
                    "add-filter",
                    "bpf",
                    index,
                    HANDLE,
                    fd=program,
                    name=MARK + label,
                    parent=PARENTS[direction],
                    prio=priority,
                    direct_action=True,
                    classid=1,
                )
            except NetlinkError as error:
                if priority == priorities[-1]:
                    raise OSError(error.code, "clsact filter") from error
            else:
                return

    def own_filters(self, index: int) -> Iterator[OwnFilter]:
        """List an interface's filters that an agent added."""
        for direction in range(len(PARENTS)):
            for one in self._filters(index, direction):
                name = one.get_nested("TCA_OPTIONS", "TCA_BPF_NAME") or ""
                if one["handle"] == HANDLE and name.startswith(MARK):
                    yield OwnFilter(index, direction, one["info"] >> 16, name.removeprefix(MARK))

    def remove_filter(self, one: OwnFilter) -> None:
        """Remove a filter that an agent added."""
        with suppress(NetlinkError):
            self._netlink.tc(
                "del-filter",
                "bpf",
                one.index,
                HANDLE,
                parent=PARENTS[one.direction],
                prio=one.priority,
            )

    def remove_empty_clsact(self, index: int) -> None:
        """Remove an interface's clsact, unless somebody has a filter there."""
        if not any(any(self._filters(index, direction)) for direction in range(len(PARENTS))):
            with suppress(NetlinkError):
                self._netlink.tc("del", "clsact", index)

    def _filters(self, index: int, direction: int) -> Iterator[Any]:
        major, minor = (int(part, 16) for part in PARENTS[direction].split(":"))
        with suppress(NetlinkError):
            yield from self._netlink.get_filters(index, parent=major << 16 | minor)
