"""Whether a source is connected: told to the ledger, and to people once per change."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pano_glue.sources.base import Ledger

logger = logging.getLogger(__name__)
COUNTS = re.compile(r"\s*\((?:after|backoff)\b.*")  # what differs between two of the same
MOST = 10  # reasons said between two connections


def in_words(reason: object) -> str:
    """Write a library's reason in one line, the same for the same."""
    return COUNTS.sub("", " ".join(str(reason).split())) or "no reason given"


class Connection:
    """The state of one source's connection."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        """Begin as not connected, which is no news."""
        self._name = name
        self._ledger = ledger
        self._up: bool | None = None
        self._said: set[str] = set()

    def begin(self) -> None:
        """Show that the source is not connected yet."""
        self._up = False
        self._ledger.connection(self._name, up=False)

    def up(self) -> None:
        """Take note that the source is connected."""
        if not self._up:
            self._up = True
            self._said.clear()
            self._ledger.connection(self._name, up=True)
            logger.info("%s: connected", self._name)

    def down(self, reason: object) -> None:
        """Take note that it is not, and say why: each reason once until it is again."""
        if self._up is not False:
            self._up = False
            self._ledger.connection(self._name, up=False)
        words = in_words(reason)
        if words not in self._said and len(self._said) < MOST:
            self._said.add(words)
            logger.warning("%s: not connected: %s; trying again", self._name, words)
