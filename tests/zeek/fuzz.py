"""Mutated DNS messages for the real Zeek: whatever they are, no script error and a closed ledger.

`python -m tests.zeek.fuzz [--messages N] [--seed S]` writes batches of captures and runs Zeek on
each until so many messages (1,000,000) went through; it prints the seed of each batch. The tests
run one small batch.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from pano_glue.paths import find_zeek, shared_folder
from tests.data import captures, trouble
from tests.data.packets import UDP, Host, frames, write_pcap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.data.packets import Packet

BATCH = 50_000
SERVER = Host("192.0.2.53", 53)
UDP_BEGINS, PROTOCOL = 34, 23  # bytes of an Ethernet frame with IPv4 without options
SUMS = {
    "dns_queries": ("answered", "timeouts", "unreachable", "retransmits", "pending"),
    "dns_responses": ("answered", "late", "orphans", "duplicate_replies", "continued_replies"),
}


def good_messages() -> list[bytes]:
    """Return the messages over UDP and IPv4 of all built captures."""
    found = []
    for capture in (*captures.ALL, *trouble.TROUBLE):
        for _, frame in capture():
            if frame[12:14] == b"\x08\0" and frame[PROTOCOL] == UDP:
                found.append(frame[UDP_BEGINS + 8 :])
    return sorted({message for message in found if message})


def mutated(rng: Random, message: bytes, others: list[bytes]) -> bytes:
    """Damage a message: bytes, lengths, counts, order, parts of others."""
    data = bytearray(message)
    for _ in range(rng.choice([0, 1, 1, 2, 4, 16])):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = rng.choice([0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xFF, rng.randrange(256)])
        elif kind == 1:
            del data[at : at + rng.choice([1, 2, 10, 1000])]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.choice([1, 2, 10, 100]))
        elif kind == 3 and at + 2 <= len(data):
            value = rng.choice([0, 1, 8, 41, 0xFFFF, rng.randrange(65536)])
            struct.pack_into("!H", data, at, value)
        elif kind == 4:
            other = rng.choice(others)
            data[at:] = other[rng.randrange(len(other)) :]
        elif len(data) >= 12:
            struct.pack_into("!H", data, rng.choice([2, 4, 6, 8, 10]), rng.randrange(4))
    return bytes(data)


def messages(seed: int, number: int) -> Iterator[Packet]:
    """Yield so many packets, in both directions of some hundred flows."""
    rng, good, clock = Random(seed), good_messages(), count()  # noqa: S311 - repeatable
    for _ in range(number):
        client = Host("192.0.2.1", 1024 + rng.randrange(500))
        payload = mutated(rng, rng.choice(good), good)[:1400]
        src, dst = (client, SERVER) if rng.random() < 0.5 else (SERVER, client)
        header = struct.pack("!HHHH", src.port, dst.port, 8 + len(payload), 0)
        yield next(clock) / 5000, frames(src, dst, UDP, header + payload)[0]


def faults(zeek: Path, seed: int, number: int, *settings: str) -> list[str]:
    """Run one batch and return what is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pcap(folder / "fuzz.pcap", messages(seed, number))
        command = [str(zeek), "-b", "-r", "fuzz.pcap", str(shared_folder("zeek-scripts"))]
        done = subprocess.run(
            [*command, *settings], cwd=folder, capture_output=True, text=True, check=False
        )
        found = [f"Zeek ended with {done.returncode}"] if done.returncode else []
        found += done.stderr.splitlines()[:5]
        reporter = folder / "reporter.log"
        if reporter.exists():
            found += reporter.read_text(errors="replace").splitlines()[:20]
        stats: dict[str, Any] = json.loads((folder / "pano_stats.log").read_text().splitlines()[-1])
        records = (folder / "dns.log").read_bytes().splitlines()
        found += [
            f"{total} is {stats[total]}, not the sum of {parts}"
            for total, parts in SUMS.items()
            if stats[total] != sum(stats[part] for part in parts)
        ]
        if stats["records_logged"] != len(records):
            found.append(f"{stats['records_logged']} logged, {len(records)} there")
        for line in records:
            json.loads(line)
        return found


def main() -> None:
    """Run batches until one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    zeek = find_zeek()
    if zeek is None:
        sys.exit("fuzz: Zeek is not installed; name it with $ZEEK")
    for batch in range(-(-arguments.messages // BATCH)):
        seed = arguments.seed + batch
        found = faults(zeek, seed, BATCH)
        print(f"seed {seed}: {BATCH} messages, {len(found)} faults", flush=True)
        if found:
            sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
