"""A real Kafka for the whole session, and what sources are made with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from pano_glue.config import Config
from pano_glue.kafka.client import LIBRARIES
from pano_glue.sources.base import SourceContext
from tests.ports import free_port
from tests.transports.kafka_broker import KafkaBroker, make_certificate, missing
from tests.transports.reading import Reader, read_on
from tests.transports.topics import create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass
class Ledger:
    """What a source wrote down."""

    lost_batches: dict[str, int] = field(default_factory=dict)
    sensors: set[str] = field(default_factory=set)
    up: list[bool] = field(default_factory=list)
    skipped_records: int = 0
    deleted_messages: int = 0
    backlog: dict[tuple[str, int], int] = field(default_factory=dict)

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

    def skipped(self, source: str, log: str, records: int) -> None:
        assert source
        assert log
        self.skipped_records += records

    def backlog_bytes(self, source: str, size: int) -> None:
        raise AssertionError(f"{source} is no log: {size}")

    def backlog_messages(self, source: str, messages: Mapping[tuple[str, int], int]) -> None:
        assert source
        self.backlog = dict(messages)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def context(ledger: Ledger) -> SourceContext:
    return SourceContext(ledger, Config())


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
            "sasl.enabled.mechanisms": "PLAIN,OAUTHBEARER",
            "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config": "org.apache.kafka.common"
            ".security.oauthbearer.OAuthBearerLoginModule required;",
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


@pytest.fixture(params=["kafka-python", "confluent-kafka"])
def library(request: pytest.FixtureRequest) -> str:
    if not find_spec(LIBRARIES[request.param][0]):
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def topic(kafka: KafkaBroker, unique: Callable[[str], str]) -> str:
    return create(kafka, unique("topic"))


@pytest.fixture
def read(
    kafka: KafkaBroker, library: str, context: SourceContext
) -> Iterator[Callable[..., Reader]]:
    readers = []

    def begin(
        topic: str, options: str = "from=beginning", position: object = None, group: str = ""
    ) -> Reader:
        uri = f"kafka://{kafka.servers}/{topic}?group={group or f'g-{topic}'}"
        uri += f"&client={library}&{options}"
        readers.append(read_on(uri, context, position))
        return readers[-1]

    yield begin
    for reader in readers:
        reader.close()
