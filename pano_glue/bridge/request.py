"""One client's connection: pages, health, and an error that tells what went wrong."""

from __future__ import annotations

import gzip
import logging
import select
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from math import inf
from typing import TYPE_CHECKING

from pano_glue import __version__
from pano_glue.bridge.negotiation import wants_gzip, wants_openmetrics
from pano_glue.bridge.scrapers import Visit
from pano_glue.metrics.family import OPENMETRICS, TEXT
from pano_glue.page.headers import PAGE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pano_glue.bridge.server import MetricsServer

logger = logging.getLogger(__name__)
PERIODIC = "X-Prometheus-Scrape-Timeout-Seconds"
IDLE_SECONDS = 120.0  # between two requests; scrapers keep their connections
ANSWER_SECONDS = 10.0  # for the client to take an answer
AGENT_CHARACTERS = 100  # of a User-Agent, which is kept
LEVEL = 1  # of gzip: 2.9 MB in 7 ms
PLAIN = "text/plain; charset=utf-8"
NO_HEADERS: Mapping[str, str] = {}
LANDING = f"""<!doctype html>
<html lang="en"><title>PANO</title>
<h1>PANO bridge {__version__}</h1>
<ul>
<li><a href="/metrics">/metrics</a>: the metrics, for Prometheus
<li><a href="/-/healthy">/-/healthy</a>: it runs
<li><a href="/-/ready">/-/ready</a>: its sources are open and its checkpoint can be written
</ul>
"""


class Request(BaseHTTPRequestHandler):
    """A connection, which may ask several times."""

    protocol_version = "HTTP/1.1"
    server_version = f"pano-bridge/{__version__}"
    sys_version = ""
    server: MetricsServer
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # headers and content are two writes
    _seen: int | None = None  # the checkpoint of the last page on this connection

    def finish(self) -> None:
        """Close, and let another connection in."""
        try:
            super().finish()
        finally:
            self.server.gone(self.connection)

    def handle_one_request(self) -> None:
        """Serve one request; an error of ours is told to both sides."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True  # the client went away or was too slow
        except Exception:
            logger.exception("%s %s", self.command, self.path[:AGENT_CHARACTERS])
            self.close_connection = True
        finally:
            self.server.idle(self.connection)

    def do_GET(self) -> None:
        """Answer a request."""
        self.server.busy(self.connection)
        self.connection.settimeout(ANSWER_SECONDS)
        try:
            self._route(self.path.partition("?")[0])
        finally:
            self.connection.settimeout(IDLE_SECONDS)

    def do_HEAD(self) -> None:
        """Answer without the content."""
        self.do_GET()

    def _route(self, path: str) -> None:
        if path == "/-/healthy":
            self._answer(HTTPStatus.OK, PLAIN, b"pano-bridge is healthy.\n")
        elif path == "/-/ready":
            why = self.server.content.not_ready()
            status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
            self._answer(status, PLAIN, f"{why or 'pano-bridge is ready.'}\n".encode())
        elif not self.server.auth.allows(self.headers.get("Authorization", "")):
            self._answer(HTTPStatus.UNAUTHORIZED, PLAIN, b"Unauthorized\n")
        elif path == "/metrics":
            self._metrics()
        else:
            self._site(path)

    def _site(self, path: str) -> None:
        site = self.server.content.site
        found = site.answer(path) if site else None
        if found is not None:
            self._answer(HTTPStatus.OK, *found, PAGE_HEADERS)
        elif path == "/":
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", LANDING.encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, PLAIN, b"Not found: see /metrics\n")

    def _metrics(self) -> None:
        openmetrics = wants_openmetrics(", ".join(self.headers.get_all("Accept", [])))
        agent = self.headers.get("User-Agent", "")[:AGENT_CHARACTERS]
        visit = Visit(
            f"{self.client_address[0]} {agent}",
            self._seen,
            PERIODIC in self.headers,
            self._patience(time.monotonic()),
        )
        page, self._seen = self.server.content.page(visit, openmetrics=openmetrics)
        self._answer(HTTPStatus.OK, OPENMETRICS if openmetrics else TEXT, page)

    def _patience(self, asked: float) -> Callable[[], bool]:
        """Tell whether the client still waits: it has not closed, nor waited as long as it said."""
        until = inf
        with suppress(ValueError):
            until = asked + float(self.headers.get(PERIODIC, "inf"))
        closed = select.poll()
        closed.register(self.connection, select.POLLRDHUP)

        def waiting() -> bool:
            return time.monotonic() <= until and not closed.poll(0)

        return waiting

    def _answer(
        self, status: HTTPStatus, kind: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        zipped = len(body) > 1024 and wants_gzip(self.headers.get("Accept-Encoding", ""))  # noqa: PLR2004 - below, zipping saves nothing
        if zipped:
            body = gzip.compress(body, LEVEL)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Vary", "Accept, Accept-Encoding")
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="pano-bridge"')
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet: a scrape every few seconds is no news."""
