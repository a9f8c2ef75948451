"""One stage of the pipeline: started, watched, and started again when it dies.

    away ──► starting ──► up          it is up when it is ready
      ▲          │         │
      └──────────┴─────────┘          it died, or what it stands on went away

`Stage.look` does one step and never waits, so that no stage holds up the others.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.pipeline.process import Child

logger = logging.getLogger(__name__)
FIRST_PAUSE = 0.5  # seconds before it is started again; twice as long each time
LONGEST_PAUSE = 30.0
STEADY = 60.0  # seconds; one that ran for so long is started again after the first pause
READY = 60.0  # seconds until it must be ready
LEAVE = 5.0  # seconds to end in when asked
SURE = 1.0  # seconds; what a dying process made is gone a moment before it is


def solid_ground() -> object:
    """Stand on nothing that could go away."""
    return True


def nothing_made() -> bool:
    """Make nothing that could go away."""
    return True


class Stage:
    """A program that is kept running.

    `launch` starts it and does not wait; `ready` tells whether it does its work, and `word` what
    shows that. `ground` tells what it stands on (the interface that it captures on): None while
    that is away; when it is another one the stage is started anew. So it is when `made` tells that
    what it makes is there no more.
    """

    def __init__(  # noqa: PLR0913 - each says one thing about a program
        self,
        name: str,
        launch: Callable[[], Child],
        ready: Callable[[Child], bool],
        word: str,
        *,
        ground: Callable[[], object] = solid_ground,
        made: Callable[[], bool] = nothing_made,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing yet."""
        self.name = name
        self._launch = launch
        self._ready = ready
        self._word = word
        self._ground = ground
        self._made = made
        self._clock = clock
        self._child: Child | None = None
        self._stands_on: object = None
        self._since = 0.0  # when it was started, or asked to leave
        self._whole = 0.0  # when what it makes was there
        self._leaving = False
        self._due = 0.0
        self._pause = FIRST_PAUSE
        self.up = False
        self.restarts = 0

    @property
    def state(self) -> str:
        """`up`, `starting`, `ending` or `away`."""
        if self._child is None:
            return "away"
        if self._leaving:
            return "ending"
        return "up" if self.up else "starting"

    def start(self) -> None:
        """Start it for the first time, and wait until it is ready.

        Raises:
            PanoError: when it ends or is not ready in time.
        """
        child = self._begin()
        child.wait_until(lambda: self._ready(child), self._word, READY)
        self.up, self._whole = True, self._clock()

    def look(self) -> None:
        """See how it is, and do the next step if there is one."""
        child, now = self._child, self._clock()
        if child is None:
            if now >= self._due and self._ground() is not None:
                self._start_again(now)
        elif not child.running():
            self._ended(child, now)
        elif self._leaving:
            if now > self._since + LEAVE:
                child.stop(0)
        elif self._ground() != self._stands_on:
            self._leave(child, now, "what it listens to went away")
        elif not self.up:
            self._await(child, now)
        elif self._made():
            self._whole = now
        elif now > self._whole + SURE:
            self._leave(child, now, "what it made went away")

    def retire(self) -> Child | None:
        """Give up its process, if it has one: nobody starts it again."""
        child, self._child = self._child, None
        self._due = float("inf")
        self.up = False
        return child

    def stop(self) -> None:
        """End it for good."""
        child = self.retire()
        if child:
            child.stop()

    def _begin(self) -> Child:
        self._stands_on = self._ground()
        self._since = self._clock()
        self._leaving = False
        self._child = self._launch()
        return self._child

    def _start_again(self, now: float) -> None:
        try:
            self._begin()
        except PanoError as error:
            pause = self._wait_longer(now)
            logger.error("%s; tried again in %.1f s", error, pause)  # noqa: TRY400 - one line
        else:
            self.restarts += 1

    def _ended(self, child: Child, now: float) -> None:
        self.up = False
        self._child = None
        if self._leaving:  # and said so
            self._due = now
            return
        if now > self._since + STEADY:
            self._pause = FIRST_PAUSE
        pause = self._wait_longer(now)
        logger.error("%s; started again in %.1f s", child.ending(), pause)

    def _leave(self, child: Child, now: float, why: str) -> None:
        """Ask it to end, so that it can begin anew: it would never do anything again."""
        logger.warning("%s: %s; it is started again", self.name, why)
        child.terminate()
        self._leaving, self._since, self.up = True, now, False

    def _await(self, child: Child, now: float) -> None:
        if self._ready(child):
            self.up, self._whole = True, now
            logger.info("%s is up again", self.name)
        elif now > self._since + READY:
            logger.error("%s: no %s after %.0f s", self.name, self._word, READY)
            child.stop(0)

    def _wait_longer(self, now: float) -> float:
        pause = self._pause
        self._due = now + pause
        self._pause = min(2 * pause, LONGEST_PAUSE)
        return pause
