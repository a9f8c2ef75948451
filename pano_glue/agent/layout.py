"""The bytes that ebpf-agent/mirror.h defines, packed and unpacked: change both together."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DIRECTIONS = ("ingress", "egress")
ROLES = ("client", "server")
VERDICTS = ("matched", "mirrored", "duplicate")
CAUSES = ("no_memory", "no_device", "dropped", "too_long", "above_ceiling", "refused")
CLONE_TO_INGRESS = 1  # BPF_F_INGRESS

NETWORKS = 4096  # that a choice may name; the table has room for two choices
HOOKS, PROBES = 4096, 8  # places in the table of counts, and how many a hook may be at
COUNT = struct.Struct(f"=II{len(VERDICTS) + len(CAUSES)}Q")
DEVICES = struct.Struct("=5I16s")
CHOICE = struct.Struct("=QIBBBBB7x8192s")
NETWORK = struct.Struct("=I4s16s")
ONLY_KEY = struct.pack("=I", 0)  # of a section of global data
MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291
NANOSECONDS = 1_000_000_000


def pack_ports(ports: Iterable[int]) -> bytes:
    """Set one bit for each port."""
    bits = bytearray(65536 // 8)
    for port in ports:
        bits[port // 8] |= 1 << port % 8
    return bytes(bits)


def pack_address(address: Address) -> bytes:
    """Lay out `struct pano_address`."""
    return address.packed if address.version == 6 else MAPPED + address.packed  # noqa: PLR2004 # IPv6


def pack_network(role: str, network: Network | None) -> bytes:
    """Lay out `struct pano_network`; without a network it is what holds for all others."""
    word = struct.pack("!I", ROLES.index(role))
    if network is None:
        return NETWORK.pack(32, word, bytes(16))
    address = pack_address(network.network_address)
    bits = 32 + 128 - network.max_prefixlen + network.prefixlen
    return NETWORK.pack(bits, word, address)
