"""One counter or gauge: numbers by label values."""

from __future__ import annotations

from typing import Literal

from pano_glue.metrics.family import Family


class Counters:
    """Counts of one metric, keyed by a tuple of label values (already escaped).

    It grows with its keys; whoever adds bounds them (see `metrics.labels`).
    """

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: tuple[str, ...] = (),
        kind: Literal["counter", "gauge"] = "counter",
    ) -> None:
        """Name the metric, without `_total`."""
        self.name = name
        self.meaning = meaning
        self.kind = kind
        self.values: dict[tuple[str, ...], float] = {}
        suffix = "_total" if kind == "counter" else ""
        pairs = ",".join(f'{label}="%s"' for label in labels)
        self._line = f"{name}{suffix}{{{pairs}}} %s\n" if labels else f"{name}{suffix} %s\n"

    def add(self, key: tuple[str, ...], count: float) -> None:
        """Add `count` to the sample with these label values."""
        self.values[key] = self.values.get(key, 0) + count

    def set(self, key: tuple[str, ...], value: float) -> None:
        """Replace the sample with these label values."""
        self.values[key] = value

    def family(self) -> Family:
        """Write all samples."""
        line = self._line
        lines = [line % (*key, value) for key, value in self.values.items()]
        return Family(self.name, self.kind, self.meaning, lines)
