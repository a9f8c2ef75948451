"""The traffic that a lab will not show, one small capture for each behaviour.

`python -m tests.data.captures FOLDER` writes them all as FOLDER/NAME.pcap; the tests do so
themselves, so only this description of them is kept in the repository.
"""

from __future__ import annotations

import struct
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from tests.data.packets import (
    AA,
    AAAA,
    AD,
    AXFR,
    CAA,
    CD,
    CNAME,
    DNSKEY,
    DS,
    HTTPS,
    MX,
    NAPTR,
    NS,
    PTR,
    QR,
    RA,
    RD,
    RRSIG,
    SOA,
    SRV,
    SVCB,
    TC,
    TLSA,
    TXT,
    A,
    Host,
    Message,
    name,
    opt,
    query,
    question,
    record,
    reply,
    udp,
    write_pcap,
)
from tests.data.streams import Stream, framed
from tests.data.trouble import TROUBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.data.packets import Packet

CLIENT, SERVER = Host("192.0.2.1", 40000), Host("192.0.2.53", 53)
CLIENT6, SERVER6 = Host("2001:db8::1", 40000), Host("2001:db8::53", 53)
NXDOMAIN, BADCOOKIE = 3, 23


def address(text: str) -> bytes:
    """Rdata of an A or AAAA record."""
    return ip_address(text).packed


def asks(time: float, message: bytes, src: Host = CLIENT, dst: Host = SERVER) -> Packet:
    """One query packet over UDP."""
    return time, udp(src, dst, message)[0]


def says(time: float, message: bytes, src: Host = SERVER, dst: Host = CLIENT) -> Packet:
    """One reply packet over UDP."""
    return time, udp(src, dst, message)[0]


def header() -> Iterator[Packet]:
    """Flags, EDNS with client subnet, an extended response code."""
    ecs = struct.pack("!HHHBB", 8, 7, 1, 24, 0) + bytes([198, 51, 100])
    ecs6 = struct.pack("!HHHBB", 8, 11, 2, 56, 0) + address("2001:db8:0:1::")[:7]
    www = record("www.example.org", A, address("192.0.2.80"), ttl=60)
    yield asks(0, query(1, "www.example.org", flags=RD | CD, edns=opt(4096, do=True, options=ecs)))
    glue = record("ns.example.org", A, address("192.0.2.54"))
    asked, flags = [question("www.example.org")], QR | RD | RA | AA | AD | CD
    yield says(0.01, bytes(Message(1, asked, flags, [www], additional=[glue, opt(1232)])))
    yield asks(1, query(2, "www.example.org", AAAA, flags=0, edns=opt(1232, options=ecs6)))
    yield says(
        1.02,
        reply(2, "www.example.org", AAAA, flags=BADCOOKIE & 15, edns=opt(1232, rcode=1)),
    )
    yield asks(2, query(3, "none.example.org"))
    yield says(2.003, reply(3, "none.example.org", flags=NXDOMAIN))


def answers() -> Iterator[Packet]:
    """Every type of answer that has a text of its own, and one that has none."""
    soa = name("ns.example") + name("admin.example") + struct.pack("!5I", 1, 2, 3, 4, 5)
    naptr = struct.pack("!HH", 100, 10) + b"\1u\7E2U+sip\4!^.!" + name("sip.example")
    rrsig = struct.pack("!HBBIIIH", A, 13, 2, 300, 1_700_086_400, 1_700_000_000, 4711)
    kinds = {
        A: address("192.0.2.80"),
        AAAA: address("2001:db8::80"),
        CNAME: name("alias.example"),
        NS: name("ns.example"),
        PTR: name("host.example"),
        MX: struct.pack("!H", 10) + name("mail.example"),
        TXT: b"\5first\6second",
        SOA: soa,
        SRV: struct.pack("!HHH", 1, 2, 5060) + name("sip.example"),
        SVCB: struct.pack("!H", 1) + name("svc.example"),
        HTTPS: struct.pack("!H", 1) + name("") + struct.pack("!HH", 1, 3) + b"\2h2",
        NAPTR: naptr,
        CAA: b"\0\5issueca.example",
        DS: struct.pack("!HBB", 4711, 13, 2) + bytes(32),
        DNSKEY: struct.pack("!HBB", 257, 3, 13) + bytes(64),
        RRSIG: rrsig + name("example") + bytes(64),
        TLSA: bytes([3, 1, 1]) + bytes(32),
        65300: bytes(4),
    }
    for number, (rtype, rdata) in enumerate(kinds.items()):
        owner = f"type{rtype}.example"
        yield asks(number, query(number, owner, rtype))
        yield says(number + 0.001, reply(number, owner, rtype, record(owner, rtype, rdata)))


def retransmits() -> Iterator[Packet]:
    """Two repetitions, the reply, and the reply to one of the repetitions."""
    yield asks(0, query(1, "again.example"))
    yield asks(1, query(1, "again.example"))
    yield asks(2.5, query(1, "AGAIN.example"))
    yield says(2.75, reply(1, "again.example", flags=NXDOMAIN))
    yield says(2.8, reply(1, "again.example", flags=NXDOMAIN))
    yield asks(3, query(1, "again.example"))
    yield says(3.125, reply(1, "again.example", flags=NXDOMAIN))


def ids() -> Iterator[Packet]:
    """One id for three questions at once, answered in another order, and again after a timeout."""
    for number, dotted in enumerate(("one.example", "two.example", "three.example")):
        yield asks(number / 10, query(7, dotted))
    for number, dotted in enumerate(("three.example", "one.example", "two.example")):
        yield says(1 + number / 10, reply(7, dotted))
    yield says(1.5, reply(7, "spoofed.example"))
    yield asks(2, query(8, "lost.example"))
    yield asks(8, query(8, "found.example"))
    yield says(8.25, reply(8, "found.example"))


def early() -> Iterator[Packet]:
    """A reply captured before its query; and two replies to nothing."""
    yield says(0, reply(1, "early.example"))
    yield asks(0.0001, query(1, "early.example", edns=opt(1400)))
    yield says(3, reply(2, "nobody.example"))
    yield says(4, reply(2, "nobody.example"))


def late() -> Iterator[Packet]:
    """Replies after 6 s, after 12 s when Zeek has forgotten the connection, and after 60 s."""
    for number, delay in enumerate((6, 12, 60)):
        client = Host(CLIENT.address, 50000 + number)
        yield asks(100 * number, query(1, "slow.example"), client)
        yield says(100 * number + delay, reply(1, "slow.example"), SERVER, client)


def pipeline() -> Iterator[Packet]:
    """Three queries in one TCP segment, answered out of order; then the port is used again."""
    stream = Stream(CLIENT, SERVER)
    yield from stream.opened(0)
    yield stream.asks(0.01, framed(*(query(each, f"q{each}.example") for each in (1, 2, 3))))
    yield stream.says(0.02, framed(reply(3, "q3.example"), reply(1, "q1.example")))
    last = framed(reply(2, "q2.example"))
    yield stream.says(0.03, last[:9])
    yield stream.says(0.04, last[9:])
    yield from stream.closed(0.05)
    again = Stream(CLIENT, SERVER)
    again.sent = [700_000, 900_000]
    yield from again.opened(10)
    yield again.asks(10.01, framed(query(1, "again.example")))
    yield again.says(10.02, framed(reply(1, "again.example")))
    yield from again.closed(10.03)


def transfer() -> Iterator[Packet]:
    """A zone transfer in three messages, the last 20 s after the first."""
    soa = name("ns.zone.example") + name("admin.example") + struct.pack("!5I", 1, 2, 3, 4, 5)
    edge = record("zone.example", SOA, soa)
    stream = Stream(CLIENT6, SERVER6)
    yield from stream.opened(0)
    yield stream.asks(0.01, framed(query(9, "zone.example", AXFR, flags=0)))
    yield stream.says(0.02, framed(reply(9, "zone.example", AXFR, edge)))
    host = record("a.zone.example", A, address("192.0.2.9"))
    yield stream.says(5, framed(bytes(Message(9, [], QR | AA, [host] * 3))))
    yield stream.says(20, framed(bytes(Message(9, [], QR | AA, [edge]))))
    yield from stream.closed(20.1)


def fragments() -> Iterator[Packet]:
    """A reply of 2,000 bytes in fragments, over IPv4 and over IPv6, the last fragment first."""
    texts = [record("big.example", TXT, bytes([200]) + b"x" * 200) for _ in range(9)]
    for client, server in ((CLIENT, SERVER), (CLIENT6, SERVER6)):
        start = 10.0 if client is CLIENT6 else 0.0
        yield asks(start, query(1, "big.example", TXT, edns=opt(4096)), client, server)
        message = reply(1, "big.example", TXT, *texts, edns=opt(4096))
        for frame in reversed(udp(server, client, message, mtu=1280)):
            yield start + 0.5, frame


def questions() -> Iterator[Packet]:
    """No question (but EDNS, for a cookie), two, a reply that repeats none, mixed case (0x20)."""
    yield asks(0, bytes(Message(1, [], additional=[opt()])))
    yield says(0.01, bytes(Message(1, [], QR | 1)))
    both = [question("first.example"), question("second.example", AAAA)]
    yield asks(1, bytes(Message(2, both)))
    yield says(1.01, bytes(Message(2, both, QR | RD)))
    yield asks(2, query(3, "silent.example"))
    yield says(2.01, bytes(Message(3, [], QR | 5)))
    yield asks(3, query(4, "wWw.ExAmPlE"))
    yield says(3.01, reply(4, "wWw.ExAmPlE", A, record("www.example", A, address("192.0.2.1"))))


def truncated() -> Iterator[Packet]:
    """A truncated reply over UDP, and the same question again over TCP."""
    yield asks(0, query(1, "big.example", TXT))
    yield says(0.01, reply(1, "big.example", TXT, flags=TC))
    stream = Stream(Host(CLIENT.address, 40001), SERVER)
    yield from stream.opened(0.02)
    yield stream.asks(0.03, framed(query(1, "big.example", TXT)))
    text = record("big.example", TXT, bytes([200]) + b"x" * 200)
    yield stream.says(0.04, framed(reply(1, "big.example", TXT, *[text] * 5)))
    yield from stream.closed(0.05)


def broken() -> Iterator[Packet]:
    """Messages cut short, a name that points forward, other opcodes; and one good transaction."""
    whole = query(1, "cut.example")
    yield asks(0, whole[:5])
    yield asks(1, whole[:16])
    yield asks(2, struct.pack("!6H", 2, RD, 1, 0, 0, 0) + b"\xc0\xff" + struct.pack("!HH", A, 1))
    bad = record("odd.example", A, b"\x01")
    yield asks(3, query(3, "odd.example"))
    yield says(3.01, reply(3, "odd.example", A, bad[:-1]))
    for number, opcode in enumerate((4, 5)):  # NOTIFY (RFC 1996), UPDATE (RFC 2136)
        yield asks(4 + number, query(4 + number, "zone.example", SOA, flags=opcode << 11))
        yield says(4.01 + number, query(4 + number, "zone.example", SOA, flags=QR | opcode << 11))
    yield asks(7, query(7, "good.example"))
    yield says(7.01, reply(7, "good.example"))


def oneway() -> Iterator[Packet]:
    """Three queries to one server, three replies from another; nothing answers anything."""
    other = Host("192.0.2.54", 53)
    for number in range(3):
        yield asks(number, query(number, "ask.example"))
        yield says(number + 0.5, reply(number, "told.example"), other)


def backwards() -> Iterator[Packet]:
    """The clock of the capture jumps back by 100 s and by 0.1 s between query and reply."""
    yield asks(200, query(1, "before.example"))
    yield says(200.01, reply(1, "before.example"))
    yield asks(100, query(2, "jumped.example"))
    yield says(100.25, reply(2, "jumped.example"))
    yield asks(201, query(3, "inverted.example"))
    yield says(200.9, reply(3, "inverted.example"))


def flood() -> Iterator[Packet]:
    """Fifty queries that nobody answers, each from a port of its own, within half a second."""
    for number in range(50):
        client = Host(CLIENT.address, 10000 + number)
        yield asks(number / 100, query(number, f"n{number}.example"), client)


def unsummed() -> Iterator[Packet]:
    """Packets as a mirror at a sender's egress sees them: without a right checksum."""
    yield 0, udp(CLIENT, SERVER, query(1, "raw.example"), good=False)[0]
    yield 0.01, udp(SERVER, CLIENT, reply(1, "raw.example"), good=False)[0]


def tunnel() -> Iterator[Packet]:
    """Long random-looking names below one domain, and a busy but honest client."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    for number in range(120):
        letters = ((number * 7 + step * 13 + step * step) % 32 for step in range(50))
        payload = "".join(alphabet[letter] for letter in letters)
        yield asks(number / 10, query(number, f"{payload}.{number}.t.evil.example", TXT))
        honest = Host("192.0.2.2", 40000)
        yield asks(number / 10 + 0.05, query(number, f"www{number % 5}.good.example"), honest)


ALL: list[Callable[[], Iterator[Packet]]] = [
    header,
    answers,
    retransmits,
    ids,
    early,
    late,
    pipeline,
    transfer,
    fragments,
    questions,
    truncated,
    broken,
    oneway,
    backwards,
    flood,
    unsummed,
    tunnel,
]


def write_all(folder: Path) -> None:
    """Write every capture into the folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for capture in (*ALL, *TROUBLE):
        write_pcap(folder / f"{capture.__name__}.pcap", capture())


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
