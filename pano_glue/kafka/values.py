"""Messages' values into JSON lines by log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

# The zeek-kafka plugin with `tag_json` writes {"dns": {…}}, with `additional_message_values`
# {"dns": {…},"SITE": "fra1"}; no field of a log holds an object. Possessive (`++`), so that no
# value, however hostile, takes more than one pass.
TAGGED = rb'[ \t\r]*+\{[ \t]*+"([^"\\\n]++)"[ \t]*+:[ \t]*+\{'
SOME_TAGGED = re.compile(rb"\n" + TAGGED)
TAG = re.compile(TAGGED)
PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
BAD_LINE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def lines_by_log(topic: str, values: Sequence[bytes]) -> dict[str, bytes]:
    """Join values of one or more JSON lines each, by the log that a line's tag or `topic` tells.

    Each line is looked at by itself: who else writes into a topic, and what, is not ours to say.
    """
    joined = b"\n".join(values)
    if not SOME_TAGGED.search(joined) and not TAG.match(joined):
        return {topic: joined} if joined.strip() else {}
    logs: dict[str, list[bytes]] = {}
    for line in joined.split(b"\n"):
        tag = TAG.match(line)
        if tag is None:
            if line.strip():
                logs.setdefault(topic, []).append(line)
            continue
        log = tag[1].decode(errors="replace")
        logs.setdefault(log, []).append(_record(line, log))
    return {log: b"\n".join(lines) for log, lines in logs.items()}


def _record(line: bytes, log: str) -> bytes:
    """Take the record out of a tagged line; a line that is no JSON is malformed as it is."""
    try:
        return bytes(PARTS.decode(line)[log])
    except (*BAD_LINE, KeyError):
        return line


def cut_long_lines(lines: bytes, limit: int) -> bytes:
    """Cut every line longer than `limit`, so that it is counted as malformed."""
    return b"\n".join(line[:limit] for line in lines.split(b"\n"))
