"""What a /metrics page says, summed as a reader of the page would."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from pano_glue.errors import PanoError
from pano_glue.pipeline.prometheus import HTTP_SECONDS, fetch

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
    def scrape(cls, listen: str, seconds: float = HTTP_SECONDS) -> Samples:
        """Fetch and parse `http://listen/metrics`.

        Raises:
            PanoError: when nothing answers within `seconds`, or with something else.
        """
        url = f"http://{listen}/metrics"
        families = text_string_to_metric_families(fetch(url, seconds))
        try:
            return cls(sample for family in families for sample in family.samples)
        except ValueError as error:
            raise PanoError(f"{url}: no page of metrics ({error})", "what serves there?") from error

    def by(self, label: str, name: str, **where: str) -> Counter[str]:
        """Sum the samples called `name` that have all labels of `where`, by one label."""
        sums: Counter[str] = Counter()
        for sample in self._by_name.get(name, ()):
            if where.items() <= sample.labels.items():
                sums[sample.labels.get(label, "")] += int(sample.value)
        return sums

    def values(self, name: str, **where: str) -> list[float]:
        """Give the values of the samples called `name` that have all labels of `where`."""
        found = self._by_name.get(name, ())
        return [sample.value for sample in found if where.items() <= sample.labels.items()]

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
