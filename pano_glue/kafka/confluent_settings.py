"""The settings that confluent-kafka (librdkafka) is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import confluent_kafka
from confluent_kafka import KafkaException

from pano_glue.errors import SettingError
from pano_glue.kafka import client

if TYPE_CHECKING:
    from pano_glue.config import Kafka
    from pano_glue.kafka.client import Role

NAMES = {
    "security_protocol": "security.protocol",
    "ssl_ca": "ssl.ca.location",
    "ssl_cert": "ssl.certificate.location",
    "ssl_key": "ssl.key.location",
    "ssl_key_password": "ssl.key.password",
    "sasl_mechanism": "sasl.mechanisms",
    "sasl_username": "sasl.username",
    "sasl_password": "sasl.password",
}
BUFFERED_KBYTES = 64 << 10

COMMON = {
    "client.id": "pano-bridge",
    "topic.metadata.refresh.interval.ms": int(client.METADATA_SECONDS * 1000),
    "reconnect.backoff.max.ms": 5000,
    "log_level": 0,  # it would write to stderr; errors come through `error_cb`
}
CONSUMER = {
    "session.timeout.ms": int(client.SESSION_SECONDS * 1000),
    "heartbeat.interval.ms": int(client.HEARTBEAT_SECONDS * 1000),
    "fetch.max.bytes": client.FETCH_BYTES,
    "queued.max.messages.kbytes": 2 * client.FETCH_BYTES >> 10,
    "fetch.queue.backoff.ms": 20,  # by default a full queue is left alone for a second
    "check.crcs": True,
}
PRODUCER = {
    "linger.ms": 20,
    "compression.type": "lz4",
    "queue.buffering.max.kbytes": BUFFERED_KBYTES,
}
# What the promises rest on; not for [kafka.options].
OWN_CONSUMER = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "partition.assignment.strategy": "cooperative-sticky",
    "allow.auto.create.topics": False,
    "enable.partition.eof": True,
}
OWN_PRODUCER = {
    "enable.idempotence": True,
    "message.timeout.ms": 0,  # repeat forever
    "message.max.bytes": 2 << 20,
}
BROKERS = {"heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms"}
OWN = {"bootstrap.servers", "metadata.broker.list", "group.id", *OWN_CONSUMER, *OWN_PRODUCER}


def consumer_settings(servers: str, name: str, settings: Kafka) -> dict[str, Any]:
    """Give a consumer's settings."""
    group: dict[str, Any] = {"group.id": name}
    if settings.group_instance_id:
        group["group.instance.id"] = settings.group_instance_id
    made = CONSUMER | common_settings(servers, settings) | OWN_CONSUMER | group
    if settings.options.get("group.protocol") == "consumer":  # KIP-848: these are the broker's
        for setting in BROKERS - set(settings.options):
            del made[setting]
    return made


def producer_settings(servers: str, settings: Kafka, batch_bytes: int) -> dict[str, Any]:
    """Give a producer's settings."""
    batch = {"batch.size": batch_bytes}
    return PRODUCER | batch | common_settings(servers, settings) | OWN_PRODUCER


def common_settings(servers: str, settings: Kafka) -> dict[str, Any]:
    """Give those of consumers, producers and administrators."""
    named = client.settings_named(NAMES, settings)
    return COMMON | named | settings.options | {"bootstrap.servers": servers}


def check(settings: Kafka, role: Role) -> None:
    """See `client.Library`."""
    client.refuse_own(settings, OWN)
    client.check_files(settings)
    try:
        if role == "consumer":
            confluent_kafka.Consumer(consumer_settings("", "check", settings)).close()
        else:
            confluent_kafka.Producer(producer_settings("", settings, 1 << 17))
    except (KafkaException, TypeError, ValueError) as error:
        why = error.args[0].str() if isinstance(error, KafkaException) else error
        raise SettingError(
            f"[kafka]: confluent-kafka refuses: {without_secrets(str(why), settings)}",
            "see [kafka] in docs/pano.toml",
        ) from None  # the library's own may quote a password


def without_secrets(text: str, settings: Kafka) -> str:
    """Leave out what must not be shown."""
    secrets = [settings.sasl_password, settings.ssl_key_password, *settings.options.values()]
    for secret in secrets:
        if len(secret) > 3:  # noqa: PLR2004 - numbers and booleans are no secrets
            text = text.replace(secret, "***")
    return text
