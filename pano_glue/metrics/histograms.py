"""One histogram metric: bucket counts by label values, with an exemplar per bucket."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from pano_glue.metrics.family import Family
from pano_glue.metrics.metric import Birth, Key, thawed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OLDEST = 3600.0  # seconds; an exemplar of an older record would lead to a place nobody looks at


class Exemplar(NamedTuple):
    """One transaction: Zeek's `uid` and its id, its time in seconds, and when, in epoch seconds."""

    uid: str
    trans_id: int
    value: float
    time: float
    number: int = 0  # of the first checkpoint with it

    def text(self) -> str:
        """Write it as OpenMetrics has it."""
        return f' # {{uid="{self.uid}",trans_id="{self.trans_id}"}} {self.value} {self.time}'


class Buckets(msgspec.Struct, array_like=True):
    """The counts of one label combination; the last bucket is +Inf."""

    counts: list[int]
    total: float = 0.0
    birth: Birth | None = None
    exemplars: dict[int, Exemplar] = {}

    def copy(self, birth: Birth) -> Buckets:
        """Copy, for a checkpoint; exemplars of long ago are left out."""
        if self.exemplars:
            self.exemplars = {
                index: one if one.number else one._replace(number=birth.number)
                for index, one in self.exemplars.items()
                if birth.time - one.time < OLDEST
            }
        return Buckets(self.counts.copy(), self.total, self.birth, self.exemplars.copy())


class HistogramsState(msgspec.Struct, array_like=True):
    """The buckets of one histogram."""

    labels: tuple[str, ...]
    bounds: list[float]
    values: dict[Key, Buckets]


class Histograms:
    """Bucket counts of one metric, keyed by a tuple of label values (already escaped)."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: tuple[str, ...],
        bounds: Sequence[float],
    ) -> None:
        """Name the metric and its upper bounds, ascending, without +Inf."""
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self.bounds = [float(bound) for bound in bounds]
        self.values: dict[Key, Buckets] = {}
        self._pairs = ",".join(f'{label}="%s"' for label in labels)
        self._les = [repr(bound) for bound in self.bounds] + ["+Inf"]

    def add(self, key: Key, value: float) -> None:
        """Count one value."""
        self.add_placed(key, {bisect_left(self.bounds, value): 1}, value)

    def add_placed(self, key: Key, counted: Mapping[int, int], total: float) -> None:
        """Count values that add up to `total`: how many belong in each bucket, see `placed`."""
        buckets = self._buckets(key)
        for place, count in counted.items():
            buckets.counts[place] += count
        buckets.total += total

    def add_counted(self, key: Key, counted: Mapping[int, int]) -> None:
        """Count many whole numbers of which few are different: how often each came."""
        buckets = self._buckets(key)
        for value, count in counted.items():
            buckets.counts[bisect_left(self.bounds, value)] += count
            buckets.total += value * count

    def forget(self, key: Key) -> None:
        """Let a series go."""
        del self.values[key]

    def exemplify(self, key: Key, exemplar: Exemplar, now: float) -> None:
        """Remember an exemplar of its bucket, unless its identifier is odd or its time long ago."""
        if exemplar.uid.isascii() and exemplar.uid.isalnum() and now - exemplar.time < OLDEST:
            index = bisect_left(self.bounds, exemplar.value)
            self._buckets(key).exemplars[index] = exemplar

    def freeze(self, birth: Birth) -> HistogramsState:
        """See `metric.Part`."""
        values = {}
        for key, buckets in self.values.items():
            buckets.birth = buckets.birth or birth
            values[key] = buckets.copy(birth)
        return HistogramsState(self.labels, self.bounds, values)

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        old = thawed(state, HistogramsState)
        if old.labels != self.labels or old.bounds != self.bounds:
            return False
        self.values = old.values
        return True

    def family(self, state: object, seen: int, before: int = -1) -> Family:
        """See `metric.Metric`; exemplars that were in page `before` are not shown again."""
        plain: list[str] = []
        rich: list[str] = []
        newborn = False
        for key, buckets in cast("HistogramsState", state).values.items():
            number, created = buckets.birth or Birth(0, 0.0)
            newborn |= number > seen
            told = Buckets([0] * len(buckets.counts)) if number > seen else buckets
            pairs = self._pairs % key
            head = f'{self.name}_bucket{{{pairs},le="'
            lines = [
                f'{head}{le}"}} {count}\n'
                for le, count in zip(self._les, accumulate(told.counts), strict=True)
            ]
            tail = [
                f"{self.name}_count{{{pairs}}} {sum(told.counts)}\n",
                f"{self.name}_sum{{{pairs}}} {told.total}\n",
            ]
            plain += lines + tail
            for i, exemplar in told.exemplars.items():
                if exemplar.number > before:
                    lines[i] = f"{lines[i][:-1]}{exemplar.text()}\n"
            rich += [*lines, *tail, f"{self.name}_created{{{pairs}}} {created}\n"]
        return Family(self.name, "histogram", self.meaning, plain, rich, newborn)

    def _buckets(self, key: Key) -> Buckets:
        buckets = self.values.get(key)
        if buckets is None:
            buckets = self.values[key] = Buckets([0] * len(self._les))
        return buckets


def placed(bounds: Sequence[float], values: Iterable[float | None]) -> list[int | None]:
    """Tell in which bucket of a histogram with these upper bounds each value belongs.

    One list serves all the histograms that count the same values by other labels.
    """
    return [None if value is None else bisect_left(bounds, value) for value in values]
