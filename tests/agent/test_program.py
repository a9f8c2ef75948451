"""The kernel program, run on built packets: what it clones, and that it clones it whole."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from pano_glue.agent.layout import HOOKS, PROBES
from pano_glue.errors import PanoError
from tests.agent.conftest import LOOPBACK
from tests.agent.packets import (
    AH,
    DNS,
    FRAGMENT,
    GRE,
    HOP,
    OPTIONS,
    QUERY,
    REPLY,
    ROUTING,
    TCP,
    UDP,
    ethernet,
    extension,
    frame4,
    frame6,
    ipv4,
    ipv6,
    tcp,
    udp,
)

if TYPE_CHECKING:
    from tests.agent.conftest import Program

MIRRORED = {
    "udp query": frame4(QUERY),
    "udp reply": frame4(REPLY),
    "tcp": frame4(tcp(40000, 53), TCP),
    "tcp acknowledgement": frame4(tcp(40000, 53, b""), TCP),
    "ipv6 udp": frame6(QUERY),
    "ipv6 tcp": frame6(tcp(53, 40000), TCP),
    "vlan": ethernet(ipv4(UDP, QUERY), 0x8100, 0x0800),
    "qinq": ethernet(ipv6(UDP, QUERY), 0x88A8, 0x8100, 0x86DD),
    "ipv4 options": frame4(QUERY, options=bytes([7, 39, 4]) + bytes(37)),
    "ipv6 hop-by-hop": frame6(extension(UDP, 0) + QUERY, HOP),
    "ipv6 three extensions": frame6(
        extension(ROUTING, 1) + extension(OPTIONS, 2) + extension(TCP, 0) + tcp(53, 1), HOP
    ),
    "ipv6 authentication header": frame6(struct.pack("!BB", UDP, 4) + bytes(22) + QUERY, AH),
    "qinq, older ethertype": ethernet(ipv4(UDP, QUERY), 0x9100, 0x8100, 0x0800),
    "long": frame4(udp(53, 40000, DNS + bytes(1400))),
    "ipv4 inside a frame with padding": frame4(QUERY) + bytes(20),
}
PASSED_BY = {
    "another port": frame4(udp(40000, 54)),
    "icmp": frame4(QUERY, transport=1),
    "arp": ethernet(bytes(28), 0x0806),
    "three vlan tags": ethernet(ipv4(UDP, QUERY), 0x88A8, 0x8100, 0x8100, 0x0800),
    "ipv4 cut in the header": ethernet(ipv4(UDP, QUERY)[:18], 0x8100, 0x0800),
    "udp cut in the ports": frame4(QUERY[:3]),
    "ipv4 with a wrong version": ethernet(b"\x65" + ipv4(UDP, QUERY)[1:], 0x0800),
    "ipv4 with a short header": ethernet(b"\x44" + ipv4(UDP, QUERY)[1:], 0x0800),
    "endless extensions": frame6(extension(OPTIONS, 0) * 20 + QUERY, OPTIONS),
    "a later fragment of nothing": frame4(QUERY, offset=1480),
}


@pytest.mark.parametrize("packet", MIRRORED.values(), ids=MIRRORED)
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_mirrors_whole(program: Program, packet: bytes, direction: str) -> None:
    assert program.sees(packet, direction=direction)
    count = program.count(direction=["ingress", "egress"].index(direction))
    assert (count.matched, count.mirrored, count.error) == (1, 1, 0)


@pytest.mark.parametrize("packet", PASSED_BY.values(), ids=PASSED_BY)
def test_passes_by(program: Program, packet: bytes) -> None:
    assert not program.sees(packet)
    assert program.count().matched == 0


def test_a_super_packet_is_mirrored_whole(program: Program) -> None:
    assert program.sees(frame4(tcp(53, 40000, bytes(3000)), TCP))


def test_later_fragments_follow_the_first(program: Program) -> None:
    datagram = udp(53, 40000, DNS + bytes(3000))
    first, second, third = datagram[:1480], datagram[1480:2960], datagram[2960:]
    assert program.sees(frame4(first, more=True))
    assert program.sees(frame4(second, offset=1480, more=True))
    assert program.sees(frame4(third, offset=2960))
    assert not program.sees(frame4(third, offset=2960, ident=8)), "of another datagram"


def test_ipv6_fragments_follow_too(program: Program) -> None:
    datagram = udp(53, 40000, DNS + bytes(1600))

    def fragment(data: bytes, offset: int, more: int, ident: int = 9) -> bytes:
        return frame6(struct.pack("!BBHI", UDP, 0, offset | more, ident) + data, FRAGMENT)

    assert program.sees(fragment(datagram[:1448], 0, 1))
    assert program.sees(fragment(datagram[1448:], 1448, 0))
    assert not program.sees(fragment(datagram[1448:], 1448, 0, ident=10))


def test_ipv6_fragments_with_options_inside_follow(program: Program) -> None:
    datagram = extension(UDP, 0) + udp(53, 40000, DNS + bytes(1600))

    def fragment(data: bytes, offset: int, more: int) -> bytes:
        return frame6(struct.pack("!BBHI", OPTIONS, 0, offset | more, 9) + data, FRAGMENT)

    assert program.sees(fragment(datagram[:1448], 0, 1))
    assert program.sees(fragment(datagram[1448:], 1448, 0))


def test_a_fragment_of_another_protocol_does_not_follow(program: Program) -> None:
    assert program.sees(frame4(udp(53, 40000, DNS + bytes(1456)), more=True))
    assert not program.sees(frame4(bytes(100), transport=1, offset=1480))


INNER = ethernet(ipv4(UDP, QUERY), 0x0800)
VXLAN = struct.pack("!II", 1 << 27, 42 << 8)
TUNNELS = {
    "vxlan": frame4(udp(50000, 4789, VXLAN + INNER)),
    "vxlan on linux's port, ipv6": frame6(udp(50000, 8472, VXLAN + INNER)),
    "geneve": frame4(udp(50000, 6081, struct.pack("!BBHI", 0, 0, 0x6558, 42) + INNER)),
    "geneve with options": frame4(
        udp(50000, 6081, struct.pack("!BBHI", 3, 0, 0x6558, 42) + bytes(12) + INNER)
    ),
    "geneve around ip": frame4(
        udp(50000, 6081, struct.pack("!BBHI", 0, 0, 0x86DD, 42) + ipv6(UDP, QUERY))
    ),
    "gre": frame4(struct.pack("!HH", 0, 0x0800) + ipv4(UDP, QUERY), GRE),
    "gre, all options": frame4(struct.pack("!HH", 0xB000, 0x6558) + bytes(12) + INNER, GRE),
}


@pytest.mark.parametrize("packet", TUNNELS.values(), ids=TUNNELS)
def test_looks_inside_tunnels_when_told(program: Program, packet: bytes) -> None:
    assert not program.sees(packet)
    program.choose(tunnels=True)
    assert program.sees(packet)


def test_a_tunnel_around_something_else_passes_by(program: Program) -> None:
    program.choose(tunnels=True)
    other = ethernet(ipv4(UDP, udp(40000, 54)), 0x0800)
    assert not program.sees(frame4(udp(50000, 4789, VXLAN + other)))


def test_bare_packets_are_refused_by_the_ethernet_program(program: Program) -> None:
    assert not program.sees(bytes(14) + ipv4(UDP, QUERY))


def test_counts_of_interfaces_with_like_numbers_stay_apart(program: Program) -> None:
    program.counts.close(LOOPBACK, 0)
    like = [LOOPBACK + number * HOOKS // 2 for number in range(1, PROBES - 3)]
    for ifindex in like:
        program.counts.open(ifindex, 0)
    program.counts.open(LOOPBACK, 0)
    assert program.sees(frame4(QUERY))
    assert program.count().matched == 1
    assert [program.count(ifindex).matched for ifindex in like] == [0] * len(like)
    program.counts.close(LOOPBACK, 0)
    assert not program.sees(frame4(QUERY)), "nobody counts for it"


def test_says_when_there_is_no_room_to_count(program: Program) -> None:
    like = [LOOPBACK + number * HOOKS // 2 for number in range(PROBES)]
    opened = map(program.counts.open, like, [0] * PROBES)
    with pytest.raises(PanoError, match="too many interfaces: no room to count for number"):
        list(opened)  # LOOPBACK has two places already
