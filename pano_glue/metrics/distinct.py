"""How many different values were seen lately, estimated from a sample of their hashes.

Adaptive sampling (Flajolet: On adaptive sampling, Computing 43, 1990): only hashes up to a limit
are kept; when there are too many, the limit is halved. Exact up to KEPT values; beyond that the
standard error is about 1.2 / sqrt(KEPT), 2 %. The hash is keyed, so that nobody outside can aim at
it; the key is part of the state, so that the next life goes on with it.
"""

from __future__ import annotations

import os
from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, cast

import msgspec

from pano_glue.metrics.family import Family
from pano_glue.metrics.metric import Birth, thawed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEPT = 4096
WINDOW = 300.0  # seconds
SLOTS = 10
HIGHEST = (1 << 64) - 1  # of the hashes


class SlotState(msgspec.Struct, array_like=True):
    """One part of the window; `hashes` are unsigned 64-bit numbers of this machine."""

    number: int
    limit: int
    hashes: bytes


class DistinctState(msgspec.Struct, array_like=True):
    """The window, and what it came to when it was frozen."""

    key: bytes
    slots: list[SlotState]
    estimate: int


class _Slot:
    """The hashes of one part of the window."""

    __slots__ = ("hashes", "limit", "number")

    def __init__(self, number: int, limit: int = HIGHEST, hashes: Iterable[int] = ()) -> None:
        self.number = number
        self.limit = limit
        self.hashes = set(hashes)

    def add(self, hashes: Iterable[int]) -> None:
        self.hashes.update(filter(self.limit.__ge__, hashes))
        while len(self.hashes) > KEPT:
            self.limit //= 2
            self.hashes = set(filter(self.limit.__ge__, self.hashes))

    def freeze(self) -> SlotState:
        return SlotState(self.number, self.limit, array("Q", self.hashes).tobytes())


class Distinct:
    """The number of different values in the last five minutes, as a gauge."""

    def __init__(self, name: str, meaning: str, clock: Callable[[], float]) -> None:
        """Name the metric; `clock` gives seconds."""
        self.name = name
        self.meaning = meaning
        self._clock = clock
        self._key = os.urandom(16)
        self._slots: list[_Slot] = []

    def add(self, values: Iterable[str]) -> None:
        """Take in values, each once: what is given twice costs twice."""
        number = self._forget()
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        start = blake2b(digest_size=8, key=self._key)
        hashes = bytearray()
        for value in values:
            one = start.copy()
            one.update(value.encode())
            hashes += one.digest()
        self._slots[-1].add(array("Q", bytes(hashes)))

    def estimate(self) -> int:
        """Estimate the number of different values."""
        self._forget()
        if not self._slots:
            return 0
        limit = min(slot.limit for slot in self._slots)
        union = set[int]().union(*(filter(limit.__ge__, slot.hashes) for slot in self._slots))
        return round(len(union) * (HIGHEST + 1) / (limit + 1))

    def freeze(self, birth: Birth) -> DistinctState:  # noqa: ARG002 - a gauge has no birth
        """See `metric.Part`."""
        estimate = self.estimate()
        return DistinctState(self._key, [slot.freeze() for slot in self._slots], estimate)

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        old = thawed(state, DistinctState)
        self._key = old.key
        self._slots = [_Slot(s.number, s.limit, array("Q", s.hashes)) for s in old.slots]
        return True

    def family(self, state: object, seen: int, before: int = -1) -> Family:  # noqa: ARG002 - as in `freeze`
        """See `metric.Metric`."""
        line = f"{self.name} {cast('DistinctState', state).estimate}\n"
        return Family(self.name, "gauge", self.meaning, [line])

    def _forget(self) -> int:
        number = int(self._clock() // (WINDOW / SLOTS))
        self._slots = [slot for slot in self._slots if slot.number > number - SLOTS]
        return number
