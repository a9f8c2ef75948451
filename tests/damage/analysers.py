"""The two analysers, each from a capture to its records."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pano_glue.bridge.counting import Counting
from pano_glue.config import Config
from pano_glue.paths import find_zeek, shared_folder
from pano_glue.sources import SourceContext, open_source

if TYPE_CHECKING:
    from collections.abc import Callable


class Analysed(NamedTuple):
    """The records of dns.log, the last one of pano_stats, and what should not be there."""

    records: list[dict[str, Any]]
    stats: dict[str, Any]
    complaints: str


def context(config: Config) -> SourceContext:
    """Return what a source may use, for one that is read to its end."""
    return SourceContext(Counting(config).ledger, config)


def with_tshark(pcap: Path, options: str = "") -> Analysed:
    """Read a capture through the `tshark:` source."""
    records: list[dict[str, Any]] = []
    stats: dict[str, Any] = {}
    for batch in open_source(f"tshark:{pcap}?sensor=t{options}", context(Config())).batches():
        lines = [json.loads(line) for line in batch.json_lines().splitlines()]
        if batch.topic == "dns":
            records += lines
        else:
            stats = lines[-1]
    return Analysed(records, stats, "")


def with_zeek(pcap: Path) -> Analysed:
    """Read a capture with Zeek and our scripts, or those that $PANO_SCRIPTS names."""
    zeek = find_zeek()
    assert zeek is not None
    scripts = os.environ.get("PANO_SCRIPTS", str(shared_folder("zeek-scripts")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [str(zeek), "-b", "-r", str(pcap.resolve()), scripts]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        reporter = folder / "reporter.log"
        complaints = done.stderr + (reporter.read_text() if reporter.exists() else "")
        return Analysed(_log(folder / "dns.log"), _log(folder / "pano_stats.log")[-1], complaints)


def _log(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def found() -> dict[str, Callable[[Path], Analysed]]:
    """Return the analysers that are installed."""
    return {"tshark": with_tshark} | ({} if find_zeek() is None else {"zeek": with_zeek})
