"""What is said of a connection, and how often."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pano_glue.sources.connection import MOST, Connection

if TYPE_CHECKING:
    import pytest

    from tests.transports.conftest import Ledger


def test_each_reason_is_said_once_until_it_is_connected_again(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pano_glue")
    connection = Connection("ws://h:1", ledger)
    connection.begin()
    for tries in range(5):
        connection.down(f"refused (after {tries}ms in state CONNECT, {tries} error(s) suppressed)")
        connection.down(f"no such host (backoff 0.{tries} secs)")
    connection.up()
    connection.up()
    connection.down("refused")
    assert [record.getMessage() for record in caplog.records] == [
        "ws://h:1: not connected: refused; trying again",
        "ws://h:1: not connected: no such host; trying again",
        "ws://h:1: connected",
        "ws://h:1: not connected: refused; trying again",
    ]
    assert ledger.up == [False, True, False]


def test_ever_other_reasons_fill_no_log(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection("ws://h:1", ledger)
    for number in range(1000):
        connection.down(f"reason {number}\nin two lines")
    assert len(caplog.records) == MOST
    assert all("\n" not in record.getMessage() for record in caplog.records)
