"""What the bridge asks of a protocol: one log's records, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.metrics.family import Family


class Tally(NamedTuple):
    """What became of the records of one batch.

    `newest` is the epoch second at which the last of them was complete on the wire; None where
    that cannot be told.
    """

    counted: int
    malformed: int = 0
    skipped: int = 0
    newest: float | None = None


class RecordProtocol(Protocol):
    """One log: its records are decoded, counted and shown as metrics."""

    topic: str
    fields: frozenset[str]
    """What it reads of a record."""

    def count(self, lines: bytes) -> Tally:
        """Count whole JSON lines; nothing in them raises."""

    def why_not(self, line: bytes) -> str | None:
        """Tell why a line is none of its records; None when it is one."""

    def families(self) -> Iterator[Family]:
        """Write the metrics as they are now."""
