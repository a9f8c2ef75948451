"""What captures suffer: packets lost, doubled, out of order, cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random

    from tests.data.packets import Packet

COPY = 400e-6  # seconds; what comes again as soon is a copy of the same packet
AGAIN = 0.01  # what comes after that is not


class Kept(NamedTuple):
    """A packet of the good capture as the damaged one has it."""

    time: float
    packet: int
    frame: bytes
    length: int  # bytes captured of it

    def has(self, end: int) -> bool:
        """Tell whether the frame's bytes up to `end` were captured."""
        return self.length >= end


def damaged(rng: Random, packets: list[Packet], part: range | None = None) -> list[Kept]:
    """Damage a capture, or a part of it, in one way or in several, or not at all."""
    chosen = part if part is not None else range(len(packets))
    kept = [Kept(packets[n][0], n, packets[n][1], len(packets[n][1])) for n in chosen]
    for damage in rng.sample(DAMAGES, rng.choice([0, 1, 1, 1, 2, 3])):
        kept = damage(rng, kept)
    return kept


def drop(rng: Random, kept: list[Kept]) -> list[Kept]:
    """Lose some packets."""
    share = rng.choice([0.02, 0.1, 0.5])
    return [each for each in kept if rng.random() > share]


def cut(rng: Random, kept: list[Kept]) -> list[Kept]:
    """Lose what came before, after or between two moments."""
    first, second = sorted(rng.randrange(len(kept) + 1) for _ in range(2))
    return rng.choice([kept[first:], kept[:second], kept[:first] + kept[second:]])


def duplicate(rng: Random, kept: list[Kept]) -> list[Kept]:
    """Show some packets twice: at once, as mirror ports do, or later."""
    share = rng.choice([0.05, 0.3, 1.0])
    delay = rng.choice([8e-6, 0.1 * COPY, AGAIN, 0.02])
    again = [each._replace(time=each.time + delay) for each in kept if rng.random() < share]
    return sorted([*kept, *again], key=lambda each: each.time)


def reorder(rng: Random, kept: list[Kept]) -> list[Kept]:
    """Let packets overtake each other."""
    reach = rng.choice([0.002, 0.1])  # seconds
    moved = sorted(kept, key=lambda each: each.time + rng.random() * reach)
    return [each._replace(time=slot.time) for each, slot in zip(moved, kept, strict=True)]


def truncate(rng: Random, kept: list[Kept]) -> list[Kept]:
    """Capture only the beginnings of some packets."""
    share, length = rng.choice([0.1, 1.0]), rng.choice([20, 68, 96, 200])
    return [
        each._replace(length=min(each.length, length)) if rng.random() < share else each
        for each in kept
    ]


DAMAGES = [drop, cut, duplicate, reorder, truncate]
