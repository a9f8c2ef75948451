"""What the kernel program has seen at each hook: `struct pano_count`, one for each CPU."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pano_glue.agent.layout import CAUSES, COUNT, HOOKS, PROBES
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from pano_glue.agent.libbpf import BpfMap

KEY = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class HookCount:
    """What one program on one side of one interface has seen, in packets."""

    matched: int
    mirrored: int
    duplicate: int
    errors: dict[str, int]

    @property
    def error(self) -> int:
        """Packets that should have been mirrored and were not, whatever the cause."""
        return sum(self.errors.values())

    def __add__(self, other: HookCount) -> HookCount:
        """Add two hooks' counts."""
        return HookCount(
            self.matched + other.matched,
            self.mirrored + other.mirrored,
            self.duplicate + other.duplicate,
            {cause: number + other.errors[cause] for cause, number in self.errors.items()},
        )


class Counts:
    """The table of counts; a hook is an interface's number and a direction (0 is ingress)."""

    def __init__(self, table: BpfMap, cpus: int) -> None:
        """Count from now on in this map, which is empty."""
        self._table = table
        self._cpus = cpus
        self._places: dict[tuple[int, int], int] = {}

    def open(self, ifindex: int, direction: int) -> None:
        """Start to count for a hook, from zero.

        Raises:
            PanoError: when there is no place left for it.
        """
        first = 2 * ifindex + direction
        taken = self._places.values()
        places = ((first + probe) % HOOKS for probe in range(PROBES))
        place = next((place for place in places if place not in taken), None)
        if place is None:
            raise PanoError(
                f"too many interfaces: no room to count for number {ifindex}",
                "name fewer with --iface",
            )
        self._places[ifindex, direction] = place
        self._write(place, COUNT.pack(ifindex, direction, *[0] * (3 + len(CAUSES))))

    def read(self, ifindex: int, direction: int) -> HookCount | None:
        """Add up what all CPUs counted for a hook; None when it is not counted for."""
        place = self._places.get((ifindex, direction))
        if place is None:
            return None
        value = self._table.lookup(KEY.pack(place), COUNT.size * self._cpus) or b""
        _, _, *columns = zip(*COUNT.iter_unpack(value), strict=True)
        matched, mirrored, duplicate, *failed = map(sum, columns)
        return HookCount(matched, mirrored, duplicate, dict(zip(CAUSES, failed, strict=True)))

    def close(self, ifindex: int, direction: int) -> None:
        """Forget a hook, whether or not it is counted for."""
        place = self._places.pop((ifindex, direction), None)
        if place is not None:
            self._write(place, bytes(COUNT.size))

    def _write(self, place: int, value: bytes) -> None:
        self._table.update(KEY.pack(place), value * self._cpus)
