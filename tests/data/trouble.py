"""Captures as people have them: both ends on port 53, copies, gaps, halves, what is not DNS.

Written beside the others by `python -m tests.data.captures FOLDER`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.data.packets import (
    QR,
    RD,
    A,
    Host,
    Message,
    checksum,
    frames,
    opt,
    query,
    question,
    record,
    reply,
    udp,
    with_checksum,
)
from tests.data.streams import Stream, framed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.data.packets import Packet

CLIENT, SERVER = Host("192.0.2.1", 40000), Host("192.0.2.53", 53)
CLIENT6, SERVER6 = Host("2001:db8::1", 40000), Host("2001:db8::53", 53)
LEFT, RIGHT = Host("192.0.2.10", 53), Host("192.0.2.20", 53)


def sent(time: float, message: bytes, src: Host = CLIENT, dst: Host = SERVER) -> Packet:
    """One message in one packet."""
    return time, udp(src, dst, message)[0]


def peers() -> Iterator[Packet]:
    """Two name servers ask each other from port 53, with the same id; first a reply to nothing."""
    yield sent(0, reply(9, "first.example"), RIGHT, LEFT)
    yield sent(1, query(7, "left.example"), LEFT, RIGHT)
    yield sent(1.001, query(7, "right.example"), RIGHT, LEFT)
    yield sent(1.002, query(8, "same.example"), LEFT, RIGHT)
    yield sent(1.003, query(8, "same.example"), RIGHT, LEFT)
    yield sent(1.010, reply(7, "left.example"), RIGHT, LEFT)
    yield sent(1.011, reply(7, "right.example"), LEFT, RIGHT)
    yield sent(1.022, reply(8, "same.example"), RIGHT, LEFT)
    yield sent(1.033, reply(8, "same.example"), LEFT, RIGHT)


def peers_tcp() -> Iterator[Packet]:
    """Queries in both directions of one TCP connection, and a half message when it is reset."""
    stream = Stream(LEFT, RIGHT)
    yield from stream.opened(0)
    yield stream.asks(1, framed(query(7, "left.example")))
    yield stream.says(1.001, framed(query(7, "right.example")))
    yield stream.says(1.010, framed(reply(7, "left.example")))
    yield stream.asks(1.021, framed(reply(7, "right.example")))
    yield stream.asks(2, framed(query(8, "half.example"))[:-3])
    yield from stream.closed(2.1)


def impostor() -> Iterator[Packet]:
    """A client sends a reply to its own query; the server answers after it."""
    yield sent(0, query(1, "asked.example"))
    yield sent(0.001, reply(1, "asked.example"))
    yield sent(0.010, reply(1, "asked.example"), SERVER, CLIENT)


def halves() -> Iterator[Packet]:
    """Half queries and half replies over TCP: at a close, and at the capture's end."""
    for number, cut in enumerate((3, 20, 40)):
        stream = Stream(Host(CLIENT.address, 41000 + number), SERVER)
        start = float(number)
        yield from stream.opened(start)
        yield stream.asks(start + 0.1, framed(query(1, "whole.example"), query(2, "half.example")))
        both = framed(reply(1, "whole.example"), reply(2, "half.example"))
        yield stream.says(start + 0.2, both[:-cut])
        yield from stream.closed(start + 0.3)
    stream = Stream(Host(CLIENT.address, 41010), SERVER)
    yield from stream.opened(5)
    yield stream.asks(5.1, framed(query(1, "open.example"))[:-5])


def gaps() -> Iterator[Packet]:
    """Segments that were not captured: a query's end, a whole reply, a part of one, two's border.

    Every reply but those that lack bytes is whole.
    """
    yield from _with_gap(41000, 0.0, [query(n, f"q{n}.example") for n in range(6)], 2)
    replies = [reply(n, f"r{n}.example") for n in range(8)]
    yield from _with_gap(41001, 10.0, replies, 4, size=len(replies[0]) + 2)
    yield from _with_gap(41002, 20.0, replies, 5, size=30)
    yield from _with_gap(41003, 30.0, replies, 3, size=50)


def _with_gap(
    port: int, start: float, messages: list[bytes], lost: int, size: int = 25
) -> Iterator[Packet]:
    """A connection whose `lost`th segment of `size` bytes is missing; all is acknowledged."""
    stream = Stream(Host(CLIENT.address, port), SERVER)
    yield from stream.opened(start)
    replies = bool(messages[0][2] & 0x80)
    if replies:
        names = [query(n, f"r{n}.example") for n in range(len(messages))]
        yield stream.asks(start + 0.1, framed(*names))
    data = framed(*messages)
    for number, at in enumerate(range(0, len(data), size)):
        step = stream.says if replies else stream.asks
        packet = step(start + 0.2 + number / 1000, data[at : at + size])
        if number != lost:
            yield packet
        other = stream.asks if replies else stream.says
        yield other(start + 0.2005 + number / 1000, b"")
    yield from stream.closed(start + 0.5)


def midstream() -> Iterator[Packet]:
    """The capture begins inside a message over TCP."""
    stream = Stream(CLIENT, SERVER)
    list(stream.opened(0))
    asked = framed(*(query(n, f"long-name-number-{n}.example") for n in range(4)))
    stream.asks(0.1, asked[:20])
    yield stream.asks(0.2, asked[20:])
    said = framed(*(reply(n, f"long-name-number-{n}.example") for n in range(4)))
    yield stream.says(0.3, said)
    yield from stream.closed(0.4)


def foreign() -> Iterator[Packet]:
    """What is not DNS on port 53; one transaction on the flow of each first packet."""
    wireguard = b"\x01\0\0\0" + bytes(range(100, 244))
    quic = b"\xc3\0\0\0\x01\x08" + bytes(range(150)) * 8
    openvpn = b"\x38" + bytes(range(17, 58))
    dtls = b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x80" + bytes(128)
    http = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"
    ssh = b"SSH-2.0-OpenSSH_9.2\r\n"
    noise = [bytes((seed * 37 + n * n * 11 + n * 5) % 256 for n in range(80)) for seed in range(40)]
    kinds = [wireguard, quic, openvpn, dtls, http, ssh, b"\0", *noise]
    for number, payload in enumerate(kinds):
        client = Host(CLIENT.address, 42000 + number)
        yield sent(number, payload, client)
        yield sent(number + 0.1, query(1, "after.example"), client)
        yield sent(number + 0.2, reply(1, "after.example"), SERVER, client)
    hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(506)
    for number, payload in enumerate((http, ssh, hello)):
        stream = Stream(Host(CLIENT.address, 43000 + number), SERVER)
        yield from stream.opened(100 + number)
        yield stream.asks(100.1 + number, payload)
        yield stream.says(100.2 + number, payload)
        yield from stream.closed(100.3 + number)


def tagged(frame: bytes, vlan: int) -> bytes:
    """Put an 802.1Q tag into a frame."""
    return frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]


def copies() -> Iterator[Packet]:
    """Packets seen twice: at once, behind the reply, with a VLAN tag, over IPv6, unanswered.

    Last a client that does ask twice within 100 us, and a server that answers twice.
    """
    once = udp(CLIENT, SERVER, query(1, "span.example"))[0]
    back = udp(SERVER, CLIENT, reply(1, "span.example"))[0]
    yield from [(0.0, once), (0.00001, once), (0.01, back), (0.01001, back)]
    once = udp(CLIENT, SERVER, query(2, "taps.example"))[0]
    back = udp(SERVER, CLIENT, reply(2, "taps.example"))[0]
    yield from [(1.0, once), (1.0001, back), (1.0002, tagged(once, 5)), (1.0003, tagged(back, 5))]
    once = udp(CLIENT6, SERVER6, query(3, "six.example"))[0]
    back = udp(SERVER6, CLIENT6, reply(3, "six.example"))[0]
    yield from [(2.0, once), (2.0001, once), (2.01, back), (2.0101, back)]
    stray = udp(SERVER, CLIENT, reply(4, "stray.example"))[0]
    yield from [(3.0, stray), (3.0001, stray)]
    yield sent(4, query(5, "twice.example"))
    yield sent(4.0001, query(5, "twice.example"))
    yield sent(4.01, reply(5, "twice.example"), SERVER, CLIENT)
    yield sent(4.0101, reply(5, "twice.example"), SERVER, CLIENT)


def collisions() -> Iterator[Packet]:
    """Sixty questions with one id on one socket, and the replies to the last ten."""
    for number in range(60):
        yield sent(number / 1000, query(7, f"n{number}.example"))
    for number in range(50, 60):
        yield sent(0.1 + number / 1000, reply(7, f"n{number}.example"), SERVER, CLIENT)


def strays() -> Iterator[Packet]:
    """Two hundred replies to nothing within a fifth of a second."""
    for number in range(200):
        yield sent(number / 1000, reply(number, f"www.s{number}.example"), SERVER, CLIENT)


def subnets() -> Iterator[Packet]:
    """Client subnets of every shape; none of them may be a script error."""
    mapped = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1])
    shapes = [
        (2, 128, mapped),
        (2, 100, mapped[:13]),
        (2, 95, mapped[:12]),
        (2, 40, mapped[:5]),
        (1, 32, mapped[12:]),
        (1, 0, b"\0"),
        (1, 33, bytes(5)),
        (2, 129, bytes(17)),
        (3, 8, b"\1"),
        (2, 128, bytes(16)),
    ]
    for number, (family, bits, address) in enumerate(shapes):
        ecs = struct.pack("!HHHBB", 8, 4 + len(address), family, bits, 0) + address
        dotted = f"e{number}.example"
        yield sent(number, query(number, dotted, edns=opt(1232, options=ecs)))
        yield sent(number + 0.01, reply(number, dotted), SERVER, CLIENT)


def icmp(time: float, src: Host, dst: Host, quoted: bytes, code: int = 3) -> Packet:
    """A router's or host's "destination unreachable" (RFC 792, RFC 4443), quoting an IP packet."""
    if ":" in src.address:
        body = struct.pack("!BBHI", 1, code, 0, 0) + quoted
        return time, frames(src, dst, 58, with_checksum(src, dst, 58, body, 2))[0]
    body = struct.pack("!BBHI", 3, code, 0, 0) + quoted
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return time, frames(src, dst, 1, body)[0]


def unreachable() -> Iterator[Packet]:
    """Queries that ICMP errors end, and those that such errors must not end."""
    for number, (client, server, code) in enumerate(
        ((CLIENT, SERVER, 3), (CLIENT6, SERVER6, 4), (CLIENT, SERVER, 4))
    ):
        packet = sent(number, query(number, f"u{number}.example"), client, server)
        yield packet
        yield icmp(number + 0.01, server, client, packet[1][14:], code)
    answer = sent(4, reply(9, "closed.example"), SERVER, CLIENT)
    yield answer
    yield icmp(4.01, CLIENT, SERVER, answer[1][14:])
    late = sent(5, query(5, "late.example"))
    yield late
    yield icmp(5.01, SERVER, CLIENT, late[1][14:])
    yield sent(5.5, reply(5, "late.example"), SERVER, CLIENT)


def neighbours() -> Iterator[Packet]:
    """DNS beside what Zeek takes for it: multicast DNS, LLMNR, NetBIOS, a site's own port."""
    yield sent(0, query(1, "www.example"))
    yield sent(0.01, reply(1, "www.example"), SERVER, CLIENT)
    bonjour = Host(CLIENT.address, 5353)
    group = Host("224.0.0.251", 5353)
    yield sent(1, query(0, "printer.local"), bonjour, group)
    told = Message(0, [], QR | 0x0400, [record("printer.local", A, bytes([192, 0, 2, 7]))])
    yield sent(1.1, bytes(told), bonjour, group)
    yield sent(2, query(2, "nas", flags=0), Host(CLIENT.address, 5355), Host("224.0.0.252", 5355))
    name = "".join(chr(65 + (c >> 4)) + chr(65 + (c & 15)) for c in b"FILESERVER     \0")
    yield sent(3, query(3, name, 32, flags=RD), Host(CLIENT.address, 137), Host("192.0.2.255", 137))
    own = Host(SERVER.address, 5300)
    yield sent(4, query(4, "own.example"), CLIENT, own)
    yield sent(4.1, reply(4, "own.example"), own, CLIENT)


def complaints() -> Iterator[Packet]:
    """One message for each family of complaints that Zeek's parser has, and an HINFO answer."""
    short = struct.pack("!HHHBB", 8, 4, 1, 24, 0)
    yield sent(0, query(1, "edns.example", edns=opt(1232, options=short)))
    yield sent(0.1, reply(1, "edns.example"), SERVER, CLIENT)
    yield sent(1, query(2, "ds.example", 43))
    odd = record("ds.example", 43, struct.pack("!HBB", 1, 13, 0) + bytes(20))
    yield sent(1.1, reply(2, "ds.example", 43, odd), SERVER, CLIENT)
    yield sent(2, query(3, "host.example", 13))
    hinfo = record("host.example", 13, b"\x05INTEL\x04UNIX")
    yield sent(2.1, reply(3, "host.example", 13, hinfo), SERVER, CLIENT)
    orphan = Message(4, [question("orphan.example")], QR | RD, additional=[opt(4096, do=True)])
    yield sent(3, bytes(orphan), SERVER, CLIENT)


TROUBLE: list[Callable[[], Iterator[Packet]]] = [
    peers,
    peers_tcp,
    impostor,
    halves,
    gaps,
    midstream,
    foreign,
    copies,
    collisions,
    strays,
    subnets,
    unreachable,
    neighbours,
    complaints,
]
