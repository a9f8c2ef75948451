"""The bridge's pages over HTTP or HTTPS; a slow or idle client holds up nobody."""

from __future__ import annotations

import socket
import time
from collections import OrderedDict
from contextlib import suppress
from http.server import ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from pano_glue.bridge.request import Request
from pano_glue.errors import SettingError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from pano_glue.bridge.basic_auth import BasicAuth
    from pano_glue.page.site import Site

CONNECTIONS = 100  # beyond them, the one that has been idle for longest is closed


def parse_listen(listen: str) -> tuple[str, int]:
    """Split `HOST:PORT`, with an IPv6 host in brackets.

    Raises:
        SettingError: when it is not of that form.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        raise SettingError(f"--listen {listen}: not HOST:PORT", "write 127.0.0.1:15353")
    return host.strip("[]"), int(port)


class Content(NamedTuple):
    """What a server shows.

    `page(visit, openmetrics=…)` writes `/metrics` and tells the number of its checkpoint;
    `not_ready` says why the bridge is not ready, or ""; `site` is the live page, if any.
    """

    page: Callable[..., tuple[bytes, int]]
    not_ready: Callable[[], str]
    site: Site | None = None


class MetricsServer(ThreadingHTTPServer):
    """Serves `/metrics`, `/`, `/-/healthy` and `/-/ready`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        listen: str,
        content: Content,
        tls: ssl.SSLContext | None,
        auth: BasicAuth,
    ) -> None:
        """Bind `listen`.

        Raises:
            SettingError: when the address is malformed or taken.
        """
        address = parse_listen(listen)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, Request)
        except OSError as error:
            cure = "choose another address, or port 0 for a free one"
            raise SettingError(f"--listen {listen}: {error.strerror}", cure) from error
        self.content = content
        self.tls = tls  # may be replaced; so may `auth`
        self.auth = auth
        self._https = tls is not None
        self._idle: OrderedDict[socket.socket, float] = OrderedDict()
        self._open = 0
        self._lock = Lock()

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port = self.server_address[:2]
        host = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"{'https' if self._https else 'http'}://{host}:{port}/metrics"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection; a TLS handshake is left to the connection's own thread."""
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002
        """Take in a connection if there is room, or can be made."""
        assert isinstance(request, socket.socket)  # noqa: S101 - what get_request returned
        with self._lock:
            if self._open >= CONNECTIONS and not self._close_idlest():
                return False
            self._open += 1
            self._idle[request] = time.monotonic()
        return True

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a client that broke off be; what is our fault was told by `Request`."""

    def busy(self, connection: socket.socket) -> None:
        """Note that a connection has asked for something."""
        with self._lock:
            self._idle.pop(connection, None)

    def idle(self, connection: socket.socket) -> None:
        """Note that a connection has been answered."""
        with self._lock:
            self._idle[connection] = time.monotonic()

    def gone(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._idle.pop(connection, None)
            self._open -= 1

    def _close_idlest(self) -> bool:
        if not self._idle:
            return False
        connection, _ = self._idle.popitem(last=False)
        with suppress(OSError):  # its thread sees the end and calls `gone`
            connection.shutdown(socket.SHUT_RDWR)
        return True
