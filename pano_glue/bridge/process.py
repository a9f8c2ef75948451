"""The process's own metrics (`process_*`, `python_info`), by prometheus_client."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from pano_glue import __version__
from pano_glue.metrics.family import Family, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.metrics.family import Kind

SELDOM = 100_000  # objects between two searches for cycles


def collect_seldom() -> None:
    """Let Python search for cycles of objects seldom: the records of a batch are in none.

    Each search looks at all of them, a tenth of what counting costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)


class ProcessMetrics:
    """What Linux and Python say of this process; read anew for each page."""

    def __init__(self) -> None:
        """Prepare the collectors."""
        from prometheus_client import PlatformCollector, ProcessCollector

        # Without a registry: they are asked here only.
        self._collectors = (
            ProcessCollector(registry=None),
            PlatformCollector(registry=None),
        )

    def families(self) -> Iterator[Family]:
        """Write them, and what was built."""
        version = f'pano_bridge_build_info{{version="{escaped(__version__)}"}} 1\n'
        yield Family("pano_bridge_build_info", "gauge", "The version that runs.", [version])
        for collector in self._collectors:
            for metric in collector.collect():
                lines = []
                for sample in metric.samples:
                    pairs = ",".join(f'{k}="{escaped(v)}"' for k, v in sample.labels.items())
                    braced = f"{{{pairs}}}" if pairs else ""
                    lines.append(f"{sample.name}{braced} {sample.value}\n")
                kind: Kind = "counter" if metric.type == "counter" else "gauge"
                yield Family(metric.name, kind, metric.documentation.rstrip("."), lines)
