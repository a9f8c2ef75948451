"""TCP connections that carry DNS messages, for captures."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.data.packets import TCP, Host, Packet, frames, with_checksum

if TYPE_CHECKING:
    from collections.abc import Iterator

FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10


def framed(*messages: bytes) -> bytes:
    """Put the two-byte length before each message (RFC 1035, 4.2.2)."""
    return b"".join(struct.pack("!H", len(message)) + message for message in messages)


class Stream:
    """One TCP connection; each call yields the packets of one step."""

    def __init__(self, client: Host, server: Host) -> None:
        """Start with both sequence numbers at fixed values."""
        self.ends = (client, server)
        self.sent = [1000, 5000]

    def _segment(self, end: int, flags: int, payload: bytes = b"") -> bytes:
        src, dst = self.ends[end], self.ends[1 - end]
        acked = 0 if flags == SYN else self.sent[1 - end]
        ports = (src.port, dst.port)
        head = struct.pack("!HHIIBBHHH", *ports, self.sent[end], acked, 5 << 4, flags, 65535, 0, 0)
        self.sent[end] = (self.sent[end] + len(payload) + (flags & (SYN | FIN) != 0)) % (1 << 32)
        return frames(src, dst, TCP, with_checksum(src, dst, TCP, head + payload, 16))[0]

    def opened(self, time: float) -> Iterator[Packet]:
        """Three-way handshake."""
        yield time, self._segment(0, SYN)
        yield time + 0.0001, self._segment(1, SYN | ACK)
        yield time + 0.0002, self._segment(0, ACK)

    def asks(self, time: float, data: bytes) -> Packet:
        """Data from the client."""
        return time, self._segment(0, PSH | ACK, data)

    def says(self, time: float, data: bytes) -> Packet:
        """Data from the server."""
        return time, self._segment(1, PSH | ACK, data)

    def closed(self, time: float) -> Iterator[Packet]:
        """Orderly end."""
        yield time, self._segment(0, FIN | ACK)
        yield time + 0.0001, self._segment(1, FIN | ACK)
        yield time + 0.0002, self._segment(0, ACK)
