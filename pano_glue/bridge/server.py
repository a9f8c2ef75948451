"""The /metrics page over HTTP or HTTPS, and the proof that a scrape was fully answered."""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import termios
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.metrics.family import OPENMETRICS, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.bridge.counting import Scrape
    from pano_glue.config import Tls

PATIENCE = 10.0  # seconds for a request, and for the scraper to take its answer
PAGES = 2  # in memory at one time
OPEN_STATES = {1, 8}  # TCP_ESTABLISHED, TCP_CLOSE_WAIT (linux/tcp_states.h)


def parse_listen(listen: str) -> tuple[str, int]:
    """Split `HOST:PORT`, with an IPv6 host in brackets.

    Raises:
        SettingError: when it is not of that form.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        raise SettingError(f"--listen {listen}: not HOST:PORT", "write 127.0.0.1:9102")
    return host.strip("[]"), int(port)


class MetricsServer(ThreadingHTTPServer):
    """Serves `/metrics`; `/peek` is the same page and commits nothing."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(
        self,
        listen: str,
        scrape: Callable[[bool], Scrape],
        answered: Callable[[Scrape], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Bind `listen`; `scrape(openmetrics)` writes a page, `answered` hears of its arrival.

        Raises:
            SettingError: when the address is malformed or taken.
        """
        address = parse_listen(listen)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, _Request)
        except OSError as error:
            cure = "choose another address, or port 0 for a free one"
            raise SettingError(f"--listen {listen}: {error.strerror}", cure) from error
        self.scrape = scrape
        self.answered = answered
        self.pages = BoundedSemaphore(PAGES)
        self._tls = tls

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port = self.server_address[:2]
        host = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"{'https' if self._tls else 'http'}://{host}:{port}/metrics"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection; a TLS handshake is left to the connection's own thread."""
        connection, address = super().get_request()
        connection.settimeout(PATIENCE)
        if self._tls is not None:
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a scraper that went away be; nothing was committed for it."""


class _Request(BaseHTTPRequestHandler):
    """One scraper's connection."""

    protocol_version = "HTTP/1.1"
    server: MetricsServer
    timeout = PATIENCE * 6  # scrapers keep connections between scrapes

    def do_GET(self) -> None:
        """Answer, and commit when the answer has arrived."""
        path = self.path.partition("?")[0]
        if path not in ("/metrics", "/peek"):
            self.send_error(HTTPStatus.NOT_FOUND, "Not Found", "see /metrics")
            return
        if not self.server.pages.acquire(timeout=PATIENCE):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "Too many scrapes at one time")
            return
        try:
            self._answer(path)
        finally:
            self.server.pages.release()

    def _answer(self, path: str) -> None:
        openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
        scrape = self.server.scrape(openmetrics)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", OPENMETRICS if openmetrics else TEXT)
        self.send_header("Content-Length", str(len(scrape.page)))
        self.end_headers()
        self.wfile.write(scrape.page)
        if path == "/metrics" and arrived(self.connection):
            self.server.answered(scrape)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet: a scrape every few seconds is no news."""


def arrived(connection: socket.socket) -> bool:
    """Wait until the other host has acknowledged every byte that was sent to it.

    A scraper that closes or dies with bytes unread resets the connection, which is no arrival.
    SIOCOUTQ: tcp(7).
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        (waiting,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))
        state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        if state not in OPEN_STATES:
            return False
        if waiting == 0:
            return True
        time.sleep(0.001)
    return False


def tls_context(tls: Tls) -> ssl.SSLContext | None:
    """Make the context for the `[tls]` table; None when it is empty.

    Raises:
        SettingError: when a file cannot be used.
    """
    if not tls.cert and not tls.key and not tls.client_ca:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certificates(context, tls)
    return context


def load_certificates(context: ssl.SSLContext, tls: Tls) -> None:
    """Load, or load again, the files of the `[tls]` table for connections from now on.

    Raises:
        SettingError: when a file cannot be used.
    """
    try:
        context.load_cert_chain(tls.cert, tls.key or None)
        if tls.client_ca:
            context.load_verify_locations(tls.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (tls.cert or "tls.cert (not set)", tls.key, tls.client_ca)))
        raise SettingError(f"[tls] {files}: {error}", "give PEM files of a pair") from error
