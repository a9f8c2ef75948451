"""TCP segments into whole DNS messages (RFC 1035 section 4.2.2, RFC 9293).

Each direction of a connection is a stream of its own. A message counts when its last byte was
captured. Bytes that are missing are waited for, for a second; then they are a gap. Behind a gap the
next message is where the length before the gap says, or else where `Search` finds one.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from pano_glue.sources.tshark_dns import HEADER, may_be_dns
from pano_glue.sources.tshark_fields import SYN
from pano_glue.sources.tshark_search import LENGTH, Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.sources.pairing import Totals
    from pano_glue.sources.tshark_fields import Flow, Packet

    IsExpected = Callable[[Flow, bytes], bool]

PATIENCE = 1.0  # seconds that missing bytes are waited for
MAX_HELD = 256  # segments of one stream that wait for those before them
WINDOW = 1 << 20  # bytes; what is further away belongs to another connection
STRANGE = 4  # so many messages that are not DNS, one after another, and none is looked for
SEQUENCE = 1 << 32


class WholeMessage(NamedTuple):
    """A message, and when its last byte was captured."""

    flow: Flow
    time: float
    data: bytes


class Framing(Enum):
    """Whether it is known where messages begin."""

    KNOWN = auto()
    LOST = auto()
    FOREIGN = auto()  # what this stream carries is not DNS


class Stream:
    """One direction of a connection."""

    def __init__(self, flow: Flow, totals: Totals, is_expected: IsExpected) -> None:
        """Begin before the first segment; `is_expected` tells what may be found behind a gap."""
        self._flow = flow
        self._totals = totals
        self._search = Search(lambda data: is_expected(flow, data))
        self._waiting_since: float | None = None
        self._restart(None)

    def _restart(self, first: int | None) -> None:
        """Begin a connection with this sequence number; None when that is not known."""
        self._first = self._next = first
        self._framing = Framing.LOST if first is None else Framing.KNOWN
        self._data = bytearray()  # what is not used yet of the bytes before _next
        self._arrivals: deque[tuple[int, float]] = deque()  # bytes so far, and when they came
        self._used = 0  # bytes that came before _data
        self._skip = 0  # of the bytes to come, those of a message that is none
        self._strange = 0  # messages that are not DNS, one after another
        self._held: dict[int, tuple[bytes, float]] = {}
        self._search.restart()

    @property
    def size(self) -> int:
        """Bytes that wait for others."""
        return len(self._data) + sum(len(data) for data, _ in self._held.values())

    @property
    def gap_due(self) -> float | None:
        """When the bytes that are missing now will have been waited for long enough."""
        return None if self._waiting_since is None else self._waiting_since + PATIENCE

    def segment(self, packet: Packet, now: float) -> Iterator[WholeMessage]:
        """Take in a segment; yields the messages that it completes."""
        seq = packet.seq
        if packet.flags & SYN:
            seq = (seq + 1) % SEQUENCE
            if seq != self._first:
                yield from self._begin(seq)
                self._note_waiting(now)
        if not packet.payload:
            return
        if self._next is not None and abs(_distance(self._next, seq)) > WINDOW:
            yield from self.end()
            self._restart(None)
        kept, _ = self._held.get(seq, (b"", 0.0))
        if len(packet.payload) > len(kept):
            self._held[seq] = packet.payload, packet.time
        yield from self._advance()
        if len(self._held) > MAX_HELD:
            yield from self._pass_gap()
        self._note_waiting(now)

    def until(self, now: float) -> Iterator[WholeMessage]:
        """Take what is missing for a gap when it was waited for long enough."""
        if self._waiting_since is not None and now - self._waiting_since >= PATIENCE:
            yield from self._pass_gap()
            self._waiting_since = None
            self._note_waiting(now)

    def end(self) -> Iterator[WholeMessage]:
        """Take all that is missing for gaps."""
        while self._held:
            yield from self._pass_gap()
        self._waiting_since = None

    def _begin(self, first: int) -> Iterator[WholeMessage]:
        """Begin a connection, whose first data may have been captured before its SYN."""
        held = self._held if self._next is None else {}
        if not held:
            yield from self.end()
        self._restart(first)
        self._held = held
        yield from self._advance()

    def _note_waiting(self, now: float) -> None:
        if not self._held:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now

    def _pass_gap(self) -> Iterator[WholeMessage]:
        """Go on with the first of the segments that are there."""
        start = next(iter(self._held)) if self._next is None else self._next
        nearest = min(_distance(start, seq) for seq in self._held)
        at = (start + nearest) % SEQUENCE
        if self._next is None:
            self._first = at
        else:
            self._totals.malformed += self._framing is not Framing.FOREIGN
            self._lose(nearest)
        self._next = at
        yield from self._advance()

    def _lose(self, gap: int) -> None:
        """Find out how much of the message under way is to come behind a gap of so many bytes."""
        rest = self._skip
        if not rest and self._framing is Framing.KNOWN and len(self._data) >= LENGTH:
            rest = LENGTH + int.from_bytes(self._data[:LENGTH]) - len(self._data)
        self._skip = max(0, rest - gap)
        if rest < gap and self._framing is Framing.KNOWN:
            self._framing = Framing.LOST
        self._use(len(self._data))
        self._arrivals.clear()
        self._search.restart()

    def _advance(self) -> Iterator[WholeMessage]:
        """Take over the held segments that are next, and the messages in them."""
        while self._next is not None and (seq := self._reaching(self._next)) is not None:
            data, time = self._held.pop(seq)
            new = data[_distance(seq, self._next) :]
            self._next = (self._next + len(new)) % SEQUENCE
            skipped = min(self._skip, len(new))
            self._skip -= skipped
            if self._framing is not Framing.FOREIGN and skipped < len(new):
                self._data += new[skipped:]
                self._arrivals.append((self._used + len(self._data), time))
                yield from self._messages()

    def _reaching(self, at: int) -> int | None:
        """Find a held segment that goes on at `at`, and forget those that end before."""
        for seq in list(self._held):
            behind = _distance(seq, at)
            if behind >= len(self._held[seq][0]):
                del self._held[seq]
            elif behind >= 0:
                return seq
        return None

    def _messages(self) -> Iterator[WholeMessage]:
        """Take the whole messages off the data."""
        if self._framing is Framing.LOST:
            found, useless = self._search.find(self._data)
            self._use(useless)
            if not found:
                return
            self._framing = Framing.KNOWN
        while len(self._data) >= LENGTH:
            length = int.from_bytes(self._data[:LENGTH])
            header = bytes(self._data[LENGTH : LENGTH + HEADER.size])
            if len(header) < min(HEADER.size, length):
                return
            if not may_be_dns(header, length):
                self._pass_strange(LENGTH + length)
            elif len(self._data) >= LENGTH + length:
                self._strange = 0
                yield self._message(length)
            else:
                return

    def _pass_strange(self, size: int) -> None:
        """Pass over a message that is not DNS."""
        self._totals.not_dns += 1
        self._strange += 1
        self._skip = max(0, size - len(self._data))
        self._use(min(size, len(self._data)))
        if self._strange == STRANGE:
            self._framing = Framing.FOREIGN
            self._use(len(self._data))

    def _message(self, length: int) -> WholeMessage:
        message = bytes(self._data[LENGTH : LENGTH + length])
        end, latest = self._used + LENGTH + length, 0.0
        for count, time in self._arrivals:
            latest = max(latest, time)
            if count >= end:
                break
        self._use(LENGTH + length)
        return WholeMessage(self._flow, latest, message)

    def _use(self, size: int) -> None:
        del self._data[:size]
        self._used += size
        while self._arrivals and self._arrivals[0][0] <= self._used:
            self._arrivals.popleft()


def _distance(a: int, b: int) -> int:
    """How far sequence number `b` lies behind `a`, around 2^32 (RFC 9293 section 3.4)."""
    return (b - a + SEQUENCE // 2) % SEQUENCE - SEQUENCE // 2
