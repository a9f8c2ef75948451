"""DNS messages into transactions: pairs replies with queries, as zeek-scripts/ do.

A query waits under its 5-tuple and id. The same question again is a retransmission, another
question another transaction. A reply without the question that it answers (some servers leave it
out of a FORMERR) goes to the oldest one. VLANs may use the same addresses: a reply belongs to the
query of its own VLAN, and only where that has none to another's, as some mirror ports tag one
direction only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pano_glue.sources.pairing_windows import Held, Lately, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.sources.pairing_windows import Key, Message

Outcome = Literal["answered", "timeout", "unreachable", "late", "orphan"]

TIMEOUT = 5.0  # seconds, PANO::query_timeout
LATE_WINDOW = 30.0  # PANO::late_window
EARLY_WINDOW = 1.0  # a reply captured before its query waits this long for it
MAX_PENDING = 200_000  # PANO::max_pending, and the bound of every other table here
TRANSFERS = {251, 252}  # IXFR and AXFR: one reply is many messages


class Transaction(NamedTuple):
    """One finished transaction; an orphan has no query, a timeout no reply."""

    outcome: Outcome
    query: Message | None
    reply: Message | None
    retransmits: int = 0
    repeated: float = 0.0


@dataclass(slots=True)
class Totals:
    """What went through since the start, by the names that pano_stats has for it.

    Every query is one of *answered*, *timeouts*, *unreachable*, *retransmits* in the end, every
    response one of *answered*, *late*, *orphans*, *duplicate_replies*, *continued_replies*.
    """

    dns_queries: int = 0
    dns_responses: int = 0
    answered: int = 0
    timeouts: int = 0
    unreachable: int = 0
    late: int = 0
    orphans: int = 0
    retransmits: int = 0
    duplicate_replies: int = 0
    continued_replies: int = 0
    other_opcodes: int = 0
    malformed: int = 0
    not_dns: int = 0
    copies: int = 0
    evicted: int = 0


class Pairing:
    """The transactions that are under way.

    Time is `until`'s, in seconds, and never goes back; the messages' own times need not agree
    with it, and make the round trip times only.
    """

    def __init__(self, totals: Totals, max_pending: int = MAX_PENDING) -> None:
        """Begin without any; what happens is counted in `totals`."""
        self._totals = totals
        self._now = 0.0
        self._pending = Window(TIMEOUT, max_pending)
        self._late = Window(LATE_WINDOW, max_pending)
        self._early = Window(EARLY_WINDOW, max_pending)
        self._answered = Lately(TIMEOUT, max_pending)
        self._transfers = Lately(LATE_WINDOW, max_pending)

    @property
    def pending(self) -> int:
        """How many queries wait."""
        return len(self._pending)

    def awaits(self, reply: Message) -> bool:
        """Tell whether a query waits for this reply."""
        return self._pending.find(reply, any_vlan=True) is not None

    def query(self, query: Message) -> Iterator[Transaction]:
        """Take in a query; yields its transaction when the reply was captured before it."""
        self._totals.dns_queries += 1
        held = self._pending.find(query, any_vlan=False)
        if held is not None:
            self._totals.retransmits += 1
            held.retransmits += 1
            held.repeated = query.time
            return
        early = self._early.find(query, any_vlan=True)
        if early is None:
            self._pending.hold(Held(query), self._now)
            yield from self._make_room()
            return
        self._early.drop(early)
        self._answered.note(query.key, self._now)
        self._totals.answered += 1
        yield Transaction("answered", query, early.message)

    def reply(self, reply: Message) -> Iterator[Transaction]:
        """Take in a reply; yields the transaction that it finishes."""
        self._totals.dns_responses += 1
        key = reply.key
        held = self._pending.find(reply, any_vlan=True)
        if held is not None:
            self._pending.drop(held)
            self._answered.note(key, self._now)
            if held.message.qtype in TRANSFERS:
                self._transfers.note(key, self._now)
            self._totals.answered += 1
            yield _finished("answered", held, reply)
        elif key in self._transfers:
            self._transfers.note(key, self._now)
            self._totals.continued_replies += 1
        elif key in self._answered:
            self._totals.duplicate_replies += 1
        elif (held := self._late.find(reply, any_vlan=True)) is not None:
            self._late.drop(held)
            self._totals.late += 1
            yield _finished("late", held, reply)
        else:
            yield from self._hold_early(reply)

    def unreachable(self, key: Key) -> Iterator[Transaction]:
        """End the oldest query with this key, as an ICMP error quotes it."""
        held = self._pending.oldest_of(key)
        if held is not None:
            self._pending.drop(held)
            self._totals.unreachable += 1
            self._remember(held)
            yield _finished("unreachable", held)

    def until(self, now: float) -> Iterator[Transaction]:
        """Let time pass: yields the timeouts and orphans of `now`, in seconds."""
        self._now = now
        for held in self._pending.expired(now):
            yield self._timed_out(held)
        for held in self._early.expired(now):
            yield self._orphaned(held)
        for _ in self._late.expired(now):
            pass
        self._answered.forget(now)
        self._transfers.forget(now)

    def end(self) -> Iterator[Transaction]:
        """Report what is left when the capture ends."""
        yield from self.until(float("inf"))

    def _hold_early(self, reply: Message) -> Iterator[Transaction]:
        same = self._early.find(reply, any_vlan=False)
        if same is not None:
            self._early.drop(same)
            yield self._orphaned(same)
        self._early.hold(Held(reply), self._now)
        yield from self._make_room()

    def _make_room(self) -> Iterator[Transaction]:
        """Let the oldest leave where there are too many."""
        for held in self._pending.excess():
            self._totals.evicted += 1
            yield self._timed_out(held)
        for held in self._early.excess():
            self._totals.evicted += 1
            yield self._orphaned(held)

    def _timed_out(self, held: Held) -> Transaction:
        self._totals.timeouts += 1
        self._remember(held)
        return _finished("timeout", held)

    def _remember(self, held: Held) -> None:
        """Keep a query that was reported, in case its reply comes late."""
        self._late.hold(held, min(self._now, held.since + TIMEOUT))
        for _ in self._late.excess():
            self._totals.evicted += 1

    def _orphaned(self, held: Held) -> Transaction:
        self._totals.orphans += 1
        return Transaction("orphan", None, held.message)


def _finished(outcome: Outcome, held: Held, reply: Message | None = None) -> Transaction:
    return Transaction(outcome, held.message, reply, held.retransmits, held.repeated)
