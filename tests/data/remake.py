"""Makes the recorded logs again: `python -m tests.data.remake [--capture] [FOLDER]`.

Runs Zeek on `lab.pcap.gz` and writes `dns.log.gz` and `pano_stats.log`, here or into FOLDER;
`--capture` first records new traffic with `lab.sh` (root, nsd, dnsperf and tcpdump).
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pano_glue.paths import find_zeek, shared_folder

DATA = Path(__file__).resolve().parent
CAPTURE = DATA / "lab.pcap.gz"
# Columns of pano_stats about the process, which is another one each time.
THIS_RUN = re.compile(r',"(started|pid|memory_bytes)":[0-9.]+')


def record_traffic() -> None:
    """Replace the capture with new traffic from the lab."""
    with tempfile.TemporaryDirectory() as name:
        plain = Path(name) / "lab.pcap"
        subprocess.run([str(DATA / "lab.sh"), str(plain)], check=True)
        CAPTURE.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))


def record_logs(zeek: Path, into: Path) -> None:
    """Analyse the capture, reproducibly: `-D` makes the same uids each time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = folder / "lab.pcap"
        plain.write_bytes(gzip.decompress(CAPTURE.read_bytes()))
        command = [str(zeek), "-D", "-b", "-r", str(plain), str(shared_folder("zeek-scripts"))]
        subprocess.run([*command, "PANO::sensor=lab"], cwd=folder, check=True)
        records = (folder / "dns.log").read_bytes()
        (into / "dns.log.gz").write_bytes(gzip.compress(records, mtime=0))
        stats = (folder / "pano_stats.log").read_text()
        (into / "pano_stats.log").write_text(THIS_RUN.sub("", stats))


def main() -> None:
    """Record anew what the golden tests compare with."""
    zeek = find_zeek()
    if zeek is None:
        sys.exit("remake: Zeek is not installed; name it with $ZEEK")
    arguments = sys.argv[1:]
    if "--capture" in arguments:
        arguments.remove("--capture")
        record_traffic()
    record_logs(zeek, Path(arguments[0]) if arguments else DATA)


if __name__ == "__main__":
    main()
