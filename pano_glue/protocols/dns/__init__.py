"""DNS: Zeek's dns.log, enriched or stock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.protocols.registry import Registration

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds
    from pano_glue.protocols.base import RecordProtocol

__all__ = ["REGISTRATION"]


def _make(config: Config, folds: Folds, clock: Callable[[], float]) -> RecordProtocol:
    from pano_glue.protocols.dns.counting import Dns

    return Dns(config, folds, clock)


# Its other name is where our records stand beside a stock log.
REGISTRATION = Registration("dns", _make, beside=("pano_dns",))
