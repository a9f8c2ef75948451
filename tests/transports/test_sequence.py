"""`seq`: gaps by sensor and log, also over restarts of the bridge and of the sensor."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest
from websockets.sync.server import serve

from pano_glue.config import Config, Limits
from pano_glue.errors import PanoError
from pano_glue.sources import SourceContext, open_source
from pano_glue.sources.sequence import Sequence
from tests.transports.reading import Reader
from tests.transports.test_zeek_sources import event
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from websockets.sync.server import ServerConnection

    from tests.transports.conftest import Ledger

SOURCE = "ws://127.0.0.1:1"


@pytest.fixture
def kept(ledger: Ledger, tmp_path: Path) -> SourceContext:
    return SourceContext(tmp_path, ledger, Config(limits=Limits(sensors=2)))


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
    scraped = first.arrived("gone on", "pano_stats", 1)
    first.arrived("gone on", "dns", 4)  # arrived, and died with the process before a scrape
    first.commit(scraped)

    second = Sequence(SOURCE, kept)
    second.arrived("gone on", "dns", 6)  # 4 and 5 are in no scrape
    second.arrived("gone on", "pano_stats", 2)
    second.arrived("begun anew", "dns", 1)
    assert ledger.lost_batches == {"gone on": 2}


def test_without_a_state_directory_nothing_is_remembered(ledger: Ledger) -> None:
    context = SourceContext(None, ledger, Config())
    first = Sequence(SOURCE, context)
    first.commit(first.arrived("s", "dns", 1))
    Sequence(SOURCE, context).arrived("s", "dns", 9)
    assert ledger.lost_batches == {}


def test_a_damaged_state_file_is_named(kept: SourceContext, tmp_path: Path) -> None:
    sequence = Sequence(SOURCE, kept)
    sequence.commit(sequence.arrived("s", "dns", 1))
    (stored,) = tmp_path.iterdir()
    stored.write_text('{"s": 1}')
    with pytest.raises(PanoError, match=stored.name):
        Sequence(SOURCE, kept)


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
        for _ in range(2):
            reader = Reader(open_source(uri, kept))
            wait_until(lambda reader=reader: reader.lines != [])  # type: ignore[misc]
            reader.stop()
            reader.scrape()
        server.shutdown()
        thread.join()
    assert ledger.lost_batches == {"s": 3}
