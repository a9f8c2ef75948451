"""What is on the wire of a good capture: each DNS message, and which packets it is in.

Reads Ethernet, VLAN tags, IPv4, IPv6, fragments, UDP and TCP on port 53 (RFC 791, 8200, 768, 9293,
1035). It shares no code with what it checks, and may be simple: the capture is whole and in order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.data.packets import Packet

TAGS = {b"\x81\x00", b"\x88\xa8"}
UDP, FRAGMENT = 17, 44
SYN = 0x02
Flow = tuple[str, int, str, int]
Key = tuple[str, int, str, int, str, int]  # client, port, server, port, protocol, id


class Piece(NamedTuple):
    """A packet's number, and how many bytes of its frame are needed."""

    packet: int
    end: int


class Wire(NamedTuple):
    """One DNS message; `name` and `qtype` are None without a question."""

    is_query: bool
    key: Key
    name: str | None
    qtype: int | None
    pieces: tuple[Piece, ...]
    stream: int | None = None  # for TCP, and how many of the stream's pieces come up to its end:
    place: int = 0


class Captured(NamedTuple):
    """All messages of a capture; `streams` are the pieces of each direction of TCP, in order."""

    messages: list[Wire]
    streams: list[list[Piece]]


class Ip(NamedTuple):
    """An IP packet, whose payload is this part of its frame."""

    src: str
    dst: str
    proto: int
    start: int
    end: int
    ident: int | None = None  # of a fragment
    offset: int = 0
    more: bool = False


@dataclass
class _Direction:
    flow: Flow
    syn: int
    data: bytes = b""
    pieces: list[Piece] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # where each piece begins in the data


def dissect(packets: list[Packet]) -> Captured:
    """Find the messages of a capture."""
    messages: list[Wire] = []
    directions: list[_Direction] = []
    newest: dict[Flow, _Direction] = {}
    for ip, segment, pieces in _datagrams(packets):
        src_port, dst_port = struct.unpack_from("!HH", segment)
        flow = (ip.src, src_port, ip.dst, dst_port)
        if ip.proto == UDP:
            messages += _message(segment[8:], flow, "udp", pieces)
            continue
        seq, flags = struct.unpack_from("!I4xxB", segment, 4)
        if flags & SYN:
            newest[flow] = _Direction(flow, seq)
            directions.append(newest[flow])
            newest[flow].pieces.append(pieces[0])
            newest[flow].starts.append(-1)
            continue
        payload = segment[(segment[12] >> 4) * 4 :]
        direction = newest[flow]
        start = (seq - direction.syn - 1) % (1 << 32)
        if payload and start == len(direction.data):  # not again
            direction.data += payload
            direction.pieces += pieces
            direction.starts.append(start)
    for number, direction in enumerate(directions):
        messages += _framed(number, direction)
    return Captured(messages, [direction.pieces for direction in directions])


def read_ip(frame: bytes) -> Ip:
    """Read a frame's IP header, behind its VLAN tags."""
    at = 12
    while frame[at : at + 2] in TAGS:
        at += 4
    at += 2
    if frame[at] >> 4 == 4:
        length, ident, bits = struct.unpack_from("!HHH", frame, at + 2)
        offset, more = (bits & 0x1FFF) * 8, bool(bits & 0x2000)
        src, dst = (str(ip_address(frame[at + n : at + n + 4])) for n in (12, 16))
        start = at + (frame[at] & 15) * 4
        part = (ident, offset, more) if more or offset else (None, 0, False)
        return Ip(src, dst, frame[at + 9], start, at + length, *part)
    length, proto = struct.unpack_from("!HB", frame, at + 4)
    src, dst = (str(ip_address(frame[at + n : at + n + 16])) for n in (8, 24))
    start, end = at + 40, at + 40 + length
    if proto != FRAGMENT:
        return Ip(src, dst, proto, start, end)
    proto, bits, ident = struct.unpack_from("!BxHI", frame, start)
    return Ip(src, dst, proto, start + 8, end, ident, bits & ~7, bool(bits & 1))


def _datagrams(packets: list[Packet]) -> Iterator[tuple[Ip, bytes, tuple[Piece, ...]]]:
    """Put fragments together."""
    waiting: dict[tuple[str, str, int], dict[int, tuple[Ip, bytes, Piece]]] = {}
    for number, (_, frame) in enumerate(packets):
        ip = read_ip(frame)
        payload, piece = frame[ip.start : ip.end], Piece(number, ip.end)
        if ip.ident is None:
            yield ip, payload, (piece,)
            continue
        parts = waiting.setdefault((ip.src, ip.dst, ip.ident), {})
        parts[ip.offset] = ip, payload, piece
        in_order = [parts[offset] for offset in sorted(parts)]
        size = sum(len(each) for _, each, _ in in_order)
        last = in_order[-1][0]
        if not last.more and last.offset + len(in_order[-1][1]) == size:
            del waiting[ip.src, ip.dst, ip.ident]
            yield ip, b"".join(each for _, each, _ in in_order), tuple(p for _, _, p in in_order)


def _framed(number: int, direction: _Direction) -> Iterator[Wire]:
    """Take a direction's messages by their lengths (RFC 1035, 4.2.2)."""
    data, at = direction.data, 0
    while at + 2 <= len(data):
        end = at + 2 + struct.unpack_from("!H", data, at)[0]
        if end > len(data):
            return
        needed = []
        place = 0
        for index, (piece, start) in enumerate(
            zip(direction.pieces, direction.starts, strict=True)
        ):
            following = [*direction.starts[index + 1 :], len(data)][0]
            if start >= 0 and start < end and following > at:
                # Of the last packet no more than the message's own bytes.
                needed.append(Piece(piece.packet, piece.end - max(0, following - end)))
            if start < end:
                place = index + 1
        for message in _message(data[at + 2 : end], direction.flow, "tcp", tuple(needed)):
            yield message._replace(stream=number, place=place)
        at = end


def _message(data: bytes, flow: Flow, proto: str, pieces: tuple[Piece, ...]) -> Iterator[Wire]:
    """Read header and question; messages of other opcodes, and cut ones, are none."""
    if len(data) < 12:
        return
    ident, flags, questions = struct.unpack_from("!HHH", data)
    if flags & 0x7800:
        return
    src, src_port, dst, dst_port = flow
    is_query = not flags & 0x8000
    ends = (src, src_port, dst, dst_port) if is_query else (dst, dst_port, src, src_port)
    name, qtype = _question(data) if questions else (None, None)
    yield Wire(is_query, (*ends, proto, ident), name, qtype, pieces)


def _question(data: bytes) -> tuple[str | None, int | None]:
    labels, at = [], 12
    while at < len(data) and 0 < data[at] < 64:
        labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii"))
        at += 1 + data[at]
    if at + 3 > len(data) or data[at]:
        return None, None
    return ".".join(labels).lower(), struct.unpack_from("!H", data, at + 1)[0]
