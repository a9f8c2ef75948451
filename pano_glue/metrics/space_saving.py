"""The most frequent values of a stream, in bounded memory.

Space-Saving (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in
Data Streams, 2005): a fixed number of values is watched; one that is not takes over the smallest
count. Whatever is more frequent than one part in that number is certain to be watched.
"""

from __future__ import annotations

from heapq import heappush, heapreplace, nlargest


class SpaceSaving:
    """Counts of the watched values; `inherited` is the part of each that may be another's."""

    def __init__(self, watched: int) -> None:
        """Watch so many values."""
        self._watched = watched
        self.counts: dict[str, float] = {}
        self.inherited: dict[str, float] = {}
        self._smallest: list[tuple[float, str]] = []  # a heap; its counts may lag behind

    def add(self, value: str, count: float) -> None:
        """Count a value."""
        counts = self.counts
        if value in counts:
            counts[value] += count
        elif len(counts) < self._watched:
            counts[value] = count
            heappush(self._smallest, (count, value))
        else:
            self._take_over(value, count)

    def forget(self, value: str) -> None:
        """Begin a value that is watched at zero, as one that was never seen."""
        if value in self.counts:
            self.inherited[value] = self.counts[value]

    def certain(self, value: str) -> float:
        """Tell how often a watched value was seen since it was taken in."""
        return self.counts[value] - self.inherited.get(value, 0)

    def largest(self) -> list[tuple[str, float]]:
        """Give the values by their certain counts, the most frequent first."""
        counted = [(self.certain(value), value) for value in self.counts]
        return [(value, count) for count, value in sorted(counted, reverse=True)]

    def keep(self, counts: dict[str, float], inherited: dict[str, float]) -> None:
        """Go on from other counts; of too many the rarest are left."""
        kept = nlargest(self._watched, counts.items(), key=lambda item: item[1])
        self.counts = dict(kept)
        self.inherited = {v: n for v, n in inherited.items() if v in self.counts}
        self._smallest = sorted((count, value) for value, count in kept)

    def _take_over(self, value: str, count: float) -> None:
        heap, counts = self._smallest, self.counts
        while True:
            known, smallest = heap[0]
            current = counts[smallest]
            if known == current:
                break
            heapreplace(heap, (current, smallest))
        del counts[smallest]
        self.inherited.pop(smallest, None)
        counts[value] = current + count
        self.inherited[value] = current
        heapreplace(heap, (current + count, value))
