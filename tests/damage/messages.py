"""DNS messages as nobody sends them: good ones, mutated, in captures of many."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.damage.wire import UDP, read_ip
from tests.data.captures import ALL
from tests.data.packets import START, Host, opt, query, record, reply, udp
from tests.data.streams import Stream, framed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

CLIENT, SERVER = Host("192.0.2.1", 40000), Host("192.0.2.53", 53)
INTERESTING = [0, 1, 0x0C, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFE, 0xFF]


def seeds() -> list[bytes]:
    """Return good messages: the made captures', and one of each type of record and option."""
    found = set()
    for capture in ALL:
        for _, frame in capture():
            ip = read_ip(frame)
            if ip.proto == UDP and ip.ident is None:
                found.add(frame[ip.start + 8 : ip.end])
    for rtype in (*range(1, 66), 99, *range(249, 263), 32768, 32769, 65399):
        rdata = bytes(range(24)) + b"\3abc\0" + bytes(12)
        found.add(reply(rtype, "seed.example", rtype, record("seed.example", rtype, rdata)))
    for code in range(1, 21):
        for body in (
            b"",
            b"\0\1\x18\0\1\2\3",
            b"\0\2\x80\0" + bytes(10) + b"\xff\xff\1\2\3\4",
            b"\0" * 9,
        ):
            options = struct.pack("!HH", code, len(body)) + body
            found.add(query(code, "edns.example", edns=opt(options=options)))
            found.add(reply(code, "edns.example", edns=opt(options=options, rcode=1)))
    return sorted(found)


def mutated(rng: Random, corpus: list[bytes]) -> bytes:
    """Change a message in one place or in several."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        rng.choice(MUTATIONS)(rng, data, corpus)
    return bytes(data[:1400])


def _flip(rng: Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice(INTERESTING)


def _set_word(rng: Random, data: bytearray, _: list[bytes]) -> None:
    if len(data) > 1:
        at = rng.randrange(len(data) - 1)
        data[at : at + 2] = struct.pack(
            "!H", rng.choice([0, 1, 41, 255, 0xC00C, 0xFFFF, len(data)])
        )


def _cut(rng: Random, data: bytearray, _: list[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _drop(rng: Random, data: bytearray, _: list[bytes]) -> None:
    first, second = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    del data[first : min(second, first + 8)]


def _repeat(rng: Random, data: bytearray, _: list[bytes]) -> None:
    first, second = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    data[second:second] = data[first : min(second, first + 40)]


def _splice(rng: Random, data: bytearray, corpus: list[bytes]) -> None:
    other = rng.choice(corpus)
    data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other) + 1) :]


def _count(rng: Random, data: bytearray, _: list[bytes]) -> None:
    """Change what the header counts (RFC 1035, 4.1.1)."""
    if len(data) >= 12:
        data[4 + 2 * rng.randrange(4) + 1] = rng.randrange(6)


MUTATIONS: list[Callable[[Random, bytearray, list[bytes]], None]] = [
    _flip, _flip, _set, _set_word, _cut, _drop, _repeat, _splice, _count,
]  # fmt: skip


def write(path: Path, rng: Random, count: int) -> None:
    """Write a capture with this many messages, a tenth of them over TCP."""
    corpus = seeds()
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for time, frame in _packets(rng, corpus, count):
            seconds, micros = divmod(round((START + time) * 1e6), 1_000_000)
            out.write(struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame)


def _packets(rng: Random, corpus: list[bytes], count: int) -> Iterator[tuple[float, bytes]]:
    number = 0
    while number < count:
        time = number * 1e-4
        client = Host(f"192.0.2.{rng.randrange(1, 50)}", 1024 + rng.randrange(60000))
        if rng.random() < 0.005:
            batch = [mutated(rng, corpus) for _ in range(20)]
            yield from _connection(rng, client, time, batch)
            number += len(batch)
            continue
        message = mutated(rng, corpus)
        there = rng.random() < 0.5
        src, dst = (client, SERVER) if there else (SERVER, client)
        yield time, udp(src, dst, message)[0]
        number += 1


def _connection(
    rng: Random, client: Host, time: float, messages: list[bytes]
) -> Iterator[tuple[float, bytes]]:
    stream = Stream(client, SERVER)
    yield from stream.opened(time)
    for send in (stream.asks, stream.says):
        data = framed(*messages)
        cuts = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(5))})
        for at, end in pairwise(cuts):
            yield send(time + 0.0003, data[at:end])
    yield from stream.closed(time + 0.0004)
