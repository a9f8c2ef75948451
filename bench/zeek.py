"""Transactions per CPU second: this package against Zeek's own DNS scripts, same capture.

`python bench/zeek.py [CAPTURE] [--rounds N]` runs all sides in turn, with and without ZAM, and
prints one JSON object. A third side, `least.zeek`, does the least that a script can do to log such
a record: it bounds what the package can reach. Without a capture it records one in the lab first
(root). CPU seconds are user plus system time of the whole Zeek process; the cost of starting Zeek,
measured on an empty capture, is subtracted on all sides. A side's figure is the median of its
rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pano_glue.paths import find_zeek, shared_folder

LAB = Path(__file__).resolve().parents[1] / "tests" / "data" / "lab.sh"
SIDES = {
    "stock": "base/protocols/dns",
    "pano": str(shared_folder("zeek-scripts")),
    "least": str(Path(__file__).with_name("least.zeek")),
}
MODES: dict[str, list[str]] = {"plain": [], "zam": ["-O", "ZAM"]}


def cpu_seconds(command: list[str], folder: Path) -> float:
    """Run a command to its end and return its CPU time.

    Raises:
        SystemExit: when it fails.
    """
    with subprocess.Popen(command, cwd=folder) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def outcomes(log: Path) -> dict[str, int]:
    """Count the records of a dns.log by outcome."""
    found: dict[str, int] = {}
    with log.open() as lines:
        for line in lines:
            outcome = json.loads(line)["outcome"]
            found[outcome] = found.get(outcome, 0) + 1
    return found


def empty_capture(path: Path, of: Path) -> Path:
    """Write the header of a classic pcap file and nothing else."""
    with of.open("rb") as source:
        path.write_bytes(source.read(24))
    return path


def ratios(spent: dict[str, float], side: str) -> dict[str, float]:
    """Tell how many times the transactions of the stock scripts a side takes in, by mode."""
    return {mode: round(spent[f"stock_{mode}"] / spent[f"{side}_{mode}"], 2) for mode in MODES}


def measure(zeek: Path, capture: Path, rounds: int, folder: Path) -> dict[str, object]:
    """Run all sides in turn and return their figures."""
    nothing = empty_capture(folder / "empty.pcap", capture)
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for mode, options in MODES.items():
            for side, script in SIDES.items():
                base = [str(zeek), "-b", "-C", *options, script]
                spent = cpu_seconds([*base, "-r", str(capture)], folder)
                start = cpu_seconds([*base, "-r", str(nothing)], folder)
                seconds.setdefault(f"{side}_{mode}", []).append(spent - start)
    cpu_seconds([str(zeek), "-b", SIDES["pano"], "-r", str(capture)], folder)
    found = outcomes(folder / "dns.log")
    transactions = sum(found.values())
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "transactions": transactions,
        "outcomes": found,
        "rounds": rounds,
        "cpu_seconds": {name: round(value, 2) for name, value in medians.items()},
        "per_cpu_second": {name: round(transactions / value) for name, value in medians.items()},
        "ratio": ratios(medians, "pano"),
        "ratio_of_least": ratios(medians, "least"),
    }


def main() -> None:
    """Parse the arguments, record a capture if none is given, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", nargs="?", type=Path, help="a capture file with DNS traffic")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (default 3)")
    arguments = parser.parse_args()
    zeek = find_zeek()
    if zeek is None:
        sys.exit("bench: Zeek is not installed; name it with $ZEEK")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture = arguments.capture
        if capture is None:
            capture = folder / "bench.pcap"
            command = [str(LAB), str(capture), "80000", "12000"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        figures = measure(zeek, capture.resolve(), arguments.rounds, folder)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
