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
from pano_glue.metrics.labels import OTHER
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.backoff import Backoff
from pano_glue.sources.base import Batch
from pano_glue.sources.connection import Connection
from pano_glue.sources.sequence import EVENT, TOPICS, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.config import WebSocket
    from pano_glue.sources.base import SourceContext, SourceUri

PATH = "/v1/messages/json"
MESSAGE_BYTES = 64 << 20
OPEN_SECONDS = 4.0
PING_SECONDS = 10.0  # a connection that answers none is given up
POLL_SECONDS = 0.25
EVENT_AT = 2  # where the event stands in a data message
BAD_MESSAGE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Text(msgspec.Struct):
    """A string."""

    data: str


class Number(msgspec.Struct):
    """A count."""

    data: int


class Arguments(msgspec.Struct):
    """Those of `PANO::batch`: sensor, seq, log, ndjson."""

    data: tuple[Text, Number, Text, Text]


class BatchEvent(msgspec.Struct):
    """Its name and arguments."""

    data: tuple[Text, Arguments]


class BatchMessage(msgspec.Struct):
    """A batch as Zeek sends it unless it adds metadata; read in one pass, as they are large."""

    data: tuple[Number, Number, BatchEvent]


class Value(msgspec.Struct):
    """One value of any type: `{"@data-type": "count", "data": 7}`."""

    data: msgspec.Raw


class Message(msgspec.Struct):
    """An acknowledgement, an error, or an event: `[1, 1, [name, arguments]]`, then metadata."""

    type: str = ""
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
            context.load_cert_chain(
                settings.cert, settings.key or None, lambda: _key_password(settings)
            )
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (settings.ca, settings.cert, settings.key)))
        raise SettingError(
            f"[websocket] {files}: {error.strerror or error}", "name PEM files to read"
        ) from error
    return context


def _key_password(settings: WebSocket) -> str:
    if not settings.key_password:
        what = f"[websocket] {settings.key or settings.cert}: has a password"
        raise SettingError(what, "set websocket.key_password, or websocket.key_password_file")
    return settings.key_password


class WebSocketSource:
    """Events of one Zeek; what is published while we are away is gone, and counted by `seq`."""

    def __init__(self, uri: SourceUri, context: SourceContext, tls: ssl.SSLContext | None) -> None:
        """Prepare to connect to `uri`."""
        self.name = uri.name
        path = "" if "/" in uri.target else PATH
        self._url = f"{uri.scheme}://{uri.target}{path}"
        self._tls = tls
        self._ledger = context.ledger
        self._connection = Connection(uri.name, context.ledger)
        self._sequence = Sequence(uri.name, context)
        self._plain = msgspec.json.Decoder(BatchMessage)
        self._message = msgspec.json.Decoder(Message)
        self._event = msgspec.json.Decoder(tuple[Text, Arguments])
        self._stop = Event()

    def batches(self) -> Iterator[Batch]:
        """Yield what Zeek publishes; connect again, forever, when the connection is lost."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        self._connection.begin()
        backoff = Backoff(self._stop)
        while not self._stop.is_set():
            try:
                with connect(
                    self._url,
                    ssl=self._tls,
                    compression=None,
                    max_size=MESSAGE_BYTES,
                    open_timeout=OPEN_SECONDS,
                    ping_interval=PING_SECONDS,
                    ping_timeout=PING_SECONDS,
                    close_timeout=0.5,
                    proxy=None,
                ) as connection:
                    connection.send(msgspec.json.encode([TOPICS]).decode())
                    yield from self._receive(connection, backoff)
            except (OSError, WebSocketException) as error:
                self._connection.down(error)
                backoff.wait()

    def checkpointed(self, position: object) -> None:
        """Do nothing: what was published cannot be asked for again."""

    def stop(self) -> None:
        """End `batches` soon."""
        self._stop.set()

    def close(self) -> None:
        """Do nothing: `batches` has closed the connection."""

    def _receive(self, connection: Any, backoff: Backoff) -> Iterator[Batch]:  # noqa: ANN401
        """Yield batches of one connection until it is lost (raises) or `stop`.

        What has arrived by then is still yielded: nobody would send it again.
        """
        while True:
            stopping = self._stop.is_set()
            try:
                # Bytes are decoded as they are, without making a str first.
                text = connection.recv(0 if stopping else POLL_SECONDS, decode=False)
            except TimeoutError:
                if stopping:
                    return
                continue
            batch: Batch | None
            try:
                batch = self._batch(text)
            except BAD_MESSAGE:
                batch = self._answered(text, backoff)
            if batch is not None:
                yield batch

    def _batch(self, text: bytes) -> Batch:
        """Take the batch out of a message.

        Raises:
            msgspec.DecodeError: when it is none, or has metadata.
        """
        _, _, event = self._plain.decode(text).data
        return self._taken(event.data)

    def _answered(self, text: bytes, backoff: Backoff) -> Batch | None:
        """Take a message that is no plain batch.

        Raises:
            PanoError: when Zeek refuses what we asked for.
        """
        try:
            message = self._message.decode(text)
            if message.data is not None and len(message.data) > EVENT_AT:
                return self._taken(self._event.decode(message.data[EVENT_AT].data))
        except BAD_MESSAGE:
            message = Message()
        if message.type == "error":
            raise PanoError(
                f"{self.name}: Zeek refuses: {message.code}: {message.context}",
                "check that this is Zeek's WebSocket port",
            )
        if message.type == "ack":
            self._connection.up()
            backoff.reset()
        else:
            self._ledger.skipped(self.name, OTHER, 1)
        return None

    def _taken(self, event: tuple[Text, Arguments]) -> Batch:
        name, arguments = event
        if name.data != EVENT:
            raise msgspec.DecodeError(f"another event: {name.data}")
        sensor, seq, log, ndjson = arguments.data
        position = self._sequence.arrived(sensor.data, log.data, seq.data)
        return Batch(log.data, ndjson.data.encode(), position)
