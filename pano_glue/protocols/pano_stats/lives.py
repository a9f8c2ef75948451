"""The Zeek processes behind a sensor's name: one after another, or, by mistake, two at a time.

A process is known by when it started and its pid, where its rows tell. Totals of each grow by
themselves, so what two tell by turns is added up right.
"""

from __future__ import annotations

import msgspec

from pano_glue.metrics.labels import OTHER
from pano_glue.metrics.metric import Birth, thawed

LIVES = 64  # of one sensor that are remembered
RECENT = 120.0  # seconds since its last row in which a process is taken for alive


class Life(msgspec.Struct, array_like=True):
    """One process's newest row: its totals, what it has just now, and when that was heard.

    `first` is when the process was heard first, by the same clock.
    """

    totals: dict[str, int]
    heard: float = 0.0
    pending: int = 0
    memory_bytes: int = 0
    lag: float = 0.0
    started: float = 0.0
    first: float = 0.0


class SensorState(msgspec.Struct, array_like=True):
    """A sensor's processes, the one heard last, and when two were heard by turns."""

    lives: dict[str, Life]
    last: str = ""
    shared: float = 0.0


class Lives:
    """The processes of each sensor; a part of the checkpoint."""

    name = "pano_stats_lives"

    def __init__(self) -> None:
        """Begin without any."""
        self._sensors: dict[str, SensorState] = {}

    def added(self, sensor: str, key: str, life: Life) -> dict[str, int]:
        """Take in the newest row of the process `key`; tells what it adds to the sensor's totals.

        Without a key, a total below the last one is of a process that began anew, at 0; with one it
        is an old row. Of sensors without a label there may be more than are remembered: they begin
        with their first row.
        """
        state = self._sensors.setdefault(sensor, SensorState({}))
        known = state.lives.pop(key, None)
        before: dict[str, int] = life.totals if sensor == OTHER else {}
        if known is not None:
            before, life.first = known.totals, known.first
            if state.last != key:
                state.shared = life.heard
        state.last = key
        old = any(total < before.get(field, 0) for field, total in life.totals.items())
        if old and not key:
            before = {}
        elif old:
            life.totals = {f: max(n, before.get(f, 0)) for f, n in life.totals.items()}
        if len(state.lives) >= LIVES:
            del state.lives[next(iter(state.lives))]
        state.lives[key] = life
        return {field: total - before.get(field, 0) for field, total in life.totals.items()}

    def alive(self, sensor: str, now: float) -> list[Life]:
        """Give the processes that are there now: the last one, and those it takes turns with."""
        state = self._sensors[sensor]
        if not 0 <= now - state.shared < RECENT:
            return [state.lives[state.last]]
        lives = [life for life in state.lives.values() if 0 <= now - life.heard < RECENT]
        newest = max((life.first for life in lives), default=0.0)
        # What was not heard since the newest began is what that came in place of.
        return [life for life in lives if life.heard >= newest] or [state.lives[state.last]]

    def sensors(self) -> list[str]:
        """Give all that were heard and have a label."""
        return [sensor for sensor in self._sensors if sensor != OTHER]

    def freeze(self, birth: Birth) -> dict[str, SensorState]:  # noqa: ARG002 - no series
        """See `metric.Part`; a life is never changed once it stands here."""
        return {
            sensor: SensorState(state.lives.copy(), state.last, state.shared)
            for sensor, state in self._sensors.items()
        }

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        self._sensors = thawed(state, dict[str, SensorState])
        return True
