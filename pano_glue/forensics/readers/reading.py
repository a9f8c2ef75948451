"""What became of each input: read, skipped, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

OTHER_LOG = "of other logs"


@dataclass
class Reading:
    """One file: how many records were read, how many lines were skipped and why, what is odd."""

    name: str
    form: str = ""
    records: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        """Tell whether something that should have been read was not."""
        return any(reason != OTHER_LOG for reason in self.skipped)

    def sentence(self) -> str:
        """Say it in one line."""
        parts = [f"{self.records:,} records read"]
        parts += [f"{count:,} {why} skipped" for why, count in sorted(self.skipped.items())]
        return f"{self.name}: " + "; ".join([*parts, *self.notes])
