"""`pano-bridge run`: one thread per source, a page for scrapers, and a clean end."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

from pano_glue.bridge.check import check_log
from pano_glue.bridge.counting import Counting, Mark, Scrape
from pano_glue.bridge.server import MetricsServer, load_certificates, tls_context
from pano_glue.errors import PanoError, SettingError
from pano_glue.sources import Source, SourceContext, open_source, parse_uri
from pano_glue.sources.log import topic_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.config import Config, Settings

STOP, RELOAD = "stop", "reload"
DRAIN = 30.0  # seconds for the sources to hand over what can be read


class BridgeRun:
    """A running bridge: reads, counts, serves and commits until it is told to stop."""

    def __init__(self, config: Config) -> None:
        """Open the sources and bind the address; nothing is read yet.

        Raises:
            SettingError: when a setting cannot be used.
        """
        self._config = config
        self.counting = Counting(config)
        self.wake = SimpleQueue[str]()  # what signal handlers may write to
        self._applied = config.bridge.commit == "applied"
        self._failure: BaseException | None = None
        self._commits = Lock()
        self._committed: dict[str, Mark] = {}
        state_dir = claim_state_dir(config.bridge.state_dir) if config.bridge.state_dir else None
        fields = {topic: made.fields for topic, made in self.counting.protocols.items()}
        context = SourceContext(state_dir, self.counting.ledger, config, fields)
        self._check_logs(config)
        self._sources = {
            source.name: source
            for source in (open_source(uri, context) for uri in config.bridge.sources)
        }
        if not self._sources:
            raise SettingError("no source", "name one: --source log:PATH (see docs/bridge.md)")
        if len(self._sources) < len(config.bridge.sources):
            raise SettingError("--source: the same source stands twice", "name each once")
        self.tls = tls_context(config.tls)
        self.server = MetricsServer(
            config.bridge.listen,
            lambda openmetrics: self.counting.scrape(openmetrics=openmetrics),
            self._answered,
            self.tls,
        )

    def serve(self, load: Callable[[], Settings]) -> None:
        """Read, count and serve until `wake` says STOP; then drain. RELOAD asks `load` again.

        Raises:
            PanoError: when a source cannot go on.
        """
        threads = [
            Thread(target=self._read, args=(source,), name=name, daemon=True)
            for name, source in self._sources.items()
        ]
        Thread(target=self.server.serve_forever, name="metrics", daemon=True).start()
        for thread in threads:
            thread.start()
        print(f"pano-bridge: serving {self.server.url}", file=sys.stderr, flush=True)
        while self._awake() == RELOAD:
            self._reload(load)
        for source in self._sources.values():
            source.stop()
        for thread in threads:
            thread.join(DRAIN)
        self.server.shutdown()
        with self._commits:
            for source in self._sources.values():
                source.close()
        if self._failure is not None:
            raise self._failure

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
            self.counting.rename_servers(config.servers)
            if self.tls is not None and config.tls.cert:
                load_certificates(self.tls, config.tls)
        except PanoError as error:
            print(f"pano-bridge: not reloaded: {error}", file=sys.stderr)
            return
        for table in ("bridge", "limits", "kafka", "websocket"):
            if getattr(config, table) != getattr(self._config, table):
                print(f"pano-bridge: [{table}] changes need a restart", file=sys.stderr)
        print("pano-bridge: reloaded [servers] and the files of [tls]", file=sys.stderr)

    def _check_logs(self, config: Config) -> None:
        for uri in map(parse_uri, config.bridge.sources):
            path = Path(uri.target)
            if uri.scheme == "log" and path.is_file():
                topic = uri.options.get("topic") or topic_of(path)
                check_log(path, topic, config.limits.line_bytes, self.counting.protocols)

    def _read(self, source: Source) -> None:
        self.counting.ledger.open(source.name)
        try:
            for batch in source.batches():
                mark = self.counting.apply(source.name, batch)
                if self._applied:
                    self._commit(source, mark)
        except BaseException as error:  # noqa: BLE001 - raised again by `serve`, with its traceback
            self._failure = error
            self.wake.put(STOP)

    def _answered(self, scrape: Scrape) -> None:
        if self._applied:
            return
        for name, mark in scrape.marks.items():
            self._commit(self._sources[name], mark)

    def _commit(self, source: Source, mark: Mark) -> None:
        """Make a mark durable, unless a newer one is."""
        with self._commits:
            before = self._committed.get(source.name)
            if mark.position is None or (before and before.records >= mark.records):
                return
            try:
                source.commit(mark.position)
            except OSError as error:
                self.counting.ledger.commit_failed(source.name)
                print(
                    f"pano-bridge: {source.name}: its position could not be stored: "
                    f"{error.strerror}; trying again with the next scrape",
                    file=sys.stderr,
                )
                return
            self._committed[source.name] = mark
        self.counting.committed(source.name, mark)


def run_bridge(load: Callable[[], Settings]) -> None:
    """Run the bridge with the settings that `load` gives until SIGTERM or SIGINT.

    Raises:
        PanoError: when a setting cannot be used or a source cannot go on.
    """
    bridge = BridgeRun(load().config)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: bridge.wake.put(STOP))
    signal.signal(signal.SIGHUP, lambda *_: bridge.wake.put(RELOAD))
    bridge.serve(load)


def claim_state_dir(state_dir: str) -> Path:
    """Make the state directory ours until we end.

    Raises:
        SettingError: when it cannot be written or another bridge has it.
    """
    folder = Path(state_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Left open, so that the lock ends with the process, however it ends.
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        cure = "name a folder that can be written"
        raise SettingError(f"--state-dir {state_dir}: {error.strerror}", cure) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        cure = "stop it, or give each bridge a folder of its own"
        raise SettingError(f"--state-dir {state_dir}: another bridge has it", cure) from error
    return folder
