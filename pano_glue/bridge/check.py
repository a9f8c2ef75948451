"""Whether a log is what its name says, before anything of it is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.sources.compression import DamagedError
from pano_glue.sources.log_file import LogFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pano_glue.protocols import RecordProtocol


def check_log(path: Path, topic: str, limit: int, protocols: Mapping[str, RecordProtocol]) -> None:
    """Look at the beginning of a log; an empty one is good.

    Raises:
        OSError: when it cannot be read.
        PanoError: when its first lines are no records of `topic`, or it is damaged there.
    """
    protocol = protocols.get(topic)
    if protocol is None:
        known = ", ".join(protocols)
        raise PanoError(f"{path}: no protocol counts {topic}", f"the logs known are {known}")
    log = LogFile(path, limit, tables=True)
    try:
        lines = log.lines.next() or log.lines.rest()
    except DamagedError as error:
        raise PanoError(f"{path}: damaged: {error}", "restore the file") from error
    finally:
        log.close()
    reason = protocol.why_not(lines) if lines else None
    if reason is not None:
        cure = f"give Zeek's {topic}.log, JSON or TSV"
        raise PanoError(f"{path}: not a {topic}.log: record 1: {reason}", cure)
