"""Heavy hitters: the most frequent values of a stream, in bounded memory.

Space-Saving (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in
Data Streams, 2005): a fixed number of values is watched; one that is not takes over the smallest
count. Whatever is more frequent than 1/WATCHED of the stream is certain to be watched.
"""

from __future__ import annotations

from heapq import heappush, heapreplace
from typing import TYPE_CHECKING

from pano_glue.metrics.family import Family, escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

WATCHED = 50  # values watched for each one shown, which keeps the shown ones from changing places


class Top:
    """The `top` most frequent values, as a counter with one label.

    What is shown is the part of a count that is certain: seen since the value was last taken in.
    It never overstates, and restarts at zero, as a counter may, when a value left and came back.
    """

    def __init__(self, name: str, meaning: str, label: str, top: int) -> None:
        """Name the metric, without `_total`, and its label."""
        self.name = name
        self.meaning = meaning
        self._label = label
        self._top = top
        self._counts: dict[str, int] = {}
        self._inherited: dict[str, int] = {}
        self._smallest: list[tuple[int, str]] = []  # a heap; its counts may lag behind

    def add(self, counted: Mapping[str, int]) -> None:
        """Count `{value: how often}`."""
        counts = self._counts
        for value, count in counted.items():
            if value in counts:
                counts[value] += count
            elif len(counts) < self._top * WATCHED:
                counts[value] = count
                heappush(self._smallest, (count, value))
            else:
                self._take_over(value, count)

    def family(self) -> Family:
        """Write the most frequent values."""
        certain = [(n - self._inherited.get(value, 0), value) for value, n in self._counts.items()]
        certain.sort(reverse=True)
        lines = [
            f'{self.name}_total{{{self._label}="{escaped(value)}"}} {count}\n'
            for count, value in certain[: self._top]
        ]
        return Family(self.name, "counter", self.meaning, lines)

    def _take_over(self, value: str, count: int) -> None:
        heap, counts = self._smallest, self._counts
        while True:
            known, smallest = heap[0]
            current = counts[smallest]
            if known == current:
                break
            heapreplace(heap, (current, smallest))
        del counts[smallest]
        self._inherited.pop(smallest, None)
        counts[value] = current + count
        self._inherited[value] = current
        heapreplace(heap, (current + count, value))
