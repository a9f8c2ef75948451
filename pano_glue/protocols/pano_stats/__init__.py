"""pano_stats: what the sensors say about themselves."""

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
    from pano_glue.protocols.pano_stats.counting import PanoStats

    return PanoStats(config, folds, clock)


REGISTRATION = Registration("pano_stats", _make)
