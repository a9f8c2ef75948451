"""Packets built field by field, for the kernel program to look at."""

from __future__ import annotations

import ipaddress
import struct

CLIENT4, SERVER4 = "192.0.2.1", "198.51.100.53"
CLIENT6, SERVER6 = "2001:db8::1", "2001:db8::53"
UDP, TCP, GRE, HOP, ROUTING, FRAGMENT, AH, OPTIONS = 17, 6, 47, 0, 43, 44, 51, 60
DNS = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + b"\7example\3org\0" + struct.pack("!2H", 1, 1)


def ethernet(payload: bytes, *protocols: int) -> bytes:
    """A frame; protocols before the last are VLAN tags."""
    tags = b"".join(struct.pack("!HH", one, 100) for one in protocols[:-1])
    return bytes(12) + tags + struct.pack("!H", protocols[-1]) + payload


def udp(sport: int, dport: int, data: bytes = DNS) -> bytes:
    return struct.pack("!4H", sport, dport, 8 + len(data), 0xBEEF) + data


def tcp(sport: int, dport: int, data: bytes = DNS, seq: int = 1) -> bytes:
    return struct.pack("!HHIIHHHH", sport, dport, seq, 1, 0x5018, 500, 0xBEEF, 0) + data


def ipv4(  # noqa: PLR0913 # the fields of the header
    transport: int,
    payload: bytes,
    *,
    offset: int = 0,
    more: bool = False,
    ident: int = 7,
    ttl: int = 64,
    options: bytes = b"",
    ends: tuple[str, str] = (CLIENT4, SERVER4),
) -> bytes:
    first = 0x45 + len(options) // 4
    total = 20 + len(options) + len(payload)
    flags = (0x2000 if more else 0) | offset // 8
    header = struct.pack("!BBHHHBBH", first, 0, total, ident, flags, ttl, transport, 0)
    source, destination = (ipaddress.IPv4Address(end).packed for end in ends)
    return header + source + destination + options + payload


def ipv6(following: int, payload: bytes, ends: tuple[str, str] = (CLIENT6, SERVER6)) -> bytes:
    header = struct.pack("!IHBB", 6 << 28, len(payload), following, 64)
    source, destination = (ipaddress.IPv6Address(end).packed for end in ends)
    return header + source + destination + payload


def frame4(payload: bytes, transport: int = UDP, **fields: object) -> bytes:
    return ethernet(ipv4(transport, payload, **fields), 0x0800)  # type: ignore[arg-type] # by name


def frame6(payload: bytes, following: int = UDP) -> bytes:
    return ethernet(ipv6(following, payload), 0x86DD)


def extension(following: int, length: int) -> bytes:
    return struct.pack("!BB", following, length) + bytes(6 + 8 * length)


QUERY = udp(40000, 53)
REPLY = udp(53, 40000)
