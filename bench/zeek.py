"""Transactions per CPU second: this package against Zeek's own DNS scripts, same captures.

`python bench/zeek.py [CAPTURE…] [--rounds N] [--instructions]` runs all sides in turn on each
capture, plain, with ZAM, with tcmalloc, and with both, and prints one JSON object. Without a
capture it builds three of 60,000 transactions each: one busy socket with 100 queries under way, as
between a resolver and a forwarder that is some milliseconds away; the same with one under way; and
one flow a query, as stubs and resolvers really send.

Sides: Zeek's own `base/protocols/dns`, with its TSV and with JSON; the package; and
`least.zeek`, a reference for what a script costs that only logs such a record. CPU seconds are user
plus system time of the whole Zeek process; the cost of starting Zeek, measured on an empty
capture, is subtracted on all sides. A side's figure is the median of its rounds, with the lowest
and the highest beside it. `--instructions` counts with valgrind instead, which no neighbour
disturbs: then a side is run once.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.paths import find_zeek, shared_folder
from pano_glue.pipeline.zeek_launch import ZAM, find_tcmalloc
from tests.data.packets import A, Host, query, record, reply, udp, write_pcap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.data.packets import Packet

TRANSACTIONS = 60_000
SIDES = {
    "stock": ["base/protocols/dns"],
    "stock_json": ["base/protocols/dns", "LogAscii::use_json=T"],
    "pano": [str(shared_folder("zeek-scripts"))],
    "least": [str(Path(__file__).with_name("least.zeek"))],
}
# Captures that are built: whether each query is a flow, and how many wait at one time.
BUILT = {"busy": (False, 100), "single": (False, 1), "flows": (True, 1)}
MODES = ("plain", "zam", "tcmalloc", "both")


def transactions(*, flows: bool, under_way: int) -> Iterator[Packet]:
    """Build traffic: names, ids and replies as dnsperf makes them, 20,000 queries a second.

    `flows`: each query from a port of its own. `under_way`: how many wait at one time.
    """
    server = Host("192.0.2.53", 53)

    def packets(*, replies: bool) -> Iterator[Packet]:
        for number in range(TRANSACTIONS):
            port = 1024 + number % 60_000 if flows else 40_000
            client = Host(f"192.0.2.{1 + number // 30_000}" if flows else "192.0.2.1", port)
            ident, name = number % 65_536, f"host{number % 5000}.example.org"
            if replies:
                address = record(name, A, bytes([192, 0, 2, number % 256]))
                at = (number + under_way - 0.5) / 20_000
                yield at, udp(server, client, reply(ident, name, A, address))[0]
            else:
                yield number / 20_000, udp(client, server, query(ident, name))[0]

    return heapq.merge(packets(replies=False), packets(replies=True))


def environment(mode: str) -> dict[str, str]:
    """Return the environment of a mode.

    Raises:
        SystemExit: when the allocator is not installed.
    """
    if mode in {"plain", "zam"}:
        return dict(os.environ)
    library = find_tcmalloc()
    if library is None:
        sys.exit("bench: tcmalloc is not installed (Debian: libtcmalloc-minimal4)")
    return os.environ | {"LD_PRELOAD": library}


def cpu_seconds(command: list[str], folder: Path, mode: str) -> float:
    """Run a command to its end and return its CPU time.

    Raises:
        SystemExit: when it fails.
    """
    with subprocess.Popen(command, cwd=folder, env=environment(mode)) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def instructions(command: list[str], folder: Path, mode: str) -> float:
    """Run a command under valgrind and return the instructions that it took."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(
        valgrind, cwd=folder, env=environment(mode), capture_output=True, text=True, check=True
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        sys.exit(f"bench: valgrind counted nothing: {done.stderr[-500:]}")
    return float(found[1])


def records(folder: Path) -> int:
    """Count the records of the package's last run."""
    return (folder / "dns.log").read_bytes().count(b"\n")


def empty_capture(path: Path, of: Path) -> Path:
    """Write the header of a classic pcap file and nothing else."""
    with of.open("rb") as source:
        path.write_bytes(source.read(24))
    return path


def measure(zeek: Path, capture: Path, arguments: argparse.Namespace, folder: Path) -> object:
    """Run all sides in turn and return their figures."""
    nothing = empty_capture(folder / "empty.pcap", capture)
    cost = instructions if arguments.instructions else cpu_seconds
    spent: dict[tuple[str, str], list[float]] = {}
    for _ in range(1 if arguments.instructions else arguments.rounds):
        for mode in arguments.modes:
            for side, scripts in SIDES.items():
                options = ZAM if mode in {"zam", "both"} else ()
                base = [str(zeek), "-b", "-C", *options, *scripts]
                whole = cost([*base, "-r", str(capture)], folder, mode)
                start = cost([*base, "-r", str(nothing)], folder, mode)
                spent.setdefault((side, mode), []).append(whole - start)
    cpu_seconds([str(zeek), "-b", *SIDES["pano"], "-r", str(capture)], folder, "plain")
    medians = {key: statistics.median(values) for key, values in spent.items()}
    return {
        "transactions": records(folder),
        "cost": {
            f"{side}_{mode}": [round(each, 2) for each in (median, *_ends(spent[side, mode]))]
            for (side, mode), median in medians.items()
        },
        "times_stock": _ratios(medians, "stock", "pano", arguments.modes),
        "times_stock_json": _ratios(medians, "stock_json", "pano", arguments.modes),
        "times_least": _ratios(medians, "least", "pano", arguments.modes),
    }


def _ends(values: list[float]) -> tuple[float, float]:
    return min(values), max(values)


def _ratios(
    medians: dict[tuple[str, str], float], one: str, other: str, modes: list[str]
) -> dict[str, float]:
    return {mode: round(medians[one, mode] / medians[other, mode], 2) for mode in modes}


def main() -> None:
    """Parse the arguments, build captures if none is given, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="*", type=Path, help="capture files with DNS traffic")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (default 3)")
    parser.add_argument("--instructions", action="store_true", help="count with valgrind")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    arguments = parser.parse_args()
    zeek = find_zeek()
    if zeek is None:
        sys.exit("bench: Zeek is not installed; name it with $ZEEK")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        captures: list[Path] = [path.resolve() for path in arguments.captures]
        if not captures:
            captures = [folder / f"{name}.pcap" for name in BUILT]
            for path, (flows, under_way) in zip(captures, BUILT.values(), strict=True):
                write_pcap(path, transactions(flows=flows, under_way=under_way))
        figures = {path.stem: measure(zeek, path, arguments, folder) for path in captures}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
