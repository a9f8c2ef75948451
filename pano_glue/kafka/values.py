"""Messages' values into JSON lines by log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# The zeek-kafka plugin with `tag_json` writes {"dns": {…}}; no field of a log holds an object.
TAG = re.compile(rb'\s*\{\s*"([^"]+)"\s*:\s*\{')


def lines_by_log(topic: str, values: Sequence[bytes]) -> Mapping[str, bytes]:
    """Join values of one or more JSON lines each, by the log that the tag or else `topic` tells.

    Whether values are tagged is told by the first one, as it is one producer's setting.
    """
    if not TAG.match(values[0]):
        return {topic: b"\n".join(values)}
    logs: dict[str, list[bytes]] = {}
    for line in _lines(values):
        tag = TAG.match(line)
        if tag:
            log, line = tag[1].decode(errors="replace"), line[tag.end() - 1 : line.rfind(b"}")]  # noqa: PLW2901
        else:
            log = topic
        logs.setdefault(log, []).append(line)
    return {log: b"\n".join(lines) for log, lines in logs.items()}


def _lines(values: Iterable[bytes]) -> Iterable[bytes]:
    for value in values:
        yield from value.split(b"\n")


def cut_long_lines(lines: bytes, limit: int) -> bytes:
    """Cut every line longer than `limit`, so that it is counted as malformed."""
    return b"\n".join(line[:limit] for line in lines.split(b"\n"))
