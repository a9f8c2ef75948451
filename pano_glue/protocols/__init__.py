"""Protocols by the name of their log; a new one is a folder here (see `registry`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.protocols.base import RecordProtocol, Tally
from pano_glue.protocols.registry import USUAL, Registration, registered

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds

__all__ = ["REGISTERED", "USUAL", "RecordProtocol", "Registration", "Tally", "protocols"]

REGISTERED = registered(__path__, __name__)


def protocols(
    config: Config, folds: Folds, clock: Callable[[], float]
) -> dict[str, RecordProtocol]:
    """Make every protocol, by the name of its log; `clock` gives epoch seconds."""
    return {topic: one.make(config, folds, clock) for topic, one in REGISTERED.items()}
