"""Batches that a publisher numbered and that never arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pano_glue.sources.base import SourceContext

TOPICS = "pano/"  # what Zeek publishes below: `pano/dns`
EVENT = "PANO::batch"  # (sensor: string, seq: count, log: string, ndjson: string)

Seqs = dict[str, dict[str, int]]
"""The last `seq` by sensor and log; never changed in place, so that it is a position."""


class Sequence:
    """Follows `seq` per sensor and log, over the lives of the bridge.

    The first batch of a sensor says where we came in; after that each number follows the one
    before, that of the checkpoint when this is a new life. A smaller one means that the sensor's
    Zeek has begun anew, at 1.
    """

    def __init__(self, source: str, context: SourceContext) -> None:
        """Go on where the checkpoint has `source`; sensors beyond their limit are not followed.

        Raises:
            PanoError: when the checkpoint has something else there.
        """
        self._ledger = context.ledger
        self._most = context.config.limits.sensors
        self._last = context.position(source, Seqs) or {}
        self._seen: set[str] = set()

    def arrived(self, sensor: str, log: str, seq: int) -> Seqs:
        """Count the batches that should have come before this one; returns the new position."""
        logs = self._last.get(sensor)
        if logs is None and len(self._last) >= self._most:
            return self._last
        logs = logs or {}
        last = logs.get(log, seq - 1)
        lost = seq - last - 1 if seq > last else seq - 1
        if lost or sensor not in self._seen:
            self._seen.add(sensor)
            self._ledger.lost(sensor, lost)  # 0 at first, from which rates begin
        if log in logs or len(logs) < self._most:
            self._last = {**self._last, sensor: {**logs, log: seq}}
        return self._last
