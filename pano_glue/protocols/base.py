"""What the bridge asks of a protocol: one log's records, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pano_glue.config import Config
    from pano_glue.metrics.metric import Metric, Part
    from pano_glue.protocols.lines import Sample
    from pano_glue.sources.tsv import Table


class Tally(NamedTuple):
    """What became of the records of one batch.

    `newest` is the epoch second at which the last of them was complete on the wire; None where
    that cannot be told. `samples` are some of its malformed lines.
    """

    counted: int
    malformed: int = 0
    skipped: int = 0
    newest: float | None = None
    samples: tuple[Sample, ...] = ()


class RecordProtocol(Protocol):
    """One log: its records are decoded, counted and shown as metrics."""

    topic: str
    fields: frozenset[str]
    """What it reads of a record."""

    def count(self, lines: bytes | Table) -> Tally:
        """Count whole lines, of JSON or a table's; nothing in them raises."""

    def why_not(self, lines: bytes | Table) -> str | None:
        """Tell why the first of some lines is none of its records; None when one of them is."""

    def configure(self, config: Config) -> None:
        """Take over what can change while running; raises SettingError."""

    def settle(self) -> None:
        """Finish counting what `count` took in, so that parts and metrics are of one moment."""

    def metrics(self) -> Iterable[Metric]:
        """Give what a page shows, always the same ones in the same order."""

    def parts(self) -> Iterable[Part]:
        """Give what a checkpoint keeps besides the metrics."""
