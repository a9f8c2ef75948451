"""Where a Kafka is: `kafka://host:port[,host:port]/topic[,topic]`."""

from __future__ import annotations

import re
from typing import NamedTuple

from pano_glue.errors import SettingError

DEFAULT_PORT = "9092"
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's own rule


class Address(NamedTuple):
    """Servers as `host:port,host:port`, and topics."""

    servers: str
    topics: list[str]


def parse_address(target: str, named: str) -> Address:
    """Split what follows `kafka://`; `named` is how the user called it, for errors.

    Raises:
        SettingError: for a server without a name, a wrong port, or a topic Kafka would not have.
    """
    servers, _, rest = target.partition("/")
    if "@" in servers:
        raise SettingError(f"{named}: user and password do not belong here", "set [kafka] sasl_*")
    topics = rest.split(",") if rest else []
    for topic in topics:
        if not TOPIC.fullmatch(topic):
            raise SettingError(
                f"{named}: {topic!r} is no topic", "write kafka://host:port/topic,topic"
            )
    return Address(",".join(_server(server, named) for server in servers.split(",")), topics)


def _server(text: str, named: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, DEFAULT_PORT
    if not host or not port.isdecimal():
        raise SettingError(f"{named}: {text!r} is no server", "write kafka://host:port/topic")
    return f"{host}:{port}"
