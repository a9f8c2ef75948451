"""Ports, networks, samples, the ceiling, and that a packet is mirrored once."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue.agent import layout
from pano_glue.agent.choice import Choice
from pano_glue.errors import SettingError
from tests.agent.conftest import LOOPBACK
from tests.agent.packets import (
    CLIENT4,
    DNS,
    QUERY,
    REPLY,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    ethernet,
    frame4,
    frame6,
    ipv4,
    tcp,
    udp,
)

if TYPE_CHECKING:
    from tests.agent.conftest import Program

BACK = (SERVER4, CLIENT4)


def test_ports_may_change_while_running(program: Program) -> None:
    program.choose(port=(5353, 65535))
    assert not program.sees(frame4(QUERY))
    assert program.sees(frame4(udp(1, 5353)))
    assert program.sees(frame4(udp(65535, 1)))


def test_one_protocol_alone(program: Program) -> None:
    program.choose(protocol=("tcp",))
    assert not program.sees(frame4(QUERY))
    assert program.sees(frame4(tcp(1, 53), TCP))


@pytest.mark.parametrize(
    ("choice", "mirrored"),
    [
        ({"client": ("192.0.2.0/24",)}, True),
        ({"client": ("198.51.100.0/24",)}, False),
        ({"client": ("!192.0.2.0/24",)}, False),
        ({"client": ("!198.51.100.0/24",)}, True),
        ({"client": ("192.0.0.0/16", "!192.0.2.0/24")}, False),
        ({"client": ("!192.0.0.0/16", "192.0.2.0/24")}, True),
        ({"server": (SERVER4,)}, True),
        ({"server": (SERVER6,)}, False),
        ({"server": ("0.0.0.0/0",), "client": ("any",)}, True),
        ({"server": ("::/0", "!0.0.0.0/0")}, False),
        ({"client": ("192.0.2.0/24",), "server": ("!198.51.100.53/32",)}, False),
    ],
)
def test_networks_choose_both_directions_alike(
    program: Program, choice: dict[str, Any], *, mirrored: bool
) -> None:
    program.choose(**choice)
    assert program.sees(frame4(QUERY)) is mirrored
    assert program.sees(frame4(REPLY, ends=BACK)) is mirrored


def test_a_choice_may_change_to_as_many_networks_as_it_had(program: Program) -> None:
    def many(prefix: str) -> tuple[str, ...]:
        return tuple(f"{prefix}{number:x}::/64" for number in range(layout.NETWORKS - 1))

    program.choose(client=many("2001:db8:1:"))
    program.choose(client=(*many("2001:db8:2:")[1:], "192.0.2.0/24"))
    assert program.sees(frame4(QUERY))
    with pytest.raises(SettingError, match="--client and --server name 4097 networks, 4096 at"):
        Choice(client=(*many("2001:db8:1:"), "192.0.2.0/24"))


def test_networks_hold_for_ipv6_and_can_be_lifted(program: Program) -> None:
    program.choose(server=("2001:db8::/32",))
    assert program.sees(frame6(QUERY))
    assert not program.sees(frame4(QUERY))
    program.choose()
    assert program.sees(frame4(QUERY))


def test_one_flow_in_four_with_both_directions(program: Program) -> None:
    program.choose(one_in=4)
    taken = 0
    for port in range(20000, 20800):
        query = program.sees(frame4(udp(port, 53)))
        assert program.sees(frame4(udp(53, port), ends=BACK)) is query
        taken += query
    assert 140 < taken < 260, "200 of 800, give or take five standard deviations"


def test_fragments_share_the_sample_of_their_datagram(program: Program) -> None:
    program.choose(one_in=3)
    for port in range(20000, 20050):
        datagram = udp(53, port, DNS + bytes(1600))
        first = program.sees(frame4(datagram[:1480], more=True, ident=port))
        assert program.sees(frame4(datagram[1480:], offset=1480, ident=port)) is first


def test_ceiling_holds_back_and_counts(program: Program) -> None:
    program.choose(ceiling=100)
    seen = sum(program.sees(frame4(udp(port, 53))) for port in range(20000, 20500))
    count = program.count()
    assert 10 <= seen < 500, "a tenth of a second's worth at once"
    assert count.matched == 500
    assert count.mirrored == seen
    assert count.errors["above_ceiling"] == 500 - seen


def test_the_same_packet_on_another_interface_is_a_duplicate(program: Program) -> None:
    program.choose(once=True)
    assert program.sees(frame4(QUERY, ttl=64))
    assert not program.sees(frame4(QUERY, ttl=63), program.other), "routed: another TTL"
    assert not program.sees(frame4(QUERY, ttl=63), program.other, "egress")
    assert program.count(program.other).duplicate == 1
    assert program.count(program.other, 1).duplicate == 1
    assert program.count(LOOPBACK).mirrored == 1


def test_a_retransmission_is_no_duplicate(program: Program) -> None:
    program.choose(once=True)
    for _ in range(3):
        assert program.sees(frame4(QUERY))
        assert not program.sees(frame4(QUERY), program.other)
    assert program.count(program.other).duplicate == 3


@pytest.mark.parametrize(
    "other",
    [
        frame4(udp(40001, 53)),
        frame4(QUERY, ident=8),
        frame4(QUERY, ends=BACK),
        frame4(udp(40000, 53, struct.pack("!H", 4712) + DNS[2:])),
        frame4(udp(40000, 53, DNS + b"x")),
        frame4(tcp(40000, 53), TCP),
        frame6(QUERY),
    ],
    ids=["port", "ip id", "ends", "dns id", "length", "transport", "family"],
)
def test_different_packets_are_no_duplicates(program: Program, other: bytes) -> None:
    program.choose(once=True)
    assert program.sees(frame4(QUERY))
    assert program.sees(other, program.other)


def test_tcp_segments_are_told_apart_by_sequence(program: Program) -> None:
    program.choose(once=True)
    assert program.sees(frame4(tcp(40000, 53, seq=1), TCP))
    assert program.sees(frame4(tcp(40000, 53, seq=2), TCP), program.other)
    assert not program.sees(frame4(tcp(40000, 53, seq=1), TCP), program.other)


def test_checksums_do_not_tell_packets_apart(program: Program) -> None:
    program.choose(once=True)
    at = 6  # of the checksum in the UDP header
    filled = QUERY[:at] + b"\x12\x34" + QUERY[at + 2 :]
    assert program.sees(frame4(QUERY))
    assert not program.sees(frame4(filled), program.other)


def test_a_tagged_copy_and_fragments_are_duplicates(program: Program) -> None:
    program.choose(once=True)
    assert program.sees(frame4(QUERY))
    assert not program.sees(ethernet(ipv4(UDP, QUERY), 0x8100, 0x0800), program.other)
    datagram = udp(53, 40000, DNS + bytes(1600))
    pieces: tuple[dict[str, Any], ...] = {"more": True}, {"offset": 1480}
    for data, fields in zip((datagram[:1480], datagram[1480:]), pieces, strict=True):
        assert program.sees(frame4(data, ident=9, **fields))
        assert not program.sees(frame4(data, ident=9, **fields), program.other)


@pytest.mark.parametrize(
    "choice",
    [
        {"port": (0,)},
        {"port": (65536,)},
        {"one_in": 0},
        {"ceiling": -1},
        {"client": ("192.0.2.1/24",)},
        {"server": ("dns.example",)},
    ],
)
def test_refuses_what_makes_no_sense(choice: dict[str, Any]) -> None:
    (option,) = choice
    with pytest.raises(SettingError, match=f"--{option.replace('_', '-')} "):
        Choice(**choice)
