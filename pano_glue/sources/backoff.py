"""Waiting between attempts to connect: longer each time, and never after `stop`."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threading import Event

FIRST = 0.2  # seconds
LONGEST = 15.0


class Backoff:
    """Doubles from `FIRST` to `LONGEST` seconds, less up to a half by chance.

    The chance keeps a fleet that lost one broker from coming back at one moment.
    """

    def __init__(self, stop: Event) -> None:
        """Begin at `FIRST`; `stop` ends a wait."""
        self._stop = stop
        self._seconds = FIRST

    def reset(self) -> None:
        """Begin at `FIRST` again, after a success."""
        self._seconds = FIRST

    def wait(self) -> None:
        """Wait, and longer the next time."""
        self._stop.wait(self._seconds * random.uniform(0.5, 1))  # noqa: S311 (no secret)
        self._seconds = min(2 * self._seconds, LONGEST)
