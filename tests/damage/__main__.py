"""`python -m tests.damage --minutes 30 --seed N`: both analysers on damaged captures.

By turns a capture of damaged episodes and one of mutated messages (`--only` one of the two). Each
broken rule is printed with its seed, and the smallest capture that breaks it is kept in `--keep`.
Ends with 1 when a rule was broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.damage import analysers, messages
from tests.damage.rules import open_ledger
from tests.damage.run import check, episodes, smallest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.damage.analysers import Analysed

    Analyse = Callable[[Path], Analysed]

SHOWN = 3  # smallest captures of one seed; each takes some seconds


def damage(name: str, analyse: Analyse, seed: int, count: int, keep: Path) -> int:
    """Check one capture of damaged episodes; returns how often a rule was broken."""
    made = episodes(Random(seed), count)  # noqa: S311 - to be repeated
    with tempfile.TemporaryDirectory() as folder:
        broken = list(check(Path(folder) / "damaged.pcap", made, analyse))
    for fault in broken:
        print(f"{name} seed {seed}: {fault.rule}", flush=True)
    by_start = {fault.episode.start: fault.episode for fault in broken if fault.episode}
    for start, episode in list(by_start.items())[:SHOWN]:
        path = keep / f"{name}-{seed}-{int(start)}.pcap"
        _, rule = smallest(path, episode, analyse)
        print(f"  {episode.kind}, smallest: {path}: {rule}", flush=True)
    return len(broken)


def mutation(name: str, analyse: Analyse, seed: int, count: int, keep: Path) -> int:
    """Check one capture of mutated messages; returns how often a rule was broken."""
    pcap = keep / f"{name}-mutated-{seed}.pcap"
    messages.write(pcap, Random(seed), count)  # noqa: S311 - to be repeated
    records, stats, complaints = analyse(pcap)
    broken = [*complaints.splitlines(), *open_ledger(stats, records)]
    for rule in broken[:10]:
        print(f"{name} mutated, seed {seed}: {rule}", flush=True)
    if not broken:
        pcap.unlink()
    return len(broken)


def main() -> int:
    """Damage, mutate, analyse and check until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m tests.damage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--episodes", type=int, default=300, help="in one capture")
    parser.add_argument("--messages", type=int, default=50_000, help="in one capture")
    parser.add_argument("--only", choices=["damage", "mutation"])
    parser.add_argument("--analyser", choices=["tshark", "zeek"], help="only this one")
    parser.add_argument("--keep", type=Path, default=Path("damaged"), help="folder for captures")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    chosen = {
        name: analyse
        for name, analyse in analysers.found().items()
        if options.analyser in {name, None}
    }
    end = time.monotonic() + options.minutes * 60
    seed, faults = options.seed, 0
    done = {"damage": 0, "mutation": 0}
    while time.monotonic() < end:
        for name, analyse in chosen.items():
            if options.only != "mutation":
                faults += damage(name, analyse, seed, options.episodes, options.keep)
                done["damage"] += options.episodes
            if options.only != "damage":
                faults += mutation(name, analyse, seed, options.messages, options.keep)
                done["mutation"] += options.messages
        seed += 1
    print(
        f"{done['damage']} episodes, {done['mutation']} messages through {' and '.join(chosen)},"
        f" seeds {options.seed} to {seed - 1}: a rule was broken {faults} times"
    )
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
