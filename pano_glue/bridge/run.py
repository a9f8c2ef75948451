"""`pano-bridge run`: one thread per source, checkpoints, pages, and a clean end."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from pano_glue.bridge.basic_auth import BasicAuth
from pano_glue.bridge.check import check_log
from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.process import ProcessMetrics, collect_seldom
from pano_glue.bridge.server import Content, MetricsServer
from pano_glue.bridge.tls import tls_context
from pano_glue.errors import PanoError, SettingError
from pano_glue.page.site import Site
from pano_glue.protocols.dns.counting import Dns
from pano_glue.sources import Source, SourceContext, open_source, parse_uri
from pano_glue.sources.log import topic_of
from pano_glue.state_dir import choose_state_dir, claim_state_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pano_glue.config import Config, Settings

logger = logging.getLogger(__name__)
STOP, RELOAD = "stop", "reload"
CHECKPOINT_SECONDS = 10.0  # at most between two, when something changed
RELOADED = ("servers", "clients", "local", "search", "tls", "auth")


class BridgeRun:
    """A running bridge: reads, counts and serves until it is told to stop."""

    def __init__(self, config: Config) -> None:
        """Read the checkpoint, open the sources and bind the address; no record is read yet.

        Raises:
            SettingError: when a setting cannot be used.
            PanoError: when the checkpoint cannot.
        """
        self._config = config
        self.counting = Counting(config)
        self.wake = SimpleQueue[str]()  # what signal handlers may write to
        self._failures: dict[str, BaseException] = {}
        self._sources: dict[str, Source] = {}
        state_dir = choose_state_dir(config.bridge.state_dir, "pano-bridge", os.environ)
        if state_dir is not None:
            claim_state_dir(state_dir)
        file = CheckpointFile(state_dir) if state_dir is not None else None
        self.pages = Pages(self.counting, file, self._checkpointed, ProcessMetrics().families)
        self._check_logs(config)
        self._open_sources(config)
        self._site = self._make_site(config)
        self.server = MetricsServer(
            config.bridge.listen,
            Content(self.pages.page, self._not_ready, self._site),
            tls_context(config.tls),
            BasicAuth(config.auth),
        )

    def serve(self, load: Callable[[], Settings]) -> None:
        """Read, count and serve until `wake` says STOP; then drain. RELOAD asks `load` again.

        Raises:
            PanoError: when no source can go on.
        """
        collect_seldom()
        self.pages.checkpoint()
        threads = [
            Thread(target=self._read, args=(source,), name=name, daemon=True)
            for name, source in self._sources.items()
        ]
        for target in (self.server.serve_forever, self._checkpoint_now_and_then):
            Thread(target=target, daemon=True).start()
        for thread in threads:
            thread.start()
        if self._site:
            self._site.start()
        logger.info("serving %s", self.server.url)
        while self._awake() == RELOAD:
            self._reload(load)
        self._end(threads)

    def _end(self, threads: list[Thread]) -> None:
        """Drain for as long as is allowed, then keep what was counted."""
        deadline = time.monotonic() + self._config.bridge.stop_seconds
        for source in self._sources.values():
            source.stop()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.pages.checkpoint()
        for source, thread in zip(self._sources.values(), threads, strict=True):
            if not thread.is_alive():
                source.close()
        self.server.shutdown()
        if len(self._failures) == len(self._sources):
            raise next(iter(self._failures.values()))

    def _awake(self) -> str:
        """Wait for a word in `wake`.

        A signal that another thread took, or that came just before the wait, is handled only when
        the main thread runs again: so it does, every second.
        """
        while True:
            with suppress(Empty):
                return self.wake.get(timeout=1.0)

    def _reload(self, load: Callable[[], Settings]) -> None:
        """Take over what can change while running, and say what cannot."""
        try:
            config = load().config
            tls, auth = tls_context(config.tls), BasicAuth(config.auth)
            self.counting.configure(config)
        except PanoError as error:
            logger.error("not reloaded: %s", error)  # noqa: TRY400 - the sentence is enough
            return
        if (tls is None) == (self.server.tls is None):
            self.server.tls = tls
        else:
            logger.warning("turning HTTPS on or off needs a restart")
        self.server.auth = auth
        for table in config.__struct_fields__:
            if table not in RELOADED and getattr(config, table) != getattr(self._config, table):
                logger.warning("[%s] changes need a restart", table)
        logger.info("reloaded %s", ", ".join(f"[{table}]" for table in RELOADED))

    def _open_sources(self, config: Config) -> None:
        fields = {topic: made.fields for topic, made in self.counting.protocols.items()}
        context = SourceContext(
            self.counting.ledger,
            config,
            fields,
            self.pages.positions,
            self._checkpoint_or_raise,
            self.pages.instance,
        )
        for uri in config.bridge.sources:
            source = open_source(uri, context)
            if source.name in self._sources:
                raise SettingError("--source: the same source stands twice", "name each once")
            self._sources[source.name] = source
        if not self._sources:
            raise SettingError("no source", "name one: --source log:PATH (see docs/bridge.md)")

    def _make_site(self, config: Config) -> Site | None:
        dns = self.counting.protocols["dns"]
        if not config.page.enabled or not isinstance(dns, Dns):
            return None
        return Site(
            config.page, self.pages.durable, dns.failures.newest, self.counting.ledger.newest
        )

    def _check_logs(self, config: Config) -> None:
        for uri in map(parse_uri, config.bridge.sources):
            path = Path(uri.target)
            if uri.scheme == "log" and path.is_file():
                topic = uri.options.get("topic") or topic_of(path)
                with suppress(OSError):  # the source waits until it can be read
                    check_log(path, topic, config.limits.line_bytes, self.counting.protocols)

    def _read(self, source: Source) -> None:
        """Count one source to its end; whatever ends it ends no other."""
        placed = source.name in self.pages.positions
        try:
            for batch in source.batches():
                self.counting.apply(source.name, batch)
                if not placed and batch.position is not None:
                    placed = True  # where it began is known from now on, whatever happens
                    self.pages.checkpoint()
        except PanoError as error:
            logger.error("%s: %s", source.name, error)  # noqa: TRY400 - the sentence is enough
            self._failures[source.name] = error
        except Exception as error:
            logger.exception("%s: ended by an error of ours", source.name)
            self._failures[source.name] = error
        if len(self._failures) == len(self._sources):
            self.wake.put(STOP)

    def _checkpoint_now_and_then(self) -> None:
        while True:
            time.sleep(CHECKPOINT_SECONDS)
            self.pages.checkpoint()

    def _checkpoint_or_raise(self) -> None:
        if not self.pages.checkpoint():
            raise OSError("the checkpoint could not be written")

    def _checkpointed(self, positions: Mapping[str, object]) -> None:
        for name, source in self._sources.items():
            if name in positions:
                source.checkpointed(positions[name])

    def _not_ready(self) -> str:
        if self._failures:
            return f"ended: {', '.join(self._failures)}"
        return "" if self.pages.writable() else "the checkpoint cannot be written"


def run_bridge(load: Callable[[], Settings]) -> None:
    """Run the bridge with the settings that `load` gives until SIGTERM or SIGINT.

    Raises:
        PanoError: when a setting cannot be used or no source can go on.
    """
    bridge = BridgeRun(load().config)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: bridge.wake.put(STOP))
    signal.signal(signal.SIGHUP, lambda *_: bridge.wake.put(RELOAD))
    bridge.serve(load)
