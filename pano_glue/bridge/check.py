"""Whether a log is what its name says, before anything of it is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.sources.log_file import LogFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pano_glue.protocols import RecordProtocol

TRIED = 100  # lines without one good record make it another log


def check_log(path: Path, topic: str, limit: int, protocols: Mapping[str, RecordProtocol]) -> None:
    """Look at the beginning of a log; an empty one is good.

    Raises:
        PanoError: when it cannot be read, or its first lines are no records of `topic`.
    """
    protocol = protocols.get(topic)
    if protocol is None:
        known = ", ".join(protocols)
        raise PanoError(f"{path}: no protocol counts {topic}", f"the logs known are {known}")
    log = LogFile(path, limit)
    lines = (log.lines.next() or log.lines.rest()).splitlines()[:TRIED]
    log.close()
    reasons = [protocol.why_not(line) for line in lines if line.strip()]
    if reasons and all(reasons):
        cure = f"give Zeek's {topic}.log, JSON or TSV"
        raise PanoError(f"{path}: not a {topic}.log: record 1: {reasons[0]}", cure)
