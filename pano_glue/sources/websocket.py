"""Zeek's WebSocket interface: `ws://host:port` and `wss://host:port`.

Zeek 8 offers it by `Cluster::listen_websocket` (`redef PANO::websocket_port` does), older ones by
`Broker::listen_websocket`; both speak Broker's data model as JSON, version 1
(https://docs.zeek.org/projects/broker/en/current/web-socket.html).
"""

from __future__ import annotations

import ssl
from threading import Event
from typing import TYPE_CHECKING, Any

import msgspec

from pano_glue.errors import PanoError, SettingError
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.backoff import Backoff
from pano_glue.sources.base import Batch
from pano_glue.sources.sequence import EVENT, TOPICS, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.config import WebSocket
    from pano_glue.sources.base import SourceContext, SourceUri

PATH = "/v1/messages/json"
MESSAGE_BYTES = 64 << 20
PING_SECONDS = 10.0  # a connection that answers none is given up
POLL_SECONDS = 0.25


class Value(msgspec.Struct):
    """One typed value: `{"@data-type": "count", "data": 7}`."""

    kind: str = msgspec.field(name="@data-type")
    data: msgspec.Raw


class Message(msgspec.Struct):
    """A data message (an event is `[1, 1, [name, arguments]]`, then metadata), or an error."""

    type: str = ""
    topic: str = ""
    data: list[Value] | None = None
    code: str = ""
    context: str = ""


def open_source(uri: SourceUri, context: SourceContext) -> WebSocketSource:
    """Make the source for a `ws:` or `wss:` URI.

    Raises:
        SettingError: for an option, unusable certificates, or when the library is missing.
    """
    reject_unknown_options(uri, set())
    try:
        import websockets  # noqa: F401
    except ImportError as error:
        raise SettingError(
            f"--source {uri.name}: the library websockets is not installed",
            "pip install 'pano-glue[websocket]'",
        ) from error
    tls = tls_context(context.config.websocket) if uri.scheme == "wss" else None
    return WebSocketSource(uri, context, tls)


def tls_context(settings: WebSocket) -> ssl.SSLContext:
    """Make what `wss:` needs: the CA to trust, and our certificate where Zeek asks for one.

    Raises:
        SettingError: when a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingError(
            f"[websocket] certificates: {error.strerror or error}", "name PEM files to read"
        ) from error
    return context


class WebSocketSource:
    """Events of one Zeek; what is published while we are away is gone, and counted by `seq`."""

    def __init__(self, uri: SourceUri, context: SourceContext, tls: ssl.SSLContext | None) -> None:
        """Prepare to connect to `uri`."""
        self.name = uri.name
        path = "" if "/" in uri.target else PATH
        self._url = f"{uri.scheme}://{uri.target}{path}"
        self._tls = tls
        self._ledger = context.ledger
        self._sequence = Sequence(context.ledger, context.config.limits.sensors)
        self._message = msgspec.json.Decoder(Message)
        self._event = msgspec.json.Decoder(tuple[Value, Value])
        self._arguments = msgspec.json.Decoder(list[Value])
        self._stop = Event()

    def batches(self) -> Iterator[Batch]:
        """Yield what Zeek publishes; connect again, forever, when the connection is lost."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        backoff = Backoff(self._stop)
        while not self._stop.is_set():
            try:
                with connect(
                    self._url,
                    ssl=self._tls,
                    compression=None,
                    max_size=MESSAGE_BYTES,
                    ping_interval=PING_SECONDS,
                    ping_timeout=PING_SECONDS,
                    close_timeout=1,
                    proxy=None,
                ) as connection:
                    connection.send(msgspec.json.encode([TOPICS]).decode())
                    yield from self._receive(connection, backoff)
            except (OSError, WebSocketException):
                self._ledger.connection(self.name, up=False)
                backoff.wait()

    def commit(self, position: object) -> None:
        """Do nothing: there are no positions."""

    def stop(self) -> None:
        """End `batches` soon."""
        self._stop.set()

    def close(self) -> None:
        """Do nothing: `batches` has closed the connection."""

    def _receive(self, connection: Any, backoff: Backoff) -> Iterator[Batch]:  # noqa: ANN401
        """Yield batches of one connection until it is lost (raises) or `stop`."""
        while not self._stop.is_set():
            try:
                # Bytes are decoded as they are, without making a str first.
                text = connection.recv(POLL_SECONDS, decode=False)
            except TimeoutError:
                continue
            try:
                message = self._message.decode(text)
                batch = self._batch(message)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._ledger.skipped(self.name, 1)
                continue
            if batch is not None:
                yield batch
            elif message.type == "ack":
                self._ledger.connection(self.name, up=True)
                backoff.reset()
            elif message.type == "error":
                raise PanoError(
                    f"{self.name}: Zeek refuses: {message.code}: {message.context}",
                    "check that this is Zeek's WebSocket port",
                )

    def _batch(self, message: Message) -> Batch | None:
        """Take the batch out of a message; None for what is none.

        Raises:
            msgspec.DecodeError: when it is not built as an event.
        """
        if message.type != "data-message" or not message.data or len(message.data) < 3:  # noqa: PLR2004
            return None
        name, arguments = self._event.decode(message.data[2].data)
        if msgspec.json.decode(name.data) != EVENT:
            self._ledger.skipped(self.name, 1)
            return None
        values = self._arguments.decode(arguments.data)
        sensor, log, ndjson = (msgspec.json.decode(values[i].data, type=str) for i in (0, 2, 3))
        self._sequence.arrived(sensor, log, msgspec.json.decode(values[1].data, type=int))
        return Batch(log, ndjson.encode())
