"""One counter or gauge: numbers by label values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import msgspec

from pano_glue.metrics.family import Family
from pano_glue.metrics.metric import LATEST, Birth, Key, born, thawed

if TYPE_CHECKING:
    from collections.abc import Iterable


class CountersState(msgspec.Struct, array_like=True):
    """The values of one counter, and when each series was born."""

    labels: tuple[str, ...]
    values: dict[Key, int | float]
    births: dict[Key, Birth]


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
        self.labels = labels
        self.values: dict[Key, int | float] = {}
        self._births: dict[Key, Birth] = {}
        suffix = "_total" if kind == "counter" else ""
        pairs = ",".join(f'{label}="%s"' for label in labels)
        braced = f"{{{pairs}}}" if labels else ""
        self._line = f"{name}{suffix}{braced} %s\n"
        self._created = f"{name}_created{braced} %s\n"

    @staticmethod
    def of(name: str, meaning: str, value: float) -> Family:
        """Write a gauge that is one number."""
        return Family(name, "gauge", meaning, [f"{name} {value}\n"])

    def add(self, key: Key, count: float) -> None:
        """Add `count` to the sample with these label values."""
        self.values[key] = self.values.get(key, 0) + count

    def open(self, keys: Iterable[Key]) -> None:
        """Show series before their first count."""
        for key in keys:
            self.values.setdefault(key, 0)

    def set(self, key: Key, value: float) -> None:
        """Replace the sample with these label values."""
        self.values[key] = value

    def forget(self, key: Key) -> None:
        """Let a series go."""
        del self.values[key]
        self._births.pop(key, None)

    def freeze(self, birth: Birth) -> CountersState:
        """See `metric.Part`."""
        values = self.values.copy()  # first, for other threads may add a series
        return CountersState(self.labels, values, born(self._births, values.keys(), birth))

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        old = thawed(state, CountersState)
        if old.labels != self.labels:
            return False
        self.values, self._births = old.values, old.births
        return True

    def now(self) -> Family:
        """Write all samples as they are."""
        return self.family(CountersState(self.labels, self.values.copy(), {}), LATEST)

    def family(self, state: object, seen: int, before: int = -1) -> Family:  # noqa: ARG002 - no exemplars
        """See `metric.Metric`; a gauge has no births."""
        values, births = cast("CountersState", state).values, cast("CountersState", state).births
        newborn = self.kind == "counter" and any(b.number > seen for b in births.values())
        if newborn:
            values = {key: 0 if births[key].number > seen else values[key] for key in values}
        line = self._line
        lines = [line % (*key, value) for key, value in values.items()]
        if self.kind == "gauge" or not births:
            return Family(self.name, self.kind, self.meaning, lines)
        rich: list[str] = []
        for key, text in zip(values, lines, strict=True):
            rich.append(text)
            rich.append(self._created % (*key, births[key].time))
        return Family(self.name, self.kind, self.meaning, lines, rich, newborn)
