"""Protocols by log name; a new one is one line in `protocols` and one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.protocols.base import RecordProtocol, Tally
from pano_glue.protocols.dns import Dns
from pano_glue.protocols.pano_stats import PanoStats

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds

__all__ = ["TOPICS", "RecordProtocol", "Tally", "protocols"]

TOPICS = (Dns.topic, PanoStats.topic)


def protocols(
    config: Config, folds: Folds, clock: Callable[[], float]
) -> dict[str, RecordProtocol]:
    """Make every protocol, by the name of its log; `clock` gives epoch seconds."""
    made: list[RecordProtocol] = [Dns(config, folds, clock), PanoStats(folds)]
    return {protocol.topic: protocol for protocol in made}
