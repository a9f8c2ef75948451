"""The settings that kafka-python is given, and what it says about its connections."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

import kafka
import msgspec
from kafka import errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.net.compat import KafkaNetClient

from pano_glue.errors import SettingError
from pano_glue.kafka import client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pano_glue.config import Kafka
    from pano_glue.kafka.client import Role


class CreatesNoTopic(KafkaNetClient):  # type: ignore[misc]
    """The library's own network client; 3.0 does not heed `allow_auto_create_topics` by itself."""

    def __init__(self, **settings: object) -> None:
        """Ask for topics without having them created."""
        super().__init__(**settings)
        self.cluster.config["allow_auto_create_topics"] = False


FOREVER = 1 << 30  # milliseconds, twelve days: as long as the library's clock arithmetic likes
NAMES = {
    "security_protocol": "security_protocol",
    "ssl_ca": "ssl_cafile",
    "ssl_cert": "ssl_certfile",
    "ssl_key": "ssl_keyfile",
    "ssl_key_password": "ssl_password",
    "sasl_mechanism": "sasl_mechanism",
    "sasl_username": "sasl_plain_username",
    "sasl_password": "sasl_plain_password",
}
COMMON = {
    "client_id": "pano-bridge",
    "bootstrap_timeout_ms": int(client.CONNECT_SECONDS * 1000),
    "metadata_max_age_ms": int(client.METADATA_SECONDS * 1000),
    "reconnect_backoff_max_ms": 5000,
}
CONSUMER = {
    "session_timeout_ms": int(client.SESSION_SECONDS * 1000),
    "heartbeat_interval_ms": int(client.HEARTBEAT_SECONDS * 1000),
    "fetch_max_bytes": client.FETCH_BYTES,
    "max_poll_records": client.FETCH_MESSAGES,
    "metrics_enabled": False,
}
PRODUCER = {"linger_ms": 20, "metrics_enabled": False}
# What the promises rest on; not for [kafka.options].
OWN_CONSUMER = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "isolation_level": "read_committed",
    "partition_assignment_strategy": [CooperativeStickyAssignor],
    "allow_auto_create_topics": False,
    "kafka_client": CreatesNoTopic,
}
OWN_PRODUCER = {
    "enable_idempotence": True,
    "delivery_timeout_ms": FOREVER,
    "max_request_size": 2 << 20,
}
OWN = {"bootstrap_servers", "group_id", *OWN_CONSUMER, *OWN_PRODUCER}
TOKENS = "sasl_oauth_token_provider"  # a class, as module:Class
REFUSED = (
    errors.SaslAuthenticationFailedError,
    errors.AuthorizationError,
    errors.UnsupportedCodecError,
    errors.UnsupportedSaslMechanismError,
    errors.FencedInstanceIdError,
)


def consumer_settings(servers: str, name: str, settings: Kafka) -> dict[str, Any]:
    """Give a consumer's settings."""
    group: dict[str, Any] = {"group_id": name}
    if settings.group_instance_id:
        group["group_instance_id"] = settings.group_instance_id
    known = kafka.KafkaConsumer.DEFAULT_CONFIG
    return CONSUMER | common_settings(servers, settings, known) | OWN_CONSUMER | group


def producer_settings(servers: str, settings: Kafka, batch_bytes: int) -> dict[str, Any]:
    """Give a producer's settings."""
    known = kafka.KafkaProducer.DEFAULT_CONFIG
    batch = {"batch_size": batch_bytes}
    return PRODUCER | batch | common_settings(servers, settings, known) | OWN_PRODUCER


def admin_settings(servers: str, settings: Kafka) -> dict[str, Any]:
    """Give an administrator's settings: those that it has."""
    known = kafka.KafkaAdminClient.DEFAULT_CONFIG
    every = common_settings(servers, settings, kafka.KafkaConsumer.DEFAULT_CONFIG)
    return {name: every[name] for name in every if name in known}


def common_settings(servers: str, settings: Kafka, known: Mapping[str, object]) -> dict[str, Any]:
    """Give those of consumers and producers; options are read as those that are `known`."""
    options = {name: _option(name, text, known) for name, text in settings.options.items()}
    named = client.settings_named(NAMES, settings)
    return COMMON | named | options | {"bootstrap_servers": servers.split(",")}


def check(settings: Kafka, role: Role) -> None:
    """See `client.Library`."""
    client.refuse_own(settings, OWN)
    client.check_files(settings)
    if role == "consumer":
        made = consumer_settings("h:1", "check", settings)
    else:
        made = producer_settings("h:1", settings, 1 << 17)
    if made.get("sasl_mechanism") == "OAUTHBEARER" and TOKENS not in made:
        cure = f'write {TOKENS} = "module:Class" (an AbstractTokenProvider) in [kafka.options]'
        raise SettingError("[kafka] sasl_mechanism: OAUTHBEARER without tokens", cure)


def _option(name: str, text: str, known: Mapping[str, object]) -> object:
    """Read an option as what the library has by default: a number, a boolean or a text."""
    if name not in known:
        raise SettingError(
            f"[kafka.options] {name}: kafka-python has no such option",
            "names are those of the library in use; see docs/transports.md",
        )
    if name == TOKENS:
        return _token_provider(text)
    default = known[name]
    if isinstance(default, str):
        return text
    if callable(default) or isinstance(default, list | tuple):
        raise SettingError(f"[kafka.options] {name}: is no text", "leave it out")
    try:
        value: object = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = text
    kind = bool if isinstance(default, bool) else int | float
    if default is not None and not isinstance(value, kind):
        wanted = "true or false" if kind is bool else "a number"
        raise SettingError(f"[kafka.options] {name}: not {wanted}", "mend it")
    return value


def _token_provider(text: str) -> object:
    module, _, name = text.partition(":")
    try:
        return getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        what = f"[kafka.options] {TOKENS}: {text}: {error}"
        raise SettingError(what, "name an AbstractTokenProvider as module:Class") from error


class Reason(logging.Handler):
    """Keeps what the library logged last; it tells nobody else why it cannot connect."""

    def __init__(self) -> None:
        """Listen to the library, and keep it from writing to stderr."""
        super().__init__(logging.WARNING)
        self.text = ""
        self.refusal: Exception | None = None
        logger = logging.getLogger("kafka")
        logger.propagate = False
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; an error in it says more than the sentence around it."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        failure = next((one for one in arguments if isinstance(one, Exception)), None)
        if isinstance(failure, REFUSED):
            self.refusal = failure
        if failure is not None and not isinstance(failure, errors.KafkaTimeoutError):
            self.text = str(failure)
            if "socket disconnected" in self.text:  # often all that it sees of a refusal
                self.text += ", as after a wrong password or at a listener of another kind"

    def clear(self) -> None:
        """Forget it: we are connected."""
        self.text, self.refusal = "", None

    def close(self) -> None:
        """Listen no more."""
        logging.getLogger("kafka").removeHandler(self)
        super().close()
