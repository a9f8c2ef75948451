"""`seq`: gaps by sensor and log, also over restarts of the bridge and of the sensor."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

import msgspec
import pytest
from websockets.sync.server import serve

from pano_glue.config import Config, Limits
from pano_glue.errors import PanoError
from pano_glue.sources import SourceContext
from pano_glue.sources.sequence import Sequence
from tests.transports.reading import read_on
from tests.transports.test_zeek_sources import event
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

    from tests.transports.conftest import Ledger

SOURCE = "ws://127.0.0.1:1"


@pytest.fixture
def kept(ledger: Ledger) -> SourceContext:
    return SourceContext(ledger, Config(limits=Limits(sensors=2)))


def next_life(kept: SourceContext, position: object) -> SourceContext:
    """Give the context of a bridge whose newest checkpoint has `position`."""
    return replace(kept, positions={SOURCE: msgspec.Raw(msgspec.msgpack.encode(position))})


def test_gaps_are_counted_by_sensor_and_log(kept: SourceContext, ledger: Ledger) -> None:
    sequence = Sequence(SOURCE, kept)
    for sensor, log, seq in [
        ("a", "dns", 7),  # came in late: not a loss
        ("a", "dns", 8),
        ("a", "pano_stats", 1),
        ("b", "dns", 1),
        ("b", "dns", 4),  # 2 lost
        ("a", "dns", 9),
        ("a", "dns", 1),  # began anew
        ("b", "dns", 3),  # began anew, 2 lost
        ("c", "dns", 1),  # one sensor too many
        ("c", "dns", 9),
    ]:
        sequence.arrived(sensor, log, seq)
    assert ledger.lost_batches == {"b": 4}
    assert ledger.sensors == {"a", "b"}  # a rate needs its beginning at 0


def test_what_a_restart_missed_is_counted(kept: SourceContext, ledger: Ledger) -> None:
    first = Sequence(SOURCE, kept)
    for seq in (1, 2, 3):
        first.arrived("gone on", "dns", seq)
        first.arrived("begun anew", "dns", seq)
    durable = first.arrived("gone on", "pano_stats", 1)
    first.arrived("gone on", "dns", 4)  # arrived, and died with the process before a checkpoint

    second = Sequence(SOURCE, next_life(kept, durable))
    second.arrived("gone on", "dns", 6)  # 4 and 5 are in no checkpoint
    second.arrived("gone on", "pano_stats", 2)
    second.arrived("begun anew", "dns", 1)
    assert ledger.lost_batches == {"gone on": 2}


def test_a_position_of_something_else_is_named(kept: SourceContext) -> None:
    with pytest.raises(PanoError, match=SOURCE):
        Sequence(SOURCE, next_life(kept, {"s": 1}))


def test_a_restarted_source_counts_its_gap(kept: SourceContext, ledger: Ledger) -> None:
    published = iter((1, 5))

    def one_batch(connection: ServerConnection) -> None:
        connection.send(event(next(published), "{}"))
        for _ in connection:
            pass  # until the bridge goes away

    with serve(one_batch, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        uri = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        position = None
        for _ in range(2):
            reader = read_on(uri, kept, position)
            wait_until(lambda reader=reader: reader.lines != [])  # type: ignore[misc]
            reader.end()
            position = reader.durable
        server.shutdown()
        thread.join()
    assert ledger.lost_batches == {"s": 3}
