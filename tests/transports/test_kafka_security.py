"""TLS, client certificates and SASL towards a real Kafka, through each library."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec
import pytest
from kafka import KafkaProducer

from pano_glue.config import Config, Kafka
from pano_glue.kafka.client import LIBRARIES, KafkaRefusedError
from pano_glue.sources import SourceContext, open_source
from tests.transports.reading import Reader
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.transports.conftest import Ledger
    from tests.transports.kafka_broker import KafkaBroker


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    if not find_spec(LIBRARIES[request.param][0]):
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def uri(kafka: KafkaBroker, library: str, unique: Callable[[str], str]) -> Callable[[str], str]:
    topic = unique("secured")
    producer = KafkaProducer(bootstrap_servers=kafka.servers)
    producer.send(topic, b'{"n":1}')
    producer.flush(30)
    producer.close()
    return lambda listener: f"kafka://{kafka.secured[listener]}/{topic}?client={library}"


def secured(kafka: KafkaBroker, ledger: Ledger, **settings: str) -> SourceContext:
    ca = str(kafka.folder / "cert.pem")
    kafka_settings = msgspec.convert({"ssl_ca": ca, **settings}, Kafka)
    return SourceContext(None, ledger, Config(kafka=kafka_settings))


PASSWORD = "secret"  # noqa: S105 (of the test's own broker)
SASL = {"security_protocol": "SASL_SSL", "sasl_username": "reader"}


def test_sasl_over_tls(kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str]) -> None:
    context = secured(kafka, ledger, **SASL, sasl_password=PASSWORD)
    reader = Reader(open_source(uri("SASL_SSL"), context))
    wait_until(lambda: len(reader.lines) == 1)
    reader.close()


def test_a_client_certificate(
    kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str]
) -> None:
    key, cert = str(kafka.folder / "key.pem"), str(kafka.folder / "cert.pem")
    context = secured(kafka, ledger, security_protocol="SSL", ssl_cert=cert, ssl_key=key)
    reader = Reader(open_source(uri("SSL"), context))
    wait_until(lambda: len(reader.lines) == 1)
    reader.close()


@pytest.mark.parametrize("library", ["confluent-kafka"])  # kafka-python does not tell
def test_a_wrong_password_is_an_error_to_mend(
    kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str]
) -> None:
    context = secured(kafka, ledger, **SASL, sasl_password=PASSWORD[1:])
    source = open_source(uri("SASL_SSL"), context)
    with pytest.raises(KafkaRefusedError, match="refuses"):
        list(source.batches())
    source.close()
