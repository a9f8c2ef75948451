"""Batches that a publisher numbered and that never arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pano_glue.sources.base import Ledger

TOPICS = "pano/"  # what Zeek publishes below: `pano/dns`
EVENT = "PANO::batch"  # (sensor: string, seq: count, log: string, ndjson: string)


class Sequence:
    """Follows `seq` per sensor and log.

    The first batch of a sensor says where we came in; after that each number follows the one
    before. A smaller one means that the sensor's Zeek has begun anew, at 1.
    """

    def __init__(self, ledger: Ledger, sensors: int) -> None:
        """Write losses to `ledger`; sensors beyond the first `sensors` are not followed."""
        self._ledger = ledger
        self._most = sensors
        self._logs: dict[str, dict[str, int]] = {}

    def arrived(self, sensor: str, log: str, seq: int) -> None:
        """Take note of a batch and count those that should have come before it."""
        if sensor not in self._logs and len(self._logs) >= self._most:
            return
        logs = self._logs.setdefault(sensor, {})
        last = logs.get(log, seq - 1)
        lost = seq - last - 1 if seq > last else seq - 1
        if lost:
            self._ledger.lost(sensor, lost)
        if log in logs or len(logs) < self._most:
            logs[log] = seq
