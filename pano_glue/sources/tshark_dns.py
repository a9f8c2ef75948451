"""DNS messages out of bytes: header, first question and EDNS, all that a record needs.

Whatever the bytes are, nothing is raised: what cannot be read is left out (RFC 1035 section 4.1,
RFC 6891 section 6.1).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pano_glue.sources.pairing_windows import NO_QUESTION

# Bits of the header's second word, RFC 1035 section 4.1.1 and RFC 4035 section 3.
QR, AA, TC, RD, RA, Z, AD, CD = (1 << bit for bit in (15, 10, 9, 8, 7, 6, 5, 4))
OPCODE, RCODE = 0x7800, 0x000F
OPCODES = {0, 1, 2, 4, 5, 6}  # IANA's list: QUERY, IQUERY, STATUS, NOTIFY, UPDATE, DSO
OPT = 41
DO = 0x8000

HEADER = struct.Struct("!6H")
QUESTION_TAIL = struct.Struct("!HH")  # type, class
RECORD_TAIL = struct.Struct("!HHIH")  # type, class, TTL, length
LEAST_QUESTION, LEAST_RECORD = 5, 11  # bytes, with the root's name
POINTER, LONGEST_LABEL, LONGEST_NAME = 0xC0, 63, 255

# Everything that a line of text should not hold, as Zeek writes it.
CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), 127)}


@dataclass(slots=True)
class Dns:
    """What a message says; `length` in bytes, 0 when it cannot be read to its end."""

    id: int
    flags: int
    records: int
    name: str = ""
    qtype: int = NO_QUESTION  # also when the question cannot be read
    qclass: int = 0
    edns_bufsize: int | None = None
    do: bool = False
    extended_rcode: int = 0
    length: int = 0

    @property
    def opcode(self) -> int:
        """0 for a query and its reply."""
        return (self.flags & OPCODE) >> 11


class UnreadableError(ValueError):
    """Bytes that are no name, question or record."""


def may_be_dns(data: bytes | bytearray, length: int) -> bool:
    """Tell whether `data` begins with the header of a DNS message of `length` bytes.

    What its header counts must fit in, but for the first question, which may be cut off: that one
    of many millions of random payloads does.
    """
    if min(len(data), length) < HEADER.size:
        return False
    _, flags, questions, *records = HEADER.unpack_from(data)
    least = HEADER.size + LEAST_QUESTION * max(0, questions - 1) + LEAST_RECORD * sum(records)
    return least <= length and (flags & OPCODE) >> 11 in OPCODES


def read_dns(data: bytes, missing: int = 0) -> Dns | None:
    """Read a message without its last `missing` bytes; None when it is not DNS."""
    if not may_be_dns(data, len(data) + missing):
        return None
    ident, flags, questions, *counts = HEADER.unpack_from(data)
    message = Dns(ident, flags, records=sum(counts))
    try:
        return _read_sections(data, questions, message)
    except (UnreadableError, struct.error):
        return message


def _read_sections(data: bytes, questions: int, message: Dns) -> Dns:
    """Read what follows the header, into `message` as far as it can be read."""
    at = HEADER.size
    for number in range(questions):
        name, after = _name(data, at)
        qtype, qclass = QUESTION_TAIL.unpack_from(data, after)
        if number == 0:
            message.name, message.qtype, message.qclass = name, qtype, qclass
        at = after + QUESTION_TAIL.size
    for _ in range(message.records):
        after = _after_name(data, at)
        rtype, rclass, ttl, size = RECORD_TAIL.unpack_from(data, after)
        at = after + RECORD_TAIL.size + size
        if at > len(data):
            raise UnreadableError("a record that is longer than the message")
        if rtype == OPT and message.edns_bufsize is None:
            message.edns_bufsize, message.do = rclass, bool(ttl & DO)
            message.extended_rcode = ttl >> 24
    message.length = at
    return message


def _after_name(data: bytes, at: int) -> int:
    """Skip a name, and return where it ends."""
    while at < len(data):
        size = data[at]
        if size >= POINTER:
            return at + 2
        if size > LONGEST_LABEL:
            break
        at += 1 + size
        if size == 0:
            return at
    raise UnreadableError("a name without an end")


def _name(data: bytes, at: int) -> tuple[str, int]:
    """Read a name in lower case, and return where it ends. Pointers point back only."""
    after = _after_name(data, at)
    labels: list[bytes] = []
    room, earliest = LONGEST_NAME, at
    while room > 0:
        if at >= len(data):
            break
        size = data[at]
        if size == 0:
            return _text(b".".join(labels)), after
        if size >= POINTER:
            if at + 1 >= len(data):
                break
            at = (size & ~POINTER) << 8 | data[at + 1]
            if not HEADER.size <= at < earliest:
                break
            earliest = at
        elif size > LONGEST_LABEL:
            break
        else:
            labels.append(data[at + 1 : at + 1 + size])
            at += 1 + size
            room -= 1 + size
    raise UnreadableError("a name that does not end, or points ahead")


def _text(name: bytes) -> str:
    r"""Write a name as text: UTF-8 where it is that, other bytes as \xNN."""
    return name.lower().decode("utf-8", "backslashreplace").translate(CONTROLS)
