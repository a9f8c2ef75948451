"""Some of the records that are malformed, said on stderr, so that nobody has to guess why."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pano_glue.protocols.lines import Sample

logger = logging.getLogger(__name__)
A_MINUTE = 10
MINUTE = 60.0  # seconds
CUT = 160  # characters of a reason, which quotes the record


class MalformedSamples:
    """Says at most ten a minute, of all sources together."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin a minute; `clock` gives seconds."""
        self._clock = clock
        self._begun = clock()
        self._left = A_MINUTE

    def say(self, source: str, samples: Iterable[Sample]) -> None:
        """Show samples of a source's malformed records, while there is room in this minute."""
        for line, reason in samples:
            now = self._clock()
            if now - self._begun >= MINUTE:
                self._begun, self._left = now, A_MINUTE
            if not self._left:
                return
            self._left -= 1
            text = line.decode("utf-8", "backslashreplace")
            logger.warning(
                "%s: malformed record: %s: %s", source, _plain(reason)[:CUT], _plain(text)
            )


def _plain(text: str) -> str:
    """Escape what a terminal or a log reader could take for something else."""
    return text.encode("unicode_escape").decode("ascii")
