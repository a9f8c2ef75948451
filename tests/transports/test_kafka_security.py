"""TLS, client certificates and SASL towards a real Kafka, through each library."""

from __future__ import annotations

import dataclasses
import subprocess
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer

from pano_glue.config import Config, Kafka
from pano_glue.errors import SettingError
from pano_glue.kafka.client import LIBRARIES, KafkaRefusedError
from pano_glue.sources import SourceContext, open_source
from tests.transports.kafka_broker import make_certificate
from tests.transports.reading import Reader
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pano_glue.sources import Source
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
    return lambda listener: (
        f"kafka://{kafka.secured[listener]}/{topic}?client={library}&from=beginning"
    )


def secured(kafka: KafkaBroker, ledger: Ledger, **settings: object) -> SourceContext:
    ca = str(kafka.folder / "cert.pem")
    kafka_settings = msgspec.convert({"ssl_ca": ca, **settings}, Kafka)
    return SourceContext(ledger, Config(kafka=kafka_settings))


PASSWORD = "secret"  # noqa: S105 (of the test's own broker)
SASL = {"security_protocol": "SASL_SSL", "sasl_username": "reader"}


def reads_one(source: Source) -> None:
    reader = Reader(source)
    wait_until(lambda: len(reader.lines) == 1 or reader.failure is not None)
    reader.close()
    assert reader.failure is None


def test_sasl_over_tls(kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str]) -> None:
    context = secured(kafka, ledger, **SASL, sasl_password=PASSWORD)
    reads_one(open_source(uri("SASL_SSL"), context))


def test_tokens(
    kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str], library: str
) -> None:
    options = {
        "confluent-kafka": {
            "enable.sasl.oauthbearer.unsecure.jwt": "true",
            "sasl.oauthbearer.config": "principal=reader",
        },
        "kafka-python": {"sasl_oauth_token_provider": "tests.transports.tokens:Unsecured"},
    }[library]
    context = secured(
        kafka,
        ledger,
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        options=options,
    )
    reads_one(open_source(uri("SASL_SSL"), context))


def test_a_client_certificate_whose_key_has_a_password(
    kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str], tmp_path: Path
) -> None:
    key, plain = str(tmp_path / "locked.pem"), str(kafka.folder / "key.pem")
    lock = ["openssl", "pkey", "-in", plain, "-out", key, "-aes256", "-passout", "pass:open"]
    subprocess.run(lock, check=True)
    files = {"ssl_cert": str(kafka.folder / "cert.pem"), "ssl_key": key}
    context = secured(kafka, ledger, security_protocol="SSL", **files, ssl_key_password="open")  # noqa: S106
    reads_one(open_source(uri("SSL"), context))


def test_a_wrong_password_is_an_error_to_mend(
    kafka: KafkaBroker,
    ledger: Ledger,
    uri: Callable[[str], str],
    library: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = secured(kafka, ledger, **SASL, sasl_password="wrong-" + PASSWORD)
    reader = Reader(open_source(uri("SASL_SSL"), context))
    wait_until(lambda: reader.failure is not None or "wrong password" in caplog.text)
    reader.close()
    if library == "confluent-kafka":  # kafka-python often sees a closed connection only
        assert isinstance(reader.failure, KafkaRefusedError)
    assert PASSWORD not in f"{reader.failure} {caplog.text}"
    assert ledger.up == [False]


def test_a_certificate_of_nobody_we_know_is_said(
    kafka: KafkaBroker,
    ledger: Ledger,
    uri: Callable[[str], str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_certificate(tmp_path)  # another one
    settings = SASL | {"ssl_ca": str(tmp_path / "cert.pem"), "sasl_password": PASSWORD}
    reader = Reader(open_source(uri("SASL_SSL"), secured(kafka, ledger, **settings)))
    wait_until(lambda: "certificate" in caplog.text)
    reader.close()
    assert "not connected" in caplog.text
    assert PASSWORD not in caplog.text
    assert ledger.up == [False]


@pytest.mark.parametrize(
    "options",
    [
        {"no.such.option": "1"},
        {"group.id": "g"},
        {"group_id": "g"},
        {"enable.auto.commit": "true"},
        {"enable_auto_commit": "true"},
        {"session.timeout.ms": "long", "session_timeout_ms": "long"},
    ],
)
def test_an_option_that_cannot_be_is_refused(
    options: dict[str, str], kafka: KafkaBroker, ledger: Ledger, library: str
) -> None:
    context = secured(kafka, ledger, options=options)
    with pytest.raises(SettingError, match=r"\[kafka"):
        open_source(f"kafka://{kafka.servers}/dns?client={library}", context)


@pytest.mark.parametrize("setting", ["ssl_ca", "ssl_cert"])
def test_a_file_that_is_not_there_is_named(
    setting: str, kafka: KafkaBroker, ledger: Ledger, library: str
) -> None:
    context = secured(kafka, ledger, security_protocol="SSL", **{setting: "/no/such.pem"})
    with pytest.raises(SettingError, match="such"):
        open_source(f"kafka://{kafka.servers}/dns?client={library}", context)


def test_the_group_knows_a_bridge_again(
    kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str], library: str
) -> None:
    plain = uri("SSL").replace(kafka.secured["SSL"], kafka.servers) + f"&group=known-{library}"
    for settings, known in (({}, True), ({"static_member": False}, False)):
        context = dataclasses.replace(secured(kafka, ledger, **settings), instance="i-1")
        reader = Reader(open_source(plain, context))
        wait_until(lambda reader=reader: len(reader.lines) == 1)  # type: ignore[misc]
        with closing(KafkaAdminClient(bootstrap_servers=kafka.servers)) as admin:
            described = str(admin.describe_groups([plain.rpartition("=")[2]]))
        reader.close()
        assert ("pano-i-1-" in described) is known
        plain += "-anew"


def test_static_membership_and_options_reach_kafka(
    kafka: KafkaBroker, ledger: Ledger, uri: Callable[[str], str], library: str
) -> None:
    name = {"confluent-kafka": "client.id", "kafka-python": "client_id"}[library]
    settings = {"group_instance_id": "seat-1", "options": {name: "named-by-option"}}
    plain = uri("SSL").replace(kafka.secured["SSL"], kafka.servers) + f"&group=static-{library}"
    reader = Reader(open_source(plain, secured(kafka, ledger, **settings)))
    wait_until(lambda: len(reader.lines) == 1)
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    described = str(admin.describe_groups([f"static-{library}"]))
    admin.close()
    reader.close()
    assert "seat-1" in described
    assert "named-by-option" in described
