"""Zeek over native Broker: `broker://host:port`, through Zeek's own Python bindings.

Zeek listens with `redef PANO::broker_port`. Broker queues 8,192 messages per peer and then drops
the oldest without a word; the `seq` of each batch tells.
"""

from __future__ import annotations

import select
from threading import Event
from typing import TYPE_CHECKING, Any

from pano_glue.errors import SettingError
from pano_glue.metrics.labels import OTHER
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.base import Batch
from pano_glue.sources.connection import Connection
from pano_glue.sources.sequence import EVENT, TOPICS, Sequence
from pano_glue.sources.zeek_broker import find_bindings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from pano_glue.sources.base import SourceContext, SourceUri

POLL_SECONDS = 0.25
RETRY_SECONDS = 1.0  # Broker itself tries again, forever
QUEUED = 8192  # messages the bindings keep for us, as many as the peer does
HIGHEST_PORT = 65535


def open_source(uri: SourceUri, context: SourceContext) -> BrokerSource:
    """Make the source for a `broker:` URI.

    Raises:
        SettingError: for an option or a wrong address, or when Zeek's bindings are not here.
    """
    reject_unknown_options(uri, set())
    host, _, port = uri.target.rpartition(":")
    if not host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise SettingError(f"--source {uri.name}: no host:port", "write broker://host:port")
    return BrokerSource(uri.name, host.strip("[]"), int(port), context, find_bindings())


class BrokerSource:
    """Events of one Broker peer; what is published while we are away is gone, and counted."""

    def __init__(
        self, name: str, host: str, port: int, context: SourceContext, broker: ModuleType
    ) -> None:
        """Prepare to peer with `host` and `port` through the bindings `broker`."""
        self.name = name
        self._host = host
        self._port = port
        self._context = context
        self._broker = broker
        self._sequence = Sequence(name, context)
        self._connection = Connection(name, context.ledger)
        self._stop = Event()

    def batches(self) -> Iterator[Batch]:
        """Yield what the peer publishes."""
        self._connection.begin()
        # As one string: the bindings of Zeek 8.0 fail on a list with Python 3.10 and later.
        with (
            self._broker.Endpoint() as endpoint,
            endpoint.make_safe_subscriber(TOPICS, QUEUED) as messages,
            endpoint.make_status_subscriber(True) as states,  # noqa: FBT003 (the bindings' own)
        ):
            endpoint.peer_nosync(self._host, self._port, RETRY_SECONDS)
            stopping = False
            while not stopping:
                stopping = self._stop.is_set()  # what has arrived by then is still yielded
                select.select([messages.fd(), states.fd()], [], [], 0 if stopping else POLL_SECONDS)
                self._take_note(states.poll())
                for _, message in messages.poll():
                    batch = self._batch(message)
                    if batch is None:
                        self._context.ledger.skipped(self.name, OTHER, 1)
                    else:
                        yield batch

    def checkpointed(self, position: object) -> None:
        """Do nothing: what was published cannot be asked for again."""

    def stop(self) -> None:
        """End `batches` soon."""
        self._stop.set()

    def close(self) -> None:
        """Do nothing: `batches` has ended the peering."""

    def _take_note(self, states: list[Any]) -> None:
        gone = (self._broker.SC.PeerLost, self._broker.SC.PeerRemoved)
        for state in states:
            if state.code() == self._broker.SC.PeerAdded:
                self._connection.up()
            elif isinstance(state, self._broker.Error) or state.code() in gone:
                self._connection.down(state)

    def _batch(self, message: object) -> Batch | None:
        """Take the batch out of an event; None if it is another's.

        An event is `(1, 1, (name, arguments), metadata)`; a string that is not UTF-8 is bytes.
        """
        match message:
            case (_, _, (name, (str(sensor), seq, str(log), str() | bytes() as ndjson)), *_):
                if name == EVENT and isinstance(seq, self._broker.Count):
                    lines = ndjson.encode() if isinstance(ndjson, str) else ndjson
                    return Batch(log, lines, self._sequence.arrived(sensor, log, seq.value))
        return None
