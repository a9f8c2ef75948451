"""The values that a stream has most of now, each with its own exact counter.

Who is shown is chosen by the last ten to twenty minutes: two windows take turns, each a
Space-Saving sketch. What is shown is counted exactly from its entry on, and begins with what the
sketches are certain of, so it never overstates. Yesterday's most frequent does not keep out
today's attack, and `increase()` of a shown value is what was counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from pano_glue.metrics.counters import Counters, CountersState
from pano_glue.metrics.family import escaped
from pano_glue.metrics.metric import Birth, thawed
from pano_glue.metrics.space_saving import SpaceSaving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pano_glue.metrics.family import Family
    from pano_glue.metrics.metric import Key

WATCHED = 10  # values that a window watches for each one shown
WINDOW = 600.0  # seconds
STAY = 3600.0  # seconds that a value is shown at least
SHARE = 0.1  # of an even part of the window's total, for which a value is let in


class Shown(msgspec.Struct, array_like=True):
    """A shown value: its count, and when it came in, in epoch seconds."""

    count: float
    since: float
    birth: Birth | None = None


class TopState(msgspec.Struct, array_like=True):
    """What is shown, and the two windows: counts, inherited parts, totals; the newer one first."""

    shown: dict[str, Shown]
    windows: list[tuple[dict[str, float], dict[str, float], float]]
    began: float


class Top:
    """The `top` most frequent values, and those shown until lately, as a counter with one label."""

    def __init__(
        self, name: str, meaning: str, label: str, top: int, clock: Callable[[], float]
    ) -> None:
        """Name the metric, without `_total`, and its label; `clock` gives epoch seconds."""
        self.name = name
        self.meaning = meaning
        self._label = label
        self._top = top
        self._clock = clock
        self._shown: dict[str, Shown] = {}
        self._windows = [SpaceSaving(top * WATCHED), SpaceSaving(top * WATCHED)]
        self._totals = [0.0, 0.0]
        self._began = clock()
        self._text = Counters(name, meaning, (label,))

    def add(self, counted: Mapping[str, float]) -> None:
        """Count `{value: how much}`."""
        if not self._top:
            return
        window, shown = self._windows[0], self._shown
        for value, count in counted.items():
            window.add(value, count)
            if value in shown:
                shown[value].count += count
        self._totals[0] += sum(counted.values())

    def settle(self) -> None:
        """Let in what the windows have most of, and let go what had its time."""
        now = self._clock()
        ranked = self._ranked()
        for value, count in ranked.items():
            if value not in self._shown:
                self._shown[value] = Shown(count, now)
        leaving = sorted(
            (shown.since, value) for value, shown in self._shown.items() if value not in ranked
        )
        for since, value in leaving:
            if 0 <= now - since < STAY and len(self._shown) <= 2 * self._top:
                break
            del self._shown[value]
            for window in self._windows:
                window.forget(value)  # what was shown of it must not be shown again
        if not 0 <= now - self._began < WINDOW:
            self._windows = [SpaceSaving(self._top * WATCHED), self._windows[0]]
            self._totals = [0.0, self._totals[0]]
            self._began = now

    def freeze(self, birth: Birth) -> TopState:
        """See `metric.Part`."""
        self.settle()
        for shown in self._shown.values():
            shown.birth = shown.birth or birth
        copied = {value: Shown(s.count, s.since, s.birth) for value, s in self._shown.items()}
        windows = [
            (window.counts.copy(), window.inherited.copy(), total)
            for window, total in zip(self._windows, self._totals, strict=True)
        ]
        return TopState(copied, windows, self._began)

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        old = thawed(state, TopState)
        self._shown, self._began = old.shown, old.began
        for window, (counts, inherited, _) in zip(self._windows, old.windows, strict=True):
            window.keep(counts, inherited)
        self._totals = [total for _, _, total in old.windows]
        return True

    def family(self, state: object, seen: int, before: int = -1) -> Family:  # noqa: ARG002 - no exemplars
        """See `metric.Metric`."""
        shown = cast("TopState", state).shown
        keys: dict[str, Key] = {value: (escaped(value),) for value in shown}
        values: dict[Key, int | float] = {keys[v]: one.count for v, one in shown.items()}
        births = {keys[value]: one.birth for value, one in shown.items() if one.birth is not None}
        return self._text.family(CountersState((self._label,), values, births), seen)

    def _ranked(self) -> dict[str, float]:
        """Give the most frequent values of both windows with their certain counts."""
        newer, older = self._windows
        certain = {value: newer.certain(value) for value in newer.counts}
        for value in older.counts:
            certain[value] = certain.get(value, 0) + older.certain(value)
        least = SHARE * sum(self._totals) / (self._top or 1)
        most = sorted(certain.items(), key=lambda item: (-item[1], item[0]))[: self._top]
        return {value: count for value, count in most if count > 0 and count >= least}
