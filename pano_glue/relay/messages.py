"""Batches of JSON lines into Kafka messages, keyed by sensor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

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


def messages(batch: Batch, topic: str | None) -> Iterator[Message]:
    """Divide a batch by sensor, each sensor's lines in order.

    Without a `topic` the log's name is the topic. In a topic of another name the log is told by a
    tag, as the zeek-kafka plugin's `tag_json` does: `{"dns": {…}}`. A line that no broker takes is
    cut: it arrives as a malformed record, and is counted as one.
    """
    tag = b'{"%s": ' % batch.topic.encode() if topic not in (None, batch.topic) else b""
    sensors: dict[bytes, list[bytes]] = {}
    for line in batch.lines.split(b"\n"):
        if line:
            found = SENSOR.search(line)
            sensor = found[1] if found else b""
            sensors.setdefault(sensor, []).append(line[:LONGEST_LINE])
    for sensor, lines in sensors.items():
        if tag:
            lines = [tag + line + b"}" for line in lines]  # noqa: PLW2901
        for part in _parts(lines):
            yield Message(topic or batch.topic, sensor, b"\n".join(part), len(part))


def _parts(lines: list[bytes]) -> Iterator[list[bytes]]:
    """Divide lines into runs of at most `VALUE_BYTES`, or of one line."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and size + len(line) > VALUE_BYTES:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    yield part
