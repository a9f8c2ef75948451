"""Packets for what a lab will not show: DNS messages, IPv4 and IPv6, UDP, TCP, fragments, pcap.

Everything is built from the RFCs with `struct`, so that no code under test checks itself.
Times are seconds since the capture's start, names are dotted, rdata is bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START = 1_700_000_000.0  # 2023-11-14, so that recorded logs never change
UDP, TCP = 17, 6
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, NAPTR = 1, 2, 5, 6, 12, 15, 16, 28, 33, 35
OPT, DS, RRSIG, DNSKEY, TLSA, SVCB, HTTPS, AXFR, CAA = 41, 43, 46, 48, 52, 64, 65, 252, 257

Packet = tuple[float, bytes]


def name(dotted: str) -> bytes:
    """Encode a name, uncompressed (RFC 1035, 3.1)."""
    labels = [label.encode() for label in dotted.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(dotted: str, qtype: int = A) -> bytes:
    """Encode a question of class IN (RFC 1035, 4.1.2)."""
    return name(dotted) + struct.pack("!HH", qtype, 1)


def record(owner: str, rtype: int, rdata: bytes, ttl: int = 300, rclass: int = 1) -> bytes:
    """Encode a resource record (RFC 1035, 4.1.3)."""
    return name(owner) + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata)) + rdata


def opt(bufsize: int = 1232, *, rcode: int = 0, do: bool = False, options: bytes = b"") -> bytes:
    """Encode an OPT record; `rcode` is the extended one's upper eight bits (RFC 6891, 6.1)."""
    return record("", OPT, options, ttl=rcode << 24 | (0x8000 if do else 0), rclass=bufsize)


@dataclass(frozen=True)
class Message:
    """A DNS message; `flags` holds everything of the second header word (RFC 1035, 4.1.1)."""

    id: int
    questions: list[bytes]
    flags: int = RD
    answers: list[bytes] = field(default_factory=list)
    authority: list[bytes] = field(default_factory=list)
    additional: list[bytes] = field(default_factory=list)

    def __bytes__(self) -> bytes:
        """Encode the message."""
        sections = (self.questions, self.answers, self.authority, self.additional)
        header = struct.pack("!HH4H", self.id, self.flags, *(len(each) for each in sections))
        return header + b"".join(part for section in sections for part in section)


def query(ident: int, dotted: str, qtype: int = A, *, flags: int = RD, edns: bytes = b"") -> bytes:
    """Encode a query with one question."""
    return bytes(
        Message(ident, [question(dotted, qtype)], flags, additional=[edns] if edns else [])
    )


def reply(
    ident: int, dotted: str, qtype: int = A, *answers: bytes, flags: int = 0, edns: bytes = b""
) -> bytes:
    """Encode a reply with one question; `flags` holds the rcode in its low bits."""
    extra = [edns] if edns else []
    return bytes(
        Message(
            ident, [question(dotted, qtype)], QR | RD | RA | flags, list(answers), additional=extra
        )
    )


def checksum(data: bytes) -> int:
    """Compute the Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass(frozen=True)
class Host:
    """An end of a flow."""

    address: str
    port: int

    @property
    def raw(self) -> bytes:
        """The address in network order."""
        return ip_address(self.address).packed


_ids = count(1)


def frames(src: Host, dst: Host, proto: int, segment: bytes, mtu: int = 65535) -> list[bytes]:
    """Wrap a transport segment in Ethernet and IP frames, fragmented where it exceeds the MTU.

    Fragments are RFC 791 ones for IPv4 and RFC 8200, 4.5 ones for IPv6.
    """
    six = ":" in src.address
    ethernet = bytes(12) + (b"\x86\xdd" if six else b"\x08\x00")
    room = (mtu - (48 if six else 20)) // 8 * 8
    ident = next(_ids)
    whole = len(segment) <= room
    out = []
    for offset in range(0, len(segment), room):
        part = segment[offset : offset + room]
        more = offset + len(part) < len(segment)
        wrap = _ipv6 if six else _ipv4
        out.append(ethernet + wrap(src, dst, proto, part, (ident, offset, more, whole)))
    return out


Fragment = tuple[int, int, bool, bool]  # id, offset, more to come, not a fragment at all


def _ipv4(src: Host, dst: Host, proto: int, part: bytes, fragment: Fragment) -> bytes:
    ident, offset, more, _ = fragment
    flags = (0x2000 if more else 0) | offset >> 3
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(part), ident & 0xFFFF, flags, 64, proto, 0)
    head += src.raw + dst.raw
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + part


def _ipv6(src: Host, dst: Host, proto: int, part: bytes, fragment: Fragment) -> bytes:
    ident, offset, more, whole = fragment
    if whole:
        return struct.pack("!IHBB", 6 << 28, len(part), proto, 64) + src.raw + dst.raw + part
    extension = struct.pack("!BBHI", proto, 0, offset | more, ident)
    length = len(extension) + len(part)
    return struct.pack("!IHBB", 6 << 28, length, 44, 64) + src.raw + dst.raw + extension + part


def with_checksum(src: Host, dst: Host, proto: int, segment: bytes, at: int) -> bytes:
    """Fill in a transport checksum over the pseudo header (RFC 768, RFC 8200, 8.1)."""
    pseudo = src.raw + dst.raw + struct.pack("!IHBB", len(segment), 0, 0, proto)
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2 :]


def udp(
    src: Host, dst: Host, payload: bytes, *, mtu: int = 65535, good: bool = True
) -> list[bytes]:
    """Wrap a payload in UDP; with `good=False` the checksum is wrong, as offload leaves it."""
    segment = struct.pack("!HHHH", src.port, dst.port, 8 + len(payload), 0) + payload
    filled = with_checksum(src, dst, UDP, segment, 6)
    if not good:
        filled = filled[:6] + struct.pack("!H", checksum(filled) ^ 0x5555) + filled[8:]
    return frames(src, dst, UDP, filled, mtu)


def write_pcap(path: Path, packets: Iterable[Packet]) -> None:
    """Write a classic pcap file, in the order given, whatever the times say."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for time, frame in packets:
            micros = round((START + time) * 1e6)
            seconds, rest = divmod(micros, 1_000_000)
            out.write(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
