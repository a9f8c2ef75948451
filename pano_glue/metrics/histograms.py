"""One histogram metric: bucket counts by label values, with an exemplar per bucket."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from pano_glue.metrics.family import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

Exemplar = tuple[str, float]
"""An identifier (a Zeek `uid`) and the value that it had."""


class _Buckets:
    """The counts of one label combination; the last bucket is +Inf."""

    __slots__ = ("counts", "exemplars", "slowest", "total")

    def __init__(self, size: int) -> None:
        self.counts = [0] * size
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}
        self.slowest = -1.0


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
        self.bounds = list(bounds)
        self.values: dict[tuple[str, ...], _Buckets] = {}
        self._pairs = ",".join(f'{label}="%s"' for label in labels)
        self._les = [repr(float(bound)) for bound in bounds] + ["+Inf"]

    def add_sorted(self, key: tuple[str, ...], values: Sequence[float]) -> None:
        """Count many values, ascending: one search per bucket, not one per value."""
        buckets = self._buckets(key)
        counts, start = buckets.counts, 0
        for i, bound in enumerate(self.bounds):
            end = bisect_right(values, bound, start)
            counts[i] += end - start
            start = end
        counts[-1] += len(values) - start
        buckets.total += sum(values)

    def beats(self, key: tuple[str, ...], value: float) -> bool:
        """Tell whether `value` is the largest since the last scrape, so worth an exemplar."""
        return value > self._buckets(key).slowest

    def exemplify(self, key: tuple[str, ...], identifier: str, value: float) -> None:
        """Remember `identifier` (letters and digits) as an exemplar of the bucket of `value`."""
        buckets = self._buckets(key)
        buckets.slowest = value
        if identifier.isascii() and identifier.isalnum():
            buckets.exemplars[bisect_left(self.bounds, value)] = (identifier, value)

    def family(self) -> Family:
        """Write all samples; exemplars are looked for anew from here on."""
        plain: list[str] = []
        rich: list[str] = []
        for key, buckets in self.values.items():
            pairs = self._pairs % key
            head = f'{self.name}_bucket{{{pairs},le="'
            lines = [
                f'{head}{le}"}} {count}\n'
                for le, count in zip(self._les, accumulate(buckets.counts), strict=True)
            ]
            tail = [
                f"{self.name}_count{{{pairs}}} {sum(buckets.counts)}\n",
                f"{self.name}_sum{{{pairs}}} {buckets.total}\n",
            ]
            plain += lines + tail
            for i, (identifier, value) in buckets.exemplars.items():
                lines[i] = f'{lines[i][:-1]} # {{uid="{identifier}"}} {value}\n'
            rich += lines + tail
            buckets.slowest = -1.0
        return Family(self.name, "histogram", self.meaning, plain, rich)

    def _buckets(self, key: tuple[str, ...]) -> _Buckets:
        buckets = self.values.get(key)
        if buckets is None:
            buckets = self.values[key] = _Buckets(len(self._les))
        return buckets
