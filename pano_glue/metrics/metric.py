"""What a checkpoint asks of everything that counts, and when a series was born.

A checkpoint is numbered. A series is born with the first checkpoint that holds it, and a scraper
that has not seen a page of that checkpoint or a later one is shown 0: only from there on can
Prometheus see what was added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import KeysView

    from pano_glue.metrics.family import Family

State = TypeVar("State")

Key = tuple[str, ...]
"""The label values of one series, already escaped."""

LATEST = 1 << 62
"""As `seen`: a scraper that has seen everything."""


class Birth(NamedTuple):
    """The number of the first checkpoint with a series, and its time in epoch seconds."""

    number: int
    time: float


class Part(Protocol):
    """Something whose state a checkpoint holds, under a name that stays."""

    @property
    def name(self) -> str:
        """Its name in the checkpoint; a metric's is that of its family."""

    def freeze(self, birth: Birth) -> object:
        """Copy the state, as something msgspec encodes; what is new was born at `birth`."""

    def thaw(self, state: msgspec.Raw) -> bool:
        """Go on from a state that `freeze` gave; False when it had another shape.

        Raises:
            msgspec.DecodeError: when it is no such state.
        """


class Metric(Part, Protocol):
    """A part that a page shows."""

    def family(self, state: object, seen: int, before: int = -1) -> Family:
        """Write a frozen state for a scraper that has `seen` the checkpoint of that number.

        `before` is the checkpoint of its last page, of which it has the exemplars.
        """


def born(births: dict[Key, Birth], keys: KeysView[Key], birth: Birth) -> dict[Key, Birth]:
    """Note the birth of each of `keys` that is new in `births`; returns a copy."""
    if len(births) != len(keys):
        births.update(dict.fromkeys(keys - births.keys(), birth))
    return births.copy()


def thawed(state: msgspec.Raw, kind: type[State]) -> State:
    """Decode a part's state; raises `msgspec.DecodeError`."""
    return msgspec.msgpack.decode(state, type=kind)
