"""A real Kafka for the whole session, and what sources are made with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pano_glue.config import Config
from pano_glue.sources.base import SourceContext
from tests.ports import free_port
from tests.transports.kafka_broker import KafkaBroker, make_certificate, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Ledger:
    """What a source wrote down."""

    lost_batches: dict[str, int] = field(default_factory=dict)
    sensors: set[str] = field(default_factory=set)
    up: list[bool] = field(default_factory=list)
    skipped_records: int = 0
    deleted_messages: int = 0

    def lost(self, sensor: str, batches: int) -> None:
        self.sensors.add(sensor)
        if batches:
            self.lost_batches[sensor] = self.lost_batches.get(sensor, 0) + batches

    def deleted(self, source: str, messages: int) -> None:
        assert source
        self.deleted_messages += messages

    def connection(self, source: str, *, up: bool) -> None:
        assert source
        self.up.append(up)

    def skipped(self, source: str, records: int) -> None:
        assert source
        self.skipped_records += records


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def context(ledger: Ledger) -> SourceContext:
    return SourceContext(None, ledger, Config())


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A running broker; its topics get 8 partitions."""
    if missing():
        pytest.skip(f"{missing()} is not installed")
    folder = tmp_path_factory.mktemp("kafka")
    make_certificate(folder)
    broker = KafkaBroker(
        folder,
        {
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": "org.apache.kafka.common.security"
            '.plain.PlainLoginModule required user_reader="secret";',
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "both.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "cert.pem"),
            "listener.name.ssl.ssl.client.auth": "required",
        },
        secured={"SASL_SSL": free_port(), "SSL": free_port()},
    )
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def unique() -> Callable[[str], str]:
    """Return a function that makes a name which no other test uses."""
    numbers = itertools.count()
    return lambda name: f"{name}-{next(numbers)}"
