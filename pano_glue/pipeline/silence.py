"""Silence: packets are mirrored, and the analyzer tells of none."""

from __future__ import annotations

from typing import NamedTuple

PATIENCE = 10.0  # seconds; an analyzer tells of what it read every second or so


class Silence:
    """How long the analyzer has read nothing although there was something to read."""

    def __init__(self) -> None:
        """Begin without having seen anything."""
        self._last: _Sight | None = None

    def seconds(self, now: float, mirrored: int, read: int) -> float:
        """Take in two totals at the time `now`; returns the seconds of silence, 0 for none.

        A total that is smaller than before is of a stage that began anew.
        """
        last = self._last
        if last is None or read != last.read or mirrored <= last.mirrored:
            self._last = _Sight(now, mirrored, read)
            return 0.0
        silent = now - last.time
        return silent if silent > PATIENCE else 0.0


class _Sight(NamedTuple):
    """The last moment at which all that was mirrored may have been read."""

    time: float
    mirrored: int
    read: int
