"""What a /metrics page says, summed as a reader of the page would."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from pano_glue.pipeline.prometheus import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.samples import Sample


class Samples:
    """All samples of one scrape, by name."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        """Keep the samples by their full name (`…_total`, `…_bucket`)."""
        self._by_name: dict[str, list[Sample]] = {}
        for sample in samples:
            self._by_name.setdefault(sample.name, []).append(sample)

    @classmethod
    def scrape(cls, listen: str, page: str = "metrics") -> Samples:
        """Fetch and parse `http://listen/page`.

        Raises:
            PanoError: when nothing answers.
        """
        families = text_string_to_metric_families(fetch(f"http://{listen}/{page}"))
        return cls(sample for family in families for sample in family.samples)

    def by(self, label: str, name: str, **where: str) -> Counter[str]:
        """Sum the samples called `name` that have all labels of `where`, by one label."""
        sums: Counter[str] = Counter()
        for sample in self._by_name.get(name, ()):
            if where.items() <= sample.labels.items():
                sums[sample.labels.get(label, "")] += int(sample.value)
        return sums

    def sum(self, name: str, **where: str) -> int:
        """Sum the samples called `name` that have all labels of `where`."""
        return self.by("", name, **where).total()

    def quantile(self, name: str, share: float, **where: str) -> float:
        """Estimate a quantile of a histogram as its bucket's upper bound, in the metric's unit."""
        buckets = self.by("le", f"{name}_bucket", **where)
        bounds = sorted(buckets, key=float)
        if not bounds or not buckets[bounds[-1]]:
            return float("nan")
        rank = share * buckets[bounds[-1]]
        return next(float(bound) for bound in bounds if buckets[bound] >= rank)
