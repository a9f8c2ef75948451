"""JSON lines into typed records: fast for good ones, one by one where a line is bad."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import msgspec

Record = TypeVar("Record")

# What msgspec raises for input that is no such record; RecursionError is deep nesting.
BAD_LINE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def names_of(record: type[msgspec.Struct]) -> frozenset[str]:
    """Give the names that a record's fields have in its log."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(record))


class Decoded(NamedTuple, Generic[Record]):
    """Records of one batch, and how many of its lines were malformed or another log's."""

    records: list[Record]
    malformed: int = 0
    skipped: int = 0


class LineDecoder(Generic[Record]):
    """Decodes the lines of one topic into `record`s, bare or tagged.

    Tagged is how the zeek-kafka plugin writes with `tag_json`: `{"dns": {…}}`.
    """

    def __init__(self, topic: str, record: type[Record]) -> None:
        """Prepare decoders for `record`, a msgspec Struct."""
        self._bare = msgspec.json.Decoder(record)
        self._tagged = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._topic = topic

    def decode(self, lines: bytes) -> Decoded[Record]:
        """Decode whole lines; nothing in them raises."""
        try:
            return Decoded(self._bare.decode_lines(lines))
        except BAD_LINE:
            return self._decode_singly(lines)

    def why_not(self, line: bytes) -> str | None:
        """Tell why a line is no such record; None when it is one."""
        try:
            self._bare.decode(line)
        except BAD_LINE as error:
            return None if self.decode(line).records else str(error)
        return None

    def _decode_singly(self, lines: bytes) -> Decoded[Record]:
        records: list[Record] = []
        malformed = skipped = 0
        for line in lines.split(b"\n"):
            try:
                records.append(self._bare.decode(line))
            except BAD_LINE:
                if not line.strip():
                    continue
                try:
                    records.append(self._decode_tagged(line))
                except BAD_LINE:
                    malformed += 1
                except KeyError:
                    skipped += 1
        return Decoded(records, malformed, skipped)

    def _decode_tagged(self, line: bytes) -> Record:
        """Decode a tagged record.

        Raises:
            KeyError: when it carries another log's tag.
        """
        tags = self._tagged.decode(line)
        if len(tags) != 1:
            raise msgspec.DecodeError("neither bare nor tagged")
        ((tag, raw),) = tags.items()
        if tag != self._topic and bytes(raw)[:1] == b"{":
            raise KeyError(tag)
        return self._bare.decode(raw)
