"""What the page is made of, and the bridge's answer to each of its requests."""

from __future__ import annotations

import logging
import time
from importlib.resources import files
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pano_glue import __version__
from pano_glue.page.look import take
from pano_glue.page.minutes import Minutes
from pano_glue.protocols.dns.metrics import RTT_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pano_glue.bridge.pages import Durable
    from pano_glue.config import Page
    from pano_glue.page.recent import Failure

logger = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
STATIC = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page/uplot.js": ("uPlot.iife.min.js", "text/javascript; charset=utf-8"),
    "/page/uplot.css": ("uPlot.min.css", "text/css; charset=utf-8"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page/uplot.license": ("uPlot.LICENSE", "text/plain; charset=utf-8"),
}
DATA = "/page/data.json"


class Found(NamedTuple):
    """A file of the page: its Content-Type and bytes."""

    kind: str
    body: bytes


class Site:
    """The live page. Its data is written once for each look, however many look at it."""

    def __init__(
        self,
        settings: Page,
        durable: Callable[[], Durable],
        failures: Callable[[], Iterable[Failure]],
        newest: Callable[[], float],
    ) -> None:
        """Show what `durable` gives, the newest `failures`, and how old the `newest` record is."""
        self._durable = durable
        self._failures = failures
        self._newest = newest
        self._minutes = Minutes(RTT_BOUNDS, settings)
        self._seen = -1
        self._data = b"{}"
        folder = files("pano_glue.page") / "static"
        self._files = {
            path: Found(kind, (folder / name).read_bytes()) for path, (name, kind) in STATIC.items()
        }

    def start(self) -> None:
        """Look every few seconds, in a thread of its own."""
        Thread(target=self._look_now_and_then, name="page", daemon=True).start()

    def answer(self, path: str) -> Found | None:
        """Give a file of the page; None for a path that is none."""
        if path == DATA:
            return Found("application/json", self._data)
        return self._files.get(path)

    def look(self) -> None:
        """Take in the newest checkpoint, if there is a new one, and write the data anew."""
        durable = self._durable()
        if durable.number != self._seen:
            self._seen = durable.number
            states = {metric.name: state for metric, state in durable.snapshot.metrics}
            self._minutes.add(take(durable.time, states))
        told = self._minutes.told(self._failures())
        told |= {"version": __version__, "newest": self._newest(), "now": time.time()}
        self._data = msgspec.json.encode(told)

    def _look_now_and_then(self) -> None:
        while True:
            try:
                self.look()
            except Exception:  # the page must not end the bridge
                logger.exception("the page could not be brought up to date")
            time.sleep(LOOK_SECONDS)
