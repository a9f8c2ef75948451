"""Damages good captures at random and holds both analysers to the rules."""

from __future__ import annotations

import gzip
import struct
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.damage.analysers import with_zeek
from tests.damage.damage import damaged
from tests.damage.good import KINDS, ends, foreign
from tests.damage.rules import Seen, broken_rules, open_ledger
from tests.damage.wire import Captured, dissect, read_ip
from tests.data import captures
from tests.data.packets import START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.damage.analysers import Analysed
    from tests.damage.damage import Kept
    from tests.data.packets import Packet

APART = 60.0  # seconds between the beginnings of two episodes
DATA = Path(__file__).parents[1] / "data"
WINDOW = 400  # packets of the recorded traffic
MADE = [
    captures.header,
    captures.answers,
    captures.retransmits,
    captures.ids,
    captures.late,
    captures.pipeline,
    captures.transfer,
    captures.fragments,
    captures.truncated,
    captures.oneway,
    captures.flood,
]


@dataclass
class Episode:
    """Some traffic between two hosts, and what is left of it in the capture."""

    kind: str
    hosts: set[str]
    start: float
    good: Captured
    kept: list[Kept]


class Broken(NamedTuple):
    """A rule that does not hold."""

    rule: str
    episode: Episode | None


def episodes(rng: Random, count: int) -> list[Episode]:
    """Make damaged episodes, and at last one of recorded traffic and one of made traffic."""
    made = []
    for number in range(count):
        kind = rng.choice(KINDS)
        client, server = ends(rng, number + 1)
        packets = sorted(kind(rng, client, server), key=lambda packet: packet[0])
        good = Captured([], []) if kind is foreign else dissect(packets)
        start = START + number * APART
        made.append(Episode(kind.__name__, hosts(packets), start, good, damaged(rng, packets)))
    packets, good = recorded()
    first = rng.randrange(len(packets) - WINDOW)
    kept = damaged(rng, packets, range(first, first + WINDOW))
    made.append(Episode("recorded", hosts(packets), START + count * APART, good, kept))
    capture = rng.choice(MADE)
    packets = list(capture())
    start = START + (count + 1) * APART
    kept = damaged(rng, packets)
    made.append(Episode(capture.__name__, hosts(packets), start, dissect(packets), kept))
    return made


@cache
def recorded() -> tuple[list[Packet], Captured]:
    """Read the traffic recorded in the lab."""
    data = gzip.decompress((DATA / "lab.pcap.gz").read_bytes())
    packets: list[Packet] = []
    at = 24
    while at < len(data):
        seconds, micros, size, _ = struct.unpack_from("<IIII", data, at)
        packets.append((seconds + micros / 1e6, data[at + 16 : at + 16 + size]))
        at += 16 + size
    packets = [(time - packets[0][0], frame) for time, frame in packets]
    return packets, dissect(packets)


def hosts(packets: list[Packet]) -> set[str]:
    """Return all addresses of a capture."""
    headers = [read_ip(frame) for _, frame in packets]
    return {address for ip in headers for address in (ip.src, ip.dst)}


def write(path: Path, episodes: list[Episode]) -> None:
    """Write the damaged capture as a classic pcap file."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for episode in episodes:
            for each in episode.kept:
                seconds, micros = divmod(round((episode.start + each.time) * 1e6), 1_000_000)
                lengths = (each.length, len(each.frame))
                out.write(struct.pack("<IIII", seconds, micros, *lengths))
                out.write(each.frame[: each.length])


def check(
    path: Path, episodes: list[Episode], analyse: Callable[[Path], Analysed]
) -> Iterator[Broken]:
    """Yield the rules that an analyser breaks on a damaged capture, written to `path`."""
    write(path, episodes)
    records, stats, complaints = analyse(path)
    mine = {host: episode for episode in episodes for host in episode.hosts}
    found = defaultdict(list)
    for record in records:
        if record["id.orig_h"] in mine:
            found[mine[record["id.orig_h"]].start].append(record)
        else:
            yield Broken(f"{record['id.orig_h']} is not on the wire", None)
    for episode in episodes:
        seen = Seen(episode.good, episode.kept)
        of_it = found[episode.start]
        for rule in broken_rules(seen, of_it, episode.start, both_ways=analyse is with_zeek):
            yield Broken(rule, episode)
    for rule in open_ledger(stats, records):
        yield Broken(rule, None)
    if complaints:
        yield Broken(complaints, None)


def smallest(
    path: Path, episode: Episode, analyse: Callable[[Path], Analysed]
) -> tuple[Episode, str]:
    """Leave out of an episode all packets that are not needed to break a rule; say which."""
    rule = next(iter(_of_one(path, episode, analyse)), "")
    step = max(1, len(episode.kept) // 2)
    while rule and step:
        at = 0
        while at < len(episode.kept):
            kept = episode.kept[:at] + episode.kept[at + step :]
            smaller = Episode(episode.kind, episode.hosts, episode.start, episode.good, kept)
            still = next(iter(_of_one(path, smaller, analyse)), "")
            if still:
                episode, rule = smaller, still
            else:
                at += step
        step //= 2
    write(path, [episode])
    return episode, rule


def _of_one(path: Path, episode: Episode, analyse: Callable[[Path], Analysed]) -> list[str]:
    return [each.rule for each in check(path, [episode], analyse)]
