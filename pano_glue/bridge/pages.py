"""Pages: each shows what the newest checkpoint holds, never more.

`Pages.checkpoint` copies the counts, puts them on disk together with the positions of the sources,
and only then lets pages show them. While it cannot, counting goes on in memory and pages stay at
the last state that is on disk.
"""

from __future__ import annotations

import logging
import time
import uuid
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pano_glue import __version__
from pano_glue.bridge.checkpoint import Checkpoint, CheckpointFile, ScrapersState
from pano_glue.bridge.scrapers import Scrapers, has_seen
from pano_glue.metrics.counters import Counters
from pano_glue.metrics.family import exposition
from pano_glue.metrics.metric import Birth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pano_glue.bridge.counting import Counted, Snapshot
    from pano_glue.bridge.scrapers import Visit
    from pano_glue.metrics.family import Family


logger = logging.getLogger(__name__)


class Durable(NamedTuple):
    """What pages show: the newest checkpoint that is on disk."""

    number: int
    time: float
    snapshot: Snapshot
    scrapers: ScrapersState


class Pages:
    """Makes checkpoints of what was counted, and pages of checkpoints."""

    def __init__(
        self,
        counting: Counted,
        file: CheckpointFile | None,
        checkpointed: Callable[[Mapping[str, object]], None] = lambda _: None,
        process: Callable[[], Iterator[Family]] = lambda: iter(()),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Go on from the checkpoint in `file`; without one, begin at zero and keep nothing.

        `checkpointed` hears the positions of each new checkpoint once it is on disk. `process`
        writes what a page shows of the process. `instance` is then the bridge's name over all its
        lives, "" when nothing is kept.

        Raises:
            PanoError: when the checkpoint cannot be read or is not one.
        """
        self._counting = counting
        self._file = file
        self._checkpointed = checkpointed
        self._process = process
        self._clock = clock
        self._writing = Lock()
        self._scrapers = Scrapers()
        self._news = 0  # the newest checkpoint of which a scraper was shown a 0
        self._failed = Counters(
            "pano_bridge_failed_checkpoints", "Checkpoints that could not be written.", ()
        )
        self._failed.add((), 0)
        old = (file.load() if file else None) or Checkpoint()
        self.positions = old.positions
        self.instance = old.instance or (uuid.uuid4().hex if file else "")
        counting.restore(old.parts, old.positions)
        self._scrapers.state = old.scrapers
        self._failing = False
        self._held = -1  # the `changes` that the newest checkpoint holds
        # What was just read from disk is durable: pages may show it at once.
        birth = Birth(old.number, old.time or clock())
        self._durable = Durable(*birth, counting.snapshot(birth), self._freeze(*birth))
        if file is None or old.number:
            self._held = self._changes()

    def checkpoint(self) -> bool:
        """Put on disk what is new; False when that failed (and is said, once)."""
        with self._writing:
            changes = self._changes()
            if changes == self._held:
                return True
            birth = Birth(self._durable.number + 1, self._clock())
            scrapers = self._freeze(*birth)
            snapshot = self._counting.snapshot(birth)
            try:
                self._store(birth, snapshot, scrapers)
            except OSError as error:
                self._tell_failure(error)
                return False
            self._tell_success()
            self._held = changes
            self._durable = Durable(*birth, snapshot, scrapers)
            # In here, so that no older positions come after newer ones.
            self._checkpointed(snapshot.positions)
        return True

    def page(self, visit: Visit, *, openmetrics: bool) -> tuple[bytes, int]:
        """Write the page for a visit; returns it and the number of its checkpoint."""
        self.checkpoint()
        now = self._clock()
        with self._writing:
            durable = self._durable
            before = self._scrapers.before(visit)
        seen = has_seen(durable.scrapers, visit, now)
        families = list(self._families(durable, seen, before))
        page = exposition(families, openmetrics=openmetrics)
        if visit.waiting():
            with self._writing:
                self._scrapers.came(visit, durable.number, now)
            if any(family.newborn for family in families):
                # That this scraper has seen the 0 must be on disk before it sees the count.
                self._news = durable.number
        return page, durable.number

    def durable(self) -> Durable:
        """Give the newest checkpoint that is on disk."""
        return self._durable

    def writable(self) -> bool:
        """Tell whether the last checkpoint could be written."""
        return not self._failing

    def _changes(self) -> int:
        return self._counting.changes + self._news

    def _freeze(self, number: int, now: float) -> ScrapersState:
        return self._scrapers.freeze(number, now)

    def _store(self, birth: Birth, snapshot: Snapshot, scrapers: ScrapersState) -> None:
        if self._file is None:
            return
        encode = msgspec.msgpack.encode
        self._file.store(
            Checkpoint(
                *birth,
                __version__,
                {name: msgspec.Raw(encode(state)) for name, state in snapshot.parts.items()},
                {name: msgspec.Raw(encode(at)) for name, at in snapshot.positions.items()},
                scrapers,
                self.instance,
            )
        )

    def _families(self, durable: Durable, seen: int, before: int) -> Iterator[Family]:
        for metric, state in durable.snapshot.metrics:
            yield metric.family(state, seen, before)
        yield from self._counting.ledger.gauges()
        yield self._failed.now()
        yield Counters.of(
            "pano_bridge_checkpoint_timestamp_seconds",
            "When the checkpoint that this page shows was made.",
            durable.time,
        )
        yield from self._process()

    def _tell_failure(self, error: OSError) -> None:
        self._failed.add((), 1)
        if not self._failing and self._file is not None:
            logger.error(
                "%s: checkpoint not written: %s; counting goes on, pages stay as they are until "
                "it can be",
                self._file.path,
                error.strerror,
            )
        self._failing = True

    def _tell_success(self) -> None:
        if self._failing:
            logger.info("checkpoint written again")
        self._failing = False
