"""Where every source's records are counted, and their counts are copied for a checkpoint."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from pano_glue.bridge.ledger import BridgeLedger
from pano_glue.bridge.samples import MalformedSamples
from pano_glue.errors import PanoError
from pano_glue.metrics.labels import OTHER, Folds
from pano_glue.metrics.networks import Networks
from pano_glue.metrics.roles import Roles
from pano_glue.protocols import Tally, protocols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pano_glue.config import Config
    from pano_glue.metrics.metric import Birth, Metric, Part
    from pano_glue.sources import Batch


logger = logging.getLogger(__name__)


class Snapshot(NamedTuple):
    """All counts and positions of one moment: of each metric its state, in a page's order."""

    metrics: list[tuple[Metric, object]]
    parts: dict[str, object]
    positions: dict[str, object]


class Counted(Protocol):
    """What pages and checkpoints are made of: a bridge's `Counting`, or what a relay counts."""

    @property
    def ledger(self) -> BridgeLedger:
        """What happened to the sources."""

    @property
    def changes(self) -> int:
        """A number that grows with every change."""

    def snapshot(self, birth: Birth) -> Snapshot:
        """Copy all counts and positions; what is new was born at `birth`."""

    def restore(self, parts: Mapping[str, msgspec.Raw], positions: Mapping[str, object]) -> None:
        """Go on from a checkpoint; raises PanoError when a part is damaged."""


def thaw_all(parts: Iterable[Part], states: Mapping[str, msgspec.Raw]) -> dict[str, object]:
    """Let every part go on from its state; returns the states that belong to none.

    Raises:
        PanoError: when a part is damaged.
    """
    left = dict(states)
    for part in parts:
        state = left.pop(part.name, None)
        try:
            if state is not None and not part.thaw(state):
                logger.warning(
                    "%s has another shape than in the checkpoint: it begins at zero", part.name
                )
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            cure = "restore the checkpoint from a copy, or remove it to begin at zero"
            raise PanoError(f"checkpoint: {part.name}: {error}", cure) from error
    return dict(left)


class Counting:
    """Counts batches; a snapshot holds whole batches only."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        """Begin at zero, with the caps and server names of `config`.

        Raises:
            SettingError: for a server that is neither an address nor a prefix.
        """
        self.folds = Folds(
            config.limits,
            Networks(config.servers, "[servers]"),
            Roles(config.local.networks),
            clock,
        )
        self.ledger = BridgeLedger(self.folds)
        self.protocols = protocols(config, self.folds, clock)
        self._samples = MalformedSamples(time.monotonic)
        self._positions: dict[str, object] = {}
        self._unknown: dict[str, object] = {}
        self._changes = 0
        self._lock = Lock()

    @property
    def changes(self) -> int:
        """A number that grows with every change."""
        return self._changes + self.ledger.changes

    def apply(self, source: str, batch: Batch) -> None:
        """Count one batch of a source and move its position."""
        protocol = self.protocols.get(batch.topic)
        topic = batch.topic if protocol is not None else OTHER
        with self._lock:
            if batch.lines:
                if protocol is not None:
                    tally = protocol.count(batch.lines)
                else:
                    tally = Tally(0, skipped=batch.json_lines().rstrip(b"\n").count(b"\n") + 1)
                self.ledger.tally(source, topic, tally)
                self._samples.say(source, tally.samples)
            else:
                self.ledger.open(source, topic)
            if batch.position is not None:
                self._positions[source] = batch.position
            self._changes += 1

    def snapshot(self, birth: Birth) -> Snapshot:
        """Copy all counts and positions; what is new was born at `birth`."""
        with self._lock:
            for protocol in self.protocols.values():
                protocol.settle()
            metrics = [(metric, metric.freeze(birth)) for metric in self._metrics()]
            parts = self._unknown | {part.name: part.freeze(birth) for part in self._parts()}
            positions = self._positions.copy()
        parts |= {metric.name: state for metric, state in metrics}
        return Snapshot(metrics, parts, positions)

    def restore(self, parts: Mapping[str, msgspec.Raw], positions: Mapping[str, object]) -> None:
        """Go on from a checkpoint. What this version does not know is kept for one that does.

        Raises:
            PanoError: when a part is damaged.
        """
        self._positions = dict(positions)
        self._unknown = thaw_all((*self._metrics(), *self._parts()), parts)

    def configure(self, config: Config) -> None:
        """Use other `[servers]`, `[clients]`, `[local]` and `[search]` tables from here on.

        Raises:
            SettingError: for a key that is neither an address nor a prefix.
        """
        names = Networks(config.servers, "[servers]")
        with self._lock:
            for protocol in self.protocols.values():
                protocol.configure(config)
            self.folds.roles.rename(config.local.networks)
            self.folds.rename(names)

    def _metrics(self) -> Iterator[Metric]:
        for protocol in self.protocols.values():
            yield from protocol.metrics()
        yield from self.ledger.metrics()
        yield self.folds.folded

    def _parts(self) -> Iterator[Part]:
        yield self.folds
        yield self.folds.roles
        for protocol in self.protocols.values():
            yield from protocol.parts()
