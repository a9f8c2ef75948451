"""`pano-bridge relay`: a relay per source, checkpoints of what Kafka has, and a clean end."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING

from pano_glue.bridge.basic_auth import BasicAuth
from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.server import Content, MetricsServer
from pano_glue.bridge.tls import tls_context
from pano_glue.errors import PanoError, SettingError
from pano_glue.kafka.address import parse_address
from pano_glue.kafka.client import open_library
from pano_glue.metrics.labels import Folds
from pano_glue.metrics.networks import Networks
from pano_glue.metrics.roles import Roles
from pano_glue.relay.counts import RelayCounts
from pano_glue.relay.relay import Relay
from pano_glue.sources import SourceContext, open_source
from pano_glue.sources.base import without_credentials
from pano_glue.state_dir import choose_state_dir, claim_state_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pano_glue.config import Config
    from pano_glue.kafka.client import Producer

logger = logging.getLogger(__name__)
CHECKPOINT_SECONDS = 0.5  # between two; what a crash in between would send again
LAST_SECONDS = 1.0  # of those allowed for the end, kept for the checkpoint and the sources


class RelayRun:
    """Running relays."""

    def __init__(self, config: Config, to: str, listen: str | None) -> None:
        """Read the checkpoint, open the sources and bind the address; nothing is sent yet.

        Raises:
            SettingError: when a setting cannot be used.
            PanoError: when the checkpoint cannot.
        """
        self._config = config
        self.told = SimpleQueue[PanoError | Exception | None]()  # a relay's end, or a signal's None
        self.stopping = Event()
        open_producer, topic = _target(config, to)
        folds = Folds(config.limits, Networks({}, "[servers]"), Roles(()), time.time)
        self._counts = RelayCounts(folds)
        state_dir = choose_state_dir(config.bridge.state_dir, "pano-relay", os.environ)
        if state_dir is not None:
            claim_state_dir(state_dir)
        file = CheckpointFile(state_dir) if state_dir is not None else None
        self.pages = Pages(self._counts, file, self._checkpointed)
        self.relays: dict[str, Relay] = {}
        self._open(open_producer, topic)
        self._server = self._serve(listen) if listen is not None else None

    def run(self) -> None:
        """Relay until a signal or the end of all sources.

        Raises:
            PanoError: when a source cannot go on, or Kafka refuses.
        """
        threads = [
            Thread(target=self._run, args=(relay,), name=name, daemon=True)
            for name, relay in self.relays.items()
        ]
        for thread in threads:
            thread.start()
        failure = None
        running = len(threads)
        while running and not self.stopping.is_set() and failure is None:
            with suppress(Empty):
                failure = self.told.get(timeout=CHECKPOINT_SECONDS)
                running -= not self.stopping.is_set()
            self.pages.checkpoint()
        self._end(threads)
        if failure is not None:
            raise failure

    def _end(self, threads: list[Thread]) -> None:
        """Drain for as long as is allowed, then keep what Kafka has."""
        allowed = self._config.bridge.stop_seconds
        deadline = time.monotonic() + allowed - min(LAST_SECONDS, allowed / 2)
        for relay in self.relays.values():
            relay.stop()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for relay in self.relays.values():
            relay.abandon()
        self.pages.checkpoint()
        for relay, thread in zip(self.relays.values(), threads, strict=True):
            thread.join(LAST_SECONDS / 5)
            if not thread.is_alive():
                relay.source.close()
        if self._server is not None:
            self._server.shutdown()

    def _run(self, relay: Relay) -> None:
        failure: Exception | None = None
        try:
            relay.run()
        except PanoError as error:
            failure = error
        except Exception as error:
            logger.exception("%s: ended by an error of ours", relay.source.name)
            failure = error
        self.told.put(failure)

    def _open(self, open_producer: Callable[[int], Producer], topic: str | None) -> None:
        pages = self.pages
        context = SourceContext(
            self._counts.ledger, self._config, {}, pages.positions, instance=pages.instance
        )
        for uri in self._config.bridge.sources:
            source = open_source(uri, replace(context, checkpoint=partial(self._settle, uri)))
            tell = partial(self._tell, source.name)
            relay = self.relays[uri] = Relay(source, open_producer, topic, tell)
            if source.name in self._counts.ledger.windows:
                raise SettingError("--source: the same source stands twice", "name each once")
            self._counts.ledger.windows[source.name] = relay.window
            tell(False)  # noqa: FBT003 - until it is

    def _settle(self, uri: str) -> None:
        """Have everything that a source has read in Kafka and in a checkpoint, or raise OSError."""
        if not self.pages.checkpoint():
            raise OSError("the checkpoint could not be written")
        if not self.relays[uri].window.empty:
            raise OSError("Kafka has not confirmed everything yet")

    def _checkpointed(self, positions: Mapping[str, object]) -> None:
        for relay in self.relays.values():
            if relay.source.name in positions:
                relay.source.checkpointed(positions[relay.source.name])

    def _tell(self, source: str, going: bool) -> None:  # noqa: FBT001 - a partial's last
        self._counts.ledger.delivering.set((source,), int(going))

    def _serve(self, listen: str) -> MetricsServer:
        content = Content(self.pages.page, self._not_ready)
        config = self._config
        server = MetricsServer(listen, content, tls_context(config.tls), BasicAuth(config.auth))
        Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        logger.info("serving %s", server.url)
        return server

    def _not_ready(self) -> str:
        away = [key[0] for key, up in self._counts.ledger.delivering.values.items() if not up]
        if away:
            return f"Kafka takes nothing of {', '.join(away)}"
        return "" if self.pages.writable() else "the checkpoint cannot be written"


def _target(config: Config, to: str) -> tuple[Callable[[int], Producer], str | None]:
    """Give what opens a producer for batches of a size, and the topic, if one is named."""
    named = f"--to {without_credentials(to)}"
    if not to.startswith("kafka://"):
        raise SettingError(f"{named}: no Kafka", "write kafka://host:port[/topic]")
    servers, topics = parse_address(to.removeprefix("kafka://"), named)
    if len(topics) > 1:
        raise SettingError(f"{named}: more than one topic", "name one, or none")
    library = open_library()
    library.check(config.kafka, "producer")
    return partial(library.open_producer, servers, config.kafka), topics[0] if topics else None


def run_relays(config: Config, to: str, listen: str | None) -> None:
    """Relay every source of `config` until SIGTERM, SIGINT or the end of all.

    Raises:
        PanoError: when a setting cannot be used, a source cannot go on, or Kafka refuses.
    """
    running = RelayRun(config, to, listen)

    def stop(*_: object) -> None:
        running.stopping.set()
        running.told.put(None)

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    running.run()
