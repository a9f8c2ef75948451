"""Captures as people have them, through the tshark source: each with its right numbers."""

from __future__ import annotations

import json
import struct
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue.config import Config
from pano_glue.errors import SettingError
from pano_glue.sources import open_source
from tests.damage.analysers import Analysed, context, with_tshark
from tests.data.packets import (
    QR,
    TXT,
    Host,
    Message,
    frames,
    opt,
    query,
    record,
    reply,
    udp,
    write_pcap,
)
from tests.data.streams import Stream, framed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.data.packets import Packet

CASES = Path(__file__).parents[1] / "data" / "cases"
TRUTH: dict[str, dict[str, Any]] = json.loads((CASES / "truth.json").read_text())
CLIENT, SERVER = Host("192.0.2.1", 40000), Host("192.0.2.53", 53)
CLIENT6, SERVER6 = Host("2001:db8::1", 40000), Host("2001:db8::53", 53)
RESOLVER = Host("192.0.2.1", 53)


@pytest.fixture
def analyse(tmp_path: Path, require: Callable[[str], str]) -> Callable[[list[Packet]], Analysed]:
    """Return a function that writes packets to a capture and reads that."""
    require("tshark")

    def run(packets: list[Packet]) -> Analysed:
        write_pcap(tmp_path / "made.pcap", packets)
        return with_tshark(tmp_path / "made.pcap")

    return run


def outcomes(analysed: Analysed) -> Counter[str]:
    return Counter(each["outcome"] for each in analysed.records)


def asked(time: float, message: bytes, src: Host = CLIENT, dst: Host = SERVER) -> Packet:
    return time, udp(src, dst, message)[0]


def tagged(packet: Packet, vlan: int) -> Packet:
    time, frame = packet
    return time, frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]


@pytest.mark.parametrize("name", TRUTH)
def test_every_case_is_right(name: str, require: Callable[[str], str]) -> None:
    require("tshark")
    truth = TRUTH[name]
    analysed = with_tshark(CASES / f"{name}.pcap")
    found = outcomes(analysed)
    for outcome in ("answered", "timeout", "orphan", "late"):
        assert found[outcome] == truth.get(outcome, found[outcome])
    for field in ("rtt", "rcode", "edns_bufsize", "DO"):
        values = [each[field] for each in analysed.records if field in each]
        assert sorted(values) == pytest.approx(sorted(truth.get(field, values)))
    assert sum(each["retransmits"] for each in analysed.records) == truth.get("retransmits", 0)
    assert analysed.stats["malformed"] == truth.get("malformed", analysed.stats["malformed"])
    if "queries" in truth:
        assert len(analysed.records) == truth["queries"]
        assert found["answered"] >= truth["answered_at_least"]


def test_two_servers_that_ask_each_other_from_port_53(
    analyse: Callable[[list[Packet]], Analysed],
) -> None:
    other = SERVER
    both = analyse(
        [
            asked(0, query(7, "a.example"), RESOLVER, other),
            asked(0.001, query(7, "b.example"), other, RESOLVER),
            asked(0.002, query(7, "c.example"), other, RESOLVER),
            asked(0.010, reply(7, "a.example"), other, RESOLVER),
            asked(0.021, reply(7, "b.example"), RESOLVER, other),
            asked(0.022, reply(7, "c.example"), RESOLVER, other),
            asked(1.0, reply(8, "d.example"), RESOLVER, other),
            asked(1.0005, query(8, "d.example"), other, RESOLVER),
        ]
    )
    told = {each["query"]: (each["id.orig_h"], each["id.resp_h"]) for each in both.records}
    ours, theirs = (RESOLVER.address, other.address), (other.address, RESOLVER.address)
    assert told == {
        "a.example": ours,
        **dict.fromkeys(["b.example", "c.example", "d.example"], theirs),
    }
    assert outcomes(both) == {"answered": 4}
    assert both.stats["retransmits"] == 0


def test_queries_both_ways_in_one_connection(analyse: Callable[[list[Packet]], Analysed]) -> None:
    stream = Stream(RESOLVER, SERVER)
    found = analyse(
        [
            *stream.opened(0),
            stream.asks(0.1, framed(query(1, "there.example"))),
            stream.says(0.2, framed(query(1, "back.example"), reply(1, "there.example"))),
            stream.asks(0.3, framed(reply(1, "back.example"))),
            *stream.closed(0.4),
        ]
    )
    servers = {each["query"]: each["id.resp_h"] for each in found.records}
    assert servers == {"there.example": SERVER.address, "back.example": RESOLVER.address}
    assert outcomes(found) == {"answered": 2}


def half_a_message(client: Host, half: str, end: str) -> list[Packet]:
    """Build a connection that ends in the middle of a message."""
    stream = Stream(client, SERVER)
    packets = list(stream.opened(0))
    whole = framed(query(1, "whole.example"))
    if half == "query":
        packets.append(stream.asks(0.1, whole[:-3]))
    else:
        told = framed(reply(1, "whole.example"))
        packets.append(stream.asks(0.1, whole))
        packets.append(stream.says(0.2, told[: 1 if half == "length" else -1]))
    if end == "fin":
        packets += stream.closed(0.3)
    elif end == "rst":
        packets.append((0.3, stream._segment(0, 0x14)))  # noqa: SLF001 - a flag of its own
    return packets


def test_half_a_message_is_none(analyse: Callable[[list[Packet]], Analysed]) -> None:
    packets: list[Packet] = []
    right: dict[int, str | None] = {}
    for half in ("query", "reply", "length"):
        for end in ("fin", "rst", "capture"):
            port = 40000 + len(right)
            packets += half_a_message(Host(CLIENT.address, port), half, end)
            right[port] = None if half == "query" else "timeout"
    found = {each["id.orig_p"]: each["outcome"] for each in analyse(packets).records}
    assert found == {port: outcome for port, outcome in right.items() if outcome}


def long_reply(ident: int, name: str, size: int) -> bytes:
    texts = [record(name, TXT, bytes([200]) + b"x" * 200) for _ in range(size // 200)]
    return reply(ident, name, TXT, *texts)


def test_a_gap_inside_a_message_costs_that_message_only(
    analyse: Callable[[list[Packet]], Analysed],
) -> None:
    stream = Stream(CLIENT, SERVER)
    names = [f"n{n}.example" for n in range(3)]
    packets = [*stream.opened(0)]
    packets.append(stream.asks(0.1, framed(*(query(n, name, TXT) for n, name in enumerate(names)))))
    data = framed(*(long_reply(n, name, 2000) for n, name in enumerate(names)))
    segments = [
        stream.says(0.2 + at * 1e-6, data[at : at + 300]) for at in range(0, len(data), 300)
    ]
    found = analyse([*packets, *segments[:2], *segments[3:]])
    assert {each["query"] for each in found.records if "rcode" in each} == set(names[1:])
    assert outcomes(found) == {"answered": 2, "timeout": 1}
    assert found.stats["malformed"] == 1


def test_what_looks_like_a_message_inside_another_is_none(
    analyse: Callable[[list[Packet]], Analysed],
) -> None:
    stream = Stream(CLIENT, SERVER)
    packets = [*stream.opened(0), stream.asks(0.1, framed(query(1, "asked.example", TXT)))]
    hidden = framed(reply(1, "never.example"), query(2, "asked.example"))
    text = record("asked.example", TXT, bytes([len(hidden)]) + hidden)
    data = framed(reply(5, "before.example"), reply(1, "asked.example", TXT, text, text))
    segments = [
        stream.says(0.2, data[:20]),
        stream.says(0.21, data[20:60]),
        stream.says(0.22, data[60:]),
    ]
    found = analyse([*packets, segments[0], segments[2]])
    assert [each.get("query") for each in found.records] == ["asked.example"]


def test_a_segment_seen_late_is_no_gap(analyse: Callable[[list[Packet]], Analysed]) -> None:
    stream = Stream(CLIENT, SERVER)
    stream.sent[0] = (1 << 32) - 9  # around 2^32
    opened = list(stream.opened(0))
    data = framed(query(1, "first.example"), query(2, "second.example"))
    one, two, three = (stream.asks(0.1, part) for part in (data[:20], data[20:21], data[21:]))
    told = stream.says(1.0, framed(reply(2, "second.example"), reply(1, "first.example")))
    late = [three, one, (0.9, two[1]), (0.95, one[1]), opened[0], told]
    found = analyse([opened[1], opened[2], *late])
    assert outcomes(found) == {"answered": 2}
    assert found.stats["malformed"] == 0


def test_a_connection_that_began_before_the_capture(
    analyse: Callable[[list[Packet]], Analysed],
) -> None:
    stream = Stream(CLIENT, SERVER)
    list(stream.opened(0))
    data = framed(query(1, "half.example"))
    first = stream.asks(0.1, data[9:])
    packets = [first]
    for number in (2, 3):
        packets.append(stream.asks(number, framed(query(number, f"n{number}.example"))))
        packets.append(stream.says(number + 0.2, framed(reply(number, f"n{number}.example"))))
    assert outcomes(analyse(packets)) == {"answered": 2}


FOREIGN = {
    "http": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "tls": bytes.fromhex("16030100c8010000c40303") + bytes(range(200)),
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "openvpn": bytes.fromhex("38d3f2a1b09c8877660000000000"),
    "wireguard": bytes.fromhex("01000000aabbccdd") + bytes(range(100, 240)),
    "random": bytes((n * 167 + 91) % 251 for n in range(700)),
    "short": b"\0\1\2",
}


def test_what_is_not_dns_is_no_transaction(analyse: Callable[[list[Packet]], Analysed]) -> None:
    packets = []
    for number, hello in enumerate(FOREIGN.values()):
        client = Host(CLIENT.address, 40000 + number)
        packets += [asked(0, hello, client), asked(0.1, hello, SERVER, client)]
        stream = Stream(client, SERVER)
        packets += [*stream.opened(1), stream.asks(1.1, hello), stream.says(1.2, hello)]
        packets += [*stream.closed(1.3), asked(2, query(1, "good.example"), client)]
    found = analyse(sorted(packets, key=lambda packet: packet[0]))
    assert outcomes(found) == {"timeout": len(FOREIGN)}
    assert found.stats["dns_queries"] == len(FOREIGN)
    assert found.stats["other_opcodes"] == 0
    assert found.stats["not_dns"] >= 2 * len(FOREIGN)


def test_copies_are_no_repetitions(analyse: Callable[[list[Packet]], Analysed]) -> None:
    sent, told = (
        asked(0, query(1, "twice.example")),
        asked(0.2, reply(1, "twice.example"), SERVER, CLIENT),
    )
    six = asked(1, query(2, "six.example"), CLIENT6, SERVER6)
    again = asked(0.1002, query(1, "twice.example"))  # another IP id
    packets = [sent, (0.0004, sent[1]), (0.1, sent[1]), again, told, (0.2001, told[1]), six]
    found = analyse([*packets, (1.0001, six[1])])
    assert found.stats["copies"] == 3
    assert [each["retransmits"] for each in found.records] == [2, 0]
    assert found.stats["duplicate_replies"] == 0


def test_vlans_with_the_same_addresses_are_apart(
    analyse: Callable[[list[Packet]], Analysed],
) -> None:
    sent = [tagged(asked(n / 1000, query(1, "same.example")), n) for n in (10, 20)]
    told = [tagged(asked(n / 100, reply(1, "same.example"), SERVER, CLIENT), n) for n in (20, 10)]
    found = analyse([*sent, *sorted(told)])
    assert [round(each["rtt"], 3) for each in found.records] == [0.09, 0.18]
    assert len({each["uid"] for each in found.records}) == 2


def test_a_vlan_tag_in_one_direction_only(analyse: Callable[[list[Packet]], Analysed]) -> None:
    sent, told = asked(0, query(1, "a.example")), asked(0.01, reply(1, "a.example"), SERVER, CLIENT)
    assert outcomes(analyse([tagged(sent, 10), told])) == {"answered": 1}


def test_a_packet_before_and_after_its_router_is_one(
    analyse: Callable[[list[Packet]], Analysed],
) -> None:
    sent, told = asked(0, query(1, "a.example")), asked(0.01, reply(1, "a.example"), SERVER, CLIENT)
    routed = [tagged(sent, 10), tagged((0.00005, sent[1]), 20)]
    routed += [tagged(told, 20), tagged((0.01005, told[1]), 10)]
    found = analyse(routed)
    assert outcomes(found) == {"answered": 1}
    assert found.stats["copies"] == 2


@pytest.mark.parametrize(("inner", "outer"), [(CLIENT, CLIENT6), (CLIENT6, CLIENT)])
def test_one_ip_in_the_other_is_the_inner_one(
    analyse: Callable[[list[Packet]], Analysed], inner: Host, outer: Host
) -> None:
    servers = {CLIENT: SERVER, CLIENT6: SERVER6}
    there, back = (inner, servers[inner]), (servers[inner], inner)
    packets = [asked(0, query(1, "in.example"), *there), asked(1, reply(1, "in.example"), *back)]
    number = 4 if inner is CLIENT else 41  # IPv4 and IPv6 as payload (RFC 2003, RFC 4213)
    wrapped = [
        (time, frames(outer, servers[outer], number, frame[14:])[0]) for time, frame in packets
    ]
    (found,) = analyse(wrapped).records
    assert (found["id.orig_h"], found["outcome"]) == (inner.address, "answered")


def test_names_of_any_bytes_are_text(analyse: Callable[[list[Packet]], Analysed]) -> None:
    labels = [
        b'"quoted"',
        b"new\nline",
        b"tab\there",
        "smör".encode(),
        b"\xff\x00",
        b"a.b",
        b"<Root>",
    ]
    names = [bytes([len(label)]) + label + b"\4test\0" for label in labels]
    asks = [Message(n, [each + struct.pack("!HH", 1, 1)]) for n, each in enumerate(names)]
    packets = [asked(each.id, bytes(each)) for each in asks]
    packets += [
        asked(each.id + 0.1, bytes(Message(each.id, each.questions, QR)), SERVER, CLIENT)
        for each in asks
    ]
    found = analyse(sorted(packets))
    assert outcomes(found) == {"answered": len(labels)}
    texts = ['"quoted"', "new\\x0aline", "tab\\x09here", "smör", "\\xff\\x00", "a.b", "<root>"]
    assert [each["query"] for each in found.records] == [f"{text}.test" for text in texts]


def test_a_packet_cut_by_the_capture_counts_with_what_is_there(
    tmp_path: Path, require: Callable[[str], str]
) -> None:
    require("tshark")
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    out = header
    for number, length in enumerate((83, 60, 50)):  # in the EDNS, in the name, in the header
        _, frame = asked(0, query(number, "cut.example.org", edns=opt()))
        assert len(frame) > 83
        out += struct.pack("<IIII", number, 0, length, len(frame)) + frame[:length]
    (tmp_path / "cut.pcap").write_bytes(out)
    found = with_tshark(tmp_path / "cut.pcap")
    assert [each.get("query") for each in found.records] == ["cut.example.org", None]
    assert {each["query_bytes"] for each in found.records} == {44}
    assert found.stats["malformed"] == 3


def error(time: float, kind: tuple[int, int], about: bytes, src: Host, dst: Host) -> Packet:
    """Build an ICMP or ICMPv6 error that quotes a packet (RFC 792, RFC 4443)."""
    six = ":" in src.address
    body = struct.pack("!BBHI", *kind, 0, 0) + about
    return time, frames(src, dst, 58 if six else 1, body)[0]


def test_a_query_that_found_nobody_is_unreachable(
    analyse: Callable[[list[Packet]], Analysed],
) -> None:
    sent = [asked(n, query(n, "gone.example")) for n in (1, 2, 3)]
    six = asked(4, query(4, "gone.example"), CLIENT6, SERVER6)
    answer = asked(6.0, reply(5, "closed.example"), SERVER, CLIENT)
    found = analyse(
        [
            sent[0],
            error(1.1, (3, 3), sent[0][1][14:], SERVER, CLIENT),
            sent[1],
            error(2.1, (3, 4), sent[1][1][14:], SERVER, CLIENT),  # too long for a link
            sent[2],
            error(3.1, (3, 3), sent[2][1][14 : 14 + 28], SERVER, CLIENT),  # quotes no id
            six,
            error(4.1, (1, 4), six[1][14:], SERVER6, CLIENT6),
            asked(5.9, query(5, "closed.example")),
            answer,
            error(6.1, (3, 3), answer[1][14:], CLIENT, SERVER),  # the client is gone
        ]
    )
    told = {each["trans_id"]: each["outcome"] for each in found.records}
    assert told == {
        1: "unreachable",
        2: "timeout",
        3: "timeout",
        4: "unreachable",
        5: "answered",
    }
    assert found.stats["dns_queries"] == 5


@pytest.mark.parametrize("text", ["0", "many", "-1", "²"])
def test_max_pending_is_a_number(text: str, require: Callable[[str], str]) -> None:
    require("tshark")
    with pytest.raises(SettingError, match=f"max_pending={text}"):
        open_source(f"tshark:lo?max_pending={text}", context(Config()))
