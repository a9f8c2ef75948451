"""Batches of JSON lines into Kafka messages, keyed by sensor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pano_glue.kafka.address import TOPIC
from pano_glue.metrics.labels import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.sources import Batch

VALUE_BYTES = 128 << 10  # of lines in one message; a longer line goes alone
LONGEST_LINE = 900 << 10  # a broker takes 1 MiB by default (message.max.bytes)

# Inside a string JSON escapes quotes, so that this is found in no other field.
SENSOR = re.compile(rb'"sensor"\s*:\s*"((?:[^"\\]|\\.)*)"')


class Message(NamedTuple):
    """One message: `value` is one or more JSON lines of one sensor, the `key`."""

    topic: str
    key: bytes
    value: bytes
    records: int


def messages(batch: Batch, topic: str | None, most: int = VALUE_BYTES) -> Iterator[Message]:
    """Divide a batch by sensor, each sensor's lines in order, into values of `most` bytes.

    Without a `topic` the log's name is the topic, or `other` where Kafka would not have it. In a
    topic of another name the log is told by a tag, as the zeek-kafka plugin's `tag_json` does:
    `{"dns": {…}}`. A line that no broker takes is cut: it arrives as a malformed record, and is
    counted as one.
    """
    topic = topic or (batch.topic if TOPIC.fullmatch(batch.topic) else OTHER)
    tag = b"{%b: " % msgspec.json.encode(batch.topic) if topic != batch.topic else b""
    sensors: dict[bytes, list[bytes]] = {}
    for line in batch.json_lines().split(b"\n"):
        if line:
            found = SENSOR.search(line)
            sensor = found[1] if found else b""
            sensors.setdefault(sensor, []).append(line[:LONGEST_LINE])
    for sensor, lines in sensors.items():
        if tag:
            lines = [tag + line + b"}" for line in lines]  # noqa: PLW2901
        for part in _parts(lines, most):
            yield Message(topic, sensor, b"\n".join(part), len(part))


def smaller(message: Message, most: int) -> list[Message]:
    """Divide a message that is too large; a line that is so by itself is cut."""
    topic, key, value, records = message
    if records == 1:
        return [Message(topic, key, value[:most], 1)]
    parts = _parts(value.split(b"\n"), most)
    return [Message(topic, key, b"\n".join(part), len(part)) for part in parts]


def _parts(lines: list[bytes], most: int) -> Iterator[list[bytes]]:
    """Divide lines into runs of at most `most` bytes, or of one line."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and size + len(line) > most:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    yield part
