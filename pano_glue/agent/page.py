"""The agent over HTTP: `/metrics`, `/status` and `/healthz`."""

from __future__ import annotations

import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from prometheus_client.exposition import choose_encoder

from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

PATIENCE = 10.0  # seconds for a request
HIGHEST_PORT = 65535


class Answer(NamedTuple):
    """What a page says."""

    code: HTTPStatus
    kind: str  # Content-Type
    body: bytes


class Pages(NamedTuple):
    """What there is to say. `troubles` is empty as long as all is well."""

    registry: CollectorRegistry
    status: Callable[[], dict[str, Any]]
    troubles: Callable[[], list[str]]

    def answer(self, path: str, accept: str) -> Answer:
        """Answer a request for a path."""
        match path.partition("?")[0]:
            case "/metrics" | "/":
                encode, kind = choose_encoder(accept)
                return Answer(HTTPStatus.OK, kind, encode(self.registry))
            case "/status":
                body = msgspec.json.encode(self.status()) + b"\n"
                return Answer(HTTPStatus.OK, "application/json", body)
            case "/healthz":
                troubles = self.troubles()
                code = HTTPStatus.SERVICE_UNAVAILABLE if troubles else HTTPStatus.OK
                text = "\n".join(troubles) or "ok"
                return Answer(code, "text/plain; charset=utf-8", f"{text}\n".encode())
        return Answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics /status /healthz\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Request)
        self.pages = pages

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a caller that breaks off is no fault of ours."""


class _Request(BaseHTTPRequestHandler):
    timeout = PATIENCE
    server: _Server

    def do_GET(self) -> None:  # http.server's name
        """Answer with a page."""
        answer = self.server.pages.answer(self.path, self.headers.get("Accept", ""))
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815 # http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Keep quiet."""


def serve(listen: str, pages: Pages) -> None:
    """Serve at `listen` (host:port), in a thread of its own.

    Raises:
        SettingError: when `listen` is no address.
        PanoError: when the port is taken.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise SettingError(f"--listen {listen} is no address", "write it as 127.0.0.1:15354")
    try:
        server = _Server((host.strip("[]"), int(port)), pages)
    except OSError as error:
        raise PanoError(
            f"cannot listen on {listen} ({error})", "name a free port with --listen"
        ) from error
    Thread(target=server.serve_forever, name="page", daemon=True).start()
