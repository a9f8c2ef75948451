"""DNS messages into transactions: pairs replies with queries, as zeek-scripts/tracker.zeek does.

A query waits under its 5-tuple and id. The same question again is a retransmission, another
question another transaction. A reply without the question that it answers (some servers leave it
out of a FORMERR) goes to the oldest one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Outcome = Literal["answered", "timeout", "late", "orphan"]
Key = tuple[str, int, str, int, str, int]

TIMEOUT = 5.0  # seconds, PANO::query_timeout
LATE_WINDOW = 30.0  # PANO::late_window
EARLY_WINDOW = 1.0  # a reply captured before its query waits this long for it
TRANSFERS = {251, 252}  # IXFR and AXFR: one reply is many messages


class Message(NamedTuple):
    """One DNS message; `time` in epoch seconds, `size` in bytes, `qtype` -1 without a question."""

    time: float
    client: str
    client_port: int
    server: str
    server_port: int
    proto: str
    id: int
    flags: int
    name: str
    qtype: int
    qclass: int
    size: int
    records: int
    edns_bufsize: int | None
    do: bool
    extended_rcode: int

    @property
    def key(self) -> Key:
        """Tell which transactions the message may belong to."""
        return self[1:7]

    def asks_as(self, other: Message) -> bool:
        """Tell whether both are about the same question, or one of them leaves it out."""
        if -1 in (self.qtype, other.qtype):
            return True
        return (self.name, self.qtype) == (other.name, other.qtype)


class Transaction(NamedTuple):
    """One finished transaction; an orphan has no query, a timeout no reply."""

    outcome: Outcome
    query: Message | None
    reply: Message | None
    retransmits: int = 0
    repeated: float = 0.0


class _Held:
    """A message that waits for its counterpart, and its repetitions."""

    __slots__ = ("message", "repeated", "retransmits")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.retransmits = 0
        self.repeated = 0.0


class _Window:
    """Messages held for `seconds` at most, found by key and question."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: dict[Key, list[_Held]] = {}
        self._order: deque[tuple[float, Key, _Held]] = deque()

    def hold(self, held: _Held, now: float) -> None:
        key = held.message.key
        self._held.setdefault(key, []).append(held)
        self._order.append((now, key, held))

    def find(self, message: Message) -> _Held | None:
        for held in self._held.get(message.key, ()):
            if held.message.asks_as(message):
                return held
        return None

    def drop(self, held: _Held) -> None:
        key = held.message.key
        same = self._held[key]
        same.remove(held)
        if not same:
            del self._held[key]

    def expired(self, now: float) -> Iterator[_Held]:
        """Drop and yield what was held too long."""
        order = self._order
        while order and now - order[0][0] > self._seconds:
            _, key, held = order.popleft()
            if held in self._held.get(key, ()):
                self.drop(held)
                yield held


class _Lately:
    """The keys of the last `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.keys: dict[Key, float] = {}  # oldest first

    def note(self, key: Key, now: float) -> None:
        self.keys.pop(key, None)
        self.keys[key] = now

    def forget(self, now: float) -> None:
        while self.keys:
            oldest = next(iter(self.keys))
            if now - self.keys[oldest] <= self._seconds:
                return
            del self.keys[oldest]


class Pairing:
    """The transactions that are under way. Time is that of the packets."""

    def __init__(self) -> None:
        """Begin without any."""
        self._pending = _Window(TIMEOUT)
        self._late = _Window(LATE_WINDOW)
        self._early = _Window(EARLY_WINDOW)
        self._answered = _Lately(TIMEOUT)
        self._transfers = _Lately(LATE_WINDOW)

    def query(self, query: Message) -> Iterator[Transaction]:
        """Take in a query; yields its transaction when the reply was captured before it."""
        held = self._pending.find(query)
        if held is not None:
            held.retransmits += 1
            held.repeated = query.time
            return
        early = self._early.find(query)
        if early is None:
            self._pending.hold(_Held(query), query.time)
            return
        self._early.drop(early)
        self._answered.note(query.key, query.time)
        yield Transaction("answered", query, early.message)

    def reply(self, reply: Message) -> Iterator[Transaction]:
        """Take in a reply; yields the transaction that it finishes."""
        key = reply.key
        held = self._pending.find(reply)
        if held is not None:
            self._pending.drop(held)
            self._answered.note(key, reply.time)
            if held.message.qtype in TRANSFERS:
                self._transfers.note(key, reply.time)
            yield _finished("answered", held, reply)
            return
        if key in self._transfers.keys:
            self._transfers.note(key, reply.time)  # more of a zone transfer
            return
        if key in self._answered.keys:
            return  # the same reply again
        held = self._late.find(reply)
        if held is None:
            self._early.hold(_Held(reply), reply.time)
            return
        self._late.drop(held)
        yield _finished("late", held, reply)

    def until(self, now: float) -> Iterator[Transaction]:
        """Let time pass: yields the timeouts and orphans of `now`, epoch seconds."""
        for held in self._pending.expired(now):
            self._late.hold(held, held.message.time + TIMEOUT)
            yield _finished("timeout", held)
        for held in self._early.expired(now):
            yield Transaction("orphan", None, held.message)
        for _ in self._late.expired(now):
            pass
        self._answered.forget(now)
        self._transfers.forget(now)

    def end(self) -> Iterator[Transaction]:
        """Report what is left when the capture ends."""
        yield from self.until(float("inf"))


def _finished(outcome: Outcome, held: _Held, reply: Message | None = None) -> Transaction:
    return Transaction(outcome, held.message, reply, held.retransmits, held.repeated)
