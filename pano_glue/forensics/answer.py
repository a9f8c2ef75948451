"""What a question gives back: sentences, and tables behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from pano_glue.forensics.readers.reading import Reading


@dataclass
class Answer:
    """One question's answer.

    `facts` are sentences; names and addresses stand in the tables only, where `--anonymize` finds
    them. The first table is the answer proper (`frame`), the others explain it; `brief` names the
    columns of it that a screen shows, when not all. Columns that end in `_seconds` or `_share` are
    seconds, and parts of one.
    """

    question: str
    facts: list[str]
    tables: dict[str, pd.DataFrame]
    complete: str = ""
    readings: list[Reading] = field(default_factory=list)
    brief: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The answer proper."""
        return next(iter(self.tables.values()))

    @property
    def damaged(self) -> bool:
        """Tell whether something could not be read."""
        return any(reading.damaged for reading in self.readings)

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from pano_glue.forensics.page import section

        return section(self)
