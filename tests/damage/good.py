"""Good traffic to damage: the same kinds that captures are full of, each from its own address."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.data.packets import AA, AXFR, QR, TXT, A, Host, Message, opt, query, record, reply, udp
from tests.data.streams import Stream, framed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.data.packets import Packet


def ends(rng: Random, number: int) -> tuple[Host, Host]:
    """Choose a client and a server that no other episode has."""
    if rng.random() < 0.3:
        client, server = f"2001:db8:{number:x}::1", f"2001:db8:{number:x}::53"
    else:
        client, server = (f"10.{number >> 8 & 255}.{number & 255}.{last}" for last in (1, 53))
    return Host(client, rng.choice([53, 40000 + rng.randrange(9)])), Host(server, 53)


def _text(rng: Random, owner: str, size: int) -> bytes:
    """Build a TXT record that looks like DNS inside: a framed query is hidden in it."""
    hidden = framed(query(rng.randrange(1 << 16), "hidden.example"))
    strings = b""
    while len(strings) < size:
        part = hidden if rng.random() < 0.2 else bytes([120]) * rng.randrange(1, 200)
        strings += bytes([len(part)]) + part
    return record(owner, TXT, strings)


def _exchange(rng: Random, number: int, most: int) -> tuple[int, str, bytes, bytes]:
    ident, name = rng.randrange(4 if rng.random() < 0.5 else 1 << 16), f"n{number}.example"
    edns = opt(rng.choice([1232, 4096])) if rng.random() < 0.5 else b""
    answers = [_text(rng, name, rng.randrange(1, most)) for _ in range(rng.randrange(3))]
    asked = query(ident, name, TXT, edns=edns)
    return ident, name, asked, reply(ident, name, TXT, *answers, edns=edns)


def over_udp(rng: Random, client: Host, server: Host) -> Iterator[Packet]:
    """Queries with few ids, repeated, unanswered, answered late; replies in fragments."""
    packets: list[Packet] = []
    time = 0.0
    for number in range(rng.randrange(1, 12)):
        time += rng.choice([0.001, 0.02, 0.7])
        ident, name, asked, told = _exchange(rng, number, rng.choice([100, 2500]))
        if rng.random() < 0.1:
            asked, told = bytes(Message(ident, [])), bytes(Message(ident, [], QR | 1))
        there, back = (client, server) if rng.random() < 0.8 else (server, client)
        if back.port != 53:
            there, back = client, server
        repeats = rng.choice([0, 0, 0, 1, 2])
        packets += [(time + 0.9 * n, udp(there, back, asked)[0]) for n in range(repeats + 1)]
        if rng.random() < 0.85:
            delay = rng.choice([0.0015, 0.03, 1.2, 6.5]) + 0.9 * repeats
            mtu = rng.choice([600, 1400])
            packets += [
                (time + delay + n * 1e-5, each)
                for n, each in enumerate(udp(back, there, told, mtu=mtu))
            ]
            if rng.random() < 0.1:
                packets.append((time + delay + 0.2, udp(back, there, reply(ident, name))[0]))
    yield from sorted(packets)


def over_tcp(rng: Random, client: Host, server: Host) -> Iterator[Packet]:
    """Queries in one connection or two on the same ports, from both ends, in any segments."""
    time = 0.0
    first = rng.choice([1000, (1 << 32) - 50, 77_000_000])
    for number in range(rng.choice([1, 1, 2])):
        stream = Stream(client, server)
        stream.sent = [(first + number * (1 << 30)) % (1 << 32), rng.randrange(1 << 32)]
        yield from stream.opened(time)
        time += 0.01
        for _ in range(rng.randrange(1, 4)):
            batch = [_exchange(rng, n, 900) for n in range(rng.randrange(1, 6))]
            asks, says = stream.asks, stream.says
            if client.port == 53 and rng.random() < 0.4:
                asks, says = says, asks
            sent = _segments(rng, asks, [each[2] for each in batch], time)
            rng.shuffle(batch)
            time = sent[-1][0] + rng.choice([0.05, 2.0])
            sent += _segments(rng, says, [each[3] for each in batch], time)
            time = sent[-1][0] + 0.3
            yield from sent
        if rng.random() < 0.7:
            yield from stream.closed(time)
        time += 3


def transfer(rng: Random, client: Host, server: Host) -> Iterator[Packet]:
    """A zone transfer: many messages to one query."""
    stream = Stream(client, server)
    yield from stream.opened(0)
    yield stream.asks(0.01, framed(query(9, "zone.example", AXFR, flags=0)))
    host = record("a.zone.example", A, bytes(4))
    more = [bytes(Message(9, [], QR | AA, [host] * rng.randrange(1, 60))) for _ in range(5)]
    sent = _segments(rng, stream.says, [reply(9, "zone.example", AXFR, host), *more], 0.02)
    yield from sent
    yield from stream.closed(sent[-1][0] + 0.01)


def _segments(
    rng: Random, send: Callable[[float, bytes], Packet], messages: list[bytes], time: float
) -> list[Packet]:
    """Cut messages into segments: as they were written, or without regard to them."""
    parts = [framed(each) for each in messages]
    if rng.random() < 0.6:
        data, size = b"".join(parts), rng.choice([7, 90, 500, 1400])
        parts = [data[at : at + size] for at in range(0, len(data), size)]
    return [send(time + number * 0.0012, part) for number, part in enumerate(parts)]


def foreign(rng: Random, client: Host, server: Host) -> Iterator[Packet]:
    """What is not DNS: random bytes, and the beginnings of HTTP, TLS and SSH."""
    hello = rng.choice(
        [
            b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
            bytes.fromhex("160301020001000 1fc0303".replace(" ", "")) + rng.randbytes(400),
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            struct.pack("!B", 0x38) + rng.randbytes(8) + bytes(5),
            rng.randbytes(rng.randrange(1, 1200)),
        ]
    )
    for number in range(3):
        yield number * 0.1, udp(client, server, hello)[0]
        yield number * 0.1 + 0.01, udp(server, client, rng.randbytes(60))[0]
    stream = Stream(client, server)
    yield from stream.opened(1)
    yield stream.asks(1.1, hello)
    yield stream.says(1.2, rng.randbytes(500))
    yield from stream.closed(1.3)


KINDS = [over_udp, over_tcp, over_tcp, transfer, foreign]
