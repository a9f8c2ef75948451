"""`make test-kernels`: boots kernels with this tree and prints what works on each as a table.

Kernels are those of Debian's suites, or those that the environment's KERNELS names: words of the
form SUITE, or NAME=IMAGE for a kernel that needs no modules.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

from pano_glue.errors import PanoError
from tests.kernels.machine import Kernel, boot
from tests.kernels.packages import SUITES, kernel_of

GUEST = Path(__file__).with_name("guest.sh")
SECONDS = float(os.environ.get("KERNEL_SECONDS", "3600"))  # for one kernel, under emulation
# Columns, and the tests that each stands for.
COLUMNS = {
    "packets by BPF_PROG_RUN": ("test_program", "test_choice", "departure"),
    "NET_ADMIN and BPF alone": ("two_capabilities",),
    "exact under load": ("matched_is_mirrored",),
    "kill -9, tcx": ("[tcx]",),
    "kill -9, clsact": ("[clsact]",),
    "beside `ingress`": ("ingress_qdisc",),
    "hooks that went": ("somebody",),
    "time of clones": ("time_of_the_packet",),
    "kept mirror": ("outlives",),
}


def main() -> int:
    """Run on every kernel; the exit code is 1 when something failed on one that is supported."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pano-kernels"
    words = os.environ.get("KERNELS", " ".join(SUITES)).split()
    failed = 0
    print("| kernel |" + "".join(f" {column} |" for column in COLUMNS))
    print("|---|" + "---|" * len(COLUMNS), flush=True)
    for word in words:
        name, _, image = word.partition("=")
        out = cache / "out" / name
        out.mkdir(parents=True, exist_ok=True)
        for old in out.iterdir():
            old.unlink()
        try:
            kernel = Kernel(Path(image)) if image else kernel_of(name, cache)
            (out / "console").write_text(boot(kernel, GUEST, out, SECONDS))
        except PanoError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed += 1
            continue
        row, bad = read_results(name, out)
        print(row, flush=True)
        failed += bad
    return 1 if failed else 0


def read_results(name: str, out: Path) -> tuple[str, int]:
    """Make a row of what the machine wrote; also returns how many tests failed."""
    if not (out / "release").exists():
        print(f"{name}: did not come up, see {out}/console", file=sys.stderr)
        return f"| {name} | did not come up |", 1
    release = (out / "release").read_text().strip()
    results = out / "tests.xml"
    refused = (out / "code").exists() and (out / "code").read_text().strip() != "0"
    if not refused and not results.exists():
        print(f"{release}: ended before its tests, see {out}/console", file=sys.stderr)
        return f"| {release} | ended before its tests |", 1
    if not results.exists():
        lines = (out / "check").read_text().splitlines()
        why = [line.removeprefix("missing").strip() for line in lines if line[:7] == "missing"]
        return f"| {release} | refused: {'; '.join(why)} |", 0
    cells, bad = [], 0
    cases = list(ET.parse(results).iter("testcase"))  # noqa: S314 # written by our own pytest
    if not cases:
        print(f"{release}: no test ran, see {out}/console", file=sys.stderr)
        return f"| {release} | no test ran |", 1
    for marks in COLUMNS.values():
        counts: Counter[str] = Counter()
        for case in cases:
            full = f"{case.get('classname')}.{case.get('name')}"
            if any(mark in full for mark in marks):
                tags = {child.tag for child in case}
                if tags & {"failure", "error"}:
                    counts["failed"] += 1
                    print(f"{release}: {full} failed, see {results}", file=sys.stderr)
                else:
                    counts["skipped" if "skipped" in tags else "ok"] += 1
        bad += counts["failed"]
        cells.append(", ".join(f"{number} {word}" for word, number in counts.items()) or "-")
    return f"| {release} | {' | '.join(cells)} |", bad


if __name__ == "__main__":
    sys.exit(main())
