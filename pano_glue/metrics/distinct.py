"""How many different values were seen lately, estimated from a sample of their hashes.

Adaptive sampling (Flajolet: On adaptive sampling, Computing 43, 1990): only hashes below a limit
are kept; when there are too many, the limit is halved. Exact up to KEPT values; beyond that the
standard error is about 1.2 / sqrt(KEPT), 2 %. For a batch of values all of it runs in C. Python's
hash of a string is keyed anew in each process, so nobody outside can aim at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.metrics.family import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEPT = 4096
WINDOW = 300.0  # seconds
SLOTS = 10
LOWEST = -(1 << 63)  # of Python's hashes


class _Slot:
    """The hashes of one part of the window."""

    __slots__ = ("hashes", "limit", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.limit = -LOWEST
        self.hashes: set[int] = set()

    def add(self, values: Iterable[str]) -> None:
        self.hashes.update(filter(self.limit.__gt__, map(hash, values)))
        while len(self.hashes) > KEPT:
            self.limit = LOWEST + (self.limit - LOWEST) // 2
            self.hashes = set(filter(self.limit.__gt__, self.hashes))


class Distinct:
    """The number of different values in the last five minutes, as a gauge."""

    def __init__(self, name: str, meaning: str, clock: Callable[[], float]) -> None:
        """Name the metric; `clock` gives seconds."""
        self.name = name
        self.meaning = meaning
        self._clock = clock
        self._slots: list[_Slot] = []

    def add(self, values: Iterable[str]) -> None:
        """Take in values, any of them as often as it likes."""
        number = self._forget()
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        self._slots[-1].add(values)

    def estimate(self) -> int:
        """Estimate the number of different values."""
        self._forget()
        if not self._slots:
            return 0
        limit = min(slot.limit for slot in self._slots)
        union = set[int]().union(*(filter(limit.__gt__, slot.hashes) for slot in self._slots))
        return round(len(union) * (1 << 64) / (limit - LOWEST))

    def family(self) -> Family:
        """Write the estimate."""
        return Family(self.name, "gauge", self.meaning, [f"{self.name} {self.estimate()}\n"])

    def _forget(self) -> int:
        number = int(self._clock() // (WINDOW / SLOTS))
        self._slots = [slot for slot in self._slots if slot.number > number - SLOTS]
        return number
