"""ICMP echoes: a protocol for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.protocols.registry import Registration

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds
    from pano_glue.protocols.base import RecordProtocol


def _make(config: Config, folds: Folds, clock: Callable[[], float]) -> RecordProtocol:
    from .counting import Echo

    return Echo(config, folds, clock)


REGISTRATION = Registration("echo", _make)
