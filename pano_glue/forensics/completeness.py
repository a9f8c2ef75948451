"""Whether the logs are complete: what pano_stats, beside them, says about the range in question.

The sensor's totals since its start, every 10 s (zeek-scripts/stats.zeek).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pano_glue.errors import PanoError
from pano_glue.forensics.readers.open import blocks
from pano_glue.forensics.readers.tsv_rows import TsvRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

UNKNOWN = "completeness unknown: no pano_stats.log beside the logs"
LATE = 15.0  # seconds from a query to its record, at most
SILENCE = 3  # intervals without a word before a sensor counts as silent


class Totals(msgspec.Struct):
    """What matters here of a pano_stats record."""

    ts: float
    sensor: str = ""
    packets_received: int = 0
    packets_dropped: int = 0
    records_logged: int = 0
    vetoed: int = 0


class Lost(NamedTuple):
    """What is missing of one sensor's records in a range."""

    packets: int
    silences: int


def completeness(
    logs: Sequence[Path],
    begin: datetime,
    end: datetime,
    count: Callable[[float, float], int] | None = None,
) -> str:
    """Say whether the records between two times (UTC) are all that were on the wire.

    `count` gives how many records there are between two epoch seconds: of one sensor it shows what
    was logged and is not here, because a batch or a file was lost on the way.
    """
    sensors: dict[str, list[Totals]] = defaultdict(list)
    for path in logs:
        for totals in _read(path):
            sensors[totals.sensor].append(totals)
    if not sensors:
        return UNKNOWN
    first, last = begin.timestamp(), end.timestamp()
    lost = {
        sensor: _lost(sorted(told, key=lambda one: one.ts), first, last)
        for sensor, told in sensors.items()
    }
    packets = sum(one.packets for one in lost.values())
    silences = sum(one.silences for one in lost.values())
    missing = 0
    if count and len(sensors) == 1:
        (told,) = sensors.values()
        missing = _missing(sorted(told, key=lambda one: one.ts), first, last, count)
    if not packets and not silences and not missing:
        return f"complete: {len(sensors)} sensors dropped no packet in this range"
    parts = [f"{packets:,} packets dropped"] if packets else []
    parts += [f"{silences:,} times a sensor was silent"] if silences else []
    parts += [f"at least {missing:,} records lost in batches or files"] if missing else []
    return f"incomplete: {', '.join(parts)} in this range"


def _lost(told: Sequence[Totals], first: float, last: float) -> Lost:
    """Add up one sensor's losses, of the intervals that overlap the range."""
    packets = silences = 0
    steps = sorted(b.ts - a.ts for a, b in pairwise(told))
    usual = steps[len(steps) // 2] if steps else 0.0
    for before, after in zip([Totals(told[0].ts), *told], told, strict=False):
        if after.ts < first or before.ts > last:
            continue
        restarted = after.packets_received < before.packets_received
        packets += after.packets_dropped - (0 if restarted else before.packets_dropped)
        silences += usual > 0 and after.ts - before.ts > SILENCE * usual
    covered = told[0].ts - usual * SILENCE <= first and last <= told[-1].ts + usual * SILENCE
    return Lost(packets, silences + (usual > 0 and not covered))


def _missing(
    told: Sequence[Totals], first: float, last: float, count: Callable[[float, float], int]
) -> int:
    """Compare what one sensor logged within the range with what is here; never too many."""
    steps = [(a, b) for a, b in pairwise(told) if first <= a.ts and b.ts <= last]
    if not steps:
        return 0
    logged = sum(
        after.records_logged
        - (0 if after.records_logged < before.records_logged else before.records_logged)
        for before, after in steps
    )
    return max(0, logged - count(steps[0][0].ts - LATE, steps[-1][1].ts))


def _read(path: Path) -> Iterator[Totals]:
    """Read what can be read of a pano_stats log, in either form."""
    rows = TsvRows()
    for line in _lines(path):
        if line.startswith(b"#"):
            rows.header(line)
            continue
        try:
            if line.startswith(b"{"):
                yield msgspec.json.decode(line, type=Totals)
            elif row := rows.row(line):
                yield msgspec.convert(row, Totals)
        except msgspec.DecodeError:
            continue  # a half line: the next one has the same totals, and more


def _lines(path: Path) -> Iterator[bytes]:
    half = b""
    try:
        for block in blocks(path):
            *lines, half = (half + block).split(b"\n")
            yield from (line.rstrip(b"\r") for line in lines)
    except EOFError:
        return
    except OSError as error:
        raise PanoError(f"{path}: {error.strerror}", "check its permissions") from error
