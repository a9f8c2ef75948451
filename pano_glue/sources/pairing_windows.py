"""DNS messages, and the bounded tables that hold them for their counterparts."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[str, int, str, int, str, int]
Question = tuple[str, int]

NO_QUESTION = -1


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
    vlan: str = ""

    @property
    def key(self) -> Key:
        """Tell which transactions the message may belong to."""
        return self[1:7]

    @property
    def question(self) -> Question:
        """Tell which transaction of its key it belongs to."""
        return self.name, self.qtype


@dataclass(slots=True, eq=False)
class Held:
    """A message that waits for its counterpart, and its repetitions."""

    message: Message
    since: float = 0.0
    retransmits: int = 0
    repeated: float = 0.0


class Window:
    """Messages held for `seconds` at most and `room` at most, found by key and question."""

    def __init__(self, seconds: float, room: int) -> None:
        """Begin without any."""
        self._seconds = seconds
        self._room = room
        self._held: dict[Key, dict[Question, dict[str, Held]]] = {}
        self._order: OrderedDict[int, Held] = OrderedDict()  # by id(), oldest first

    def __len__(self) -> int:
        """Tell how many are held."""
        return len(self._order)

    def hold(self, held: Held, now: float) -> None:
        """Hold a message from `now` on, instead of one that asks the same."""
        held.since = now
        message = held.message
        vlans = self._held.setdefault(message.key, {}).setdefault(message.question, {})
        if message.vlan in vlans:
            del self._order[id(vlans[message.vlan])]
        vlans[message.vlan] = held
        self._order[id(held)] = held

    def find(self, message: Message, *, any_vlan: bool) -> Held | None:
        """Find the message with this key and question; the oldest when one of them lacks it."""
        questions = self._held.get(message.key)
        if not questions:
            return None
        if message.qtype == NO_QUESTION:
            vlans = next(iter(questions.values()))
        else:
            vlans = questions.get(message.question) or questions.get(("", NO_QUESTION), {})
        found = vlans.get(message.vlan)
        return next(iter(vlans.values()), None) if found is None and any_vlan else found

    def oldest_of(self, key: Key) -> Held | None:
        """Find the oldest message with this key."""
        questions = self._held.get(key, {})
        return next((held for vlans in questions.values() for held in vlans.values()), None)

    def drop(self, held: Held) -> None:
        """Hold a message no longer."""
        message = held.message
        del self._order[id(held)]
        questions = self._held[message.key]
        del questions[message.question][message.vlan]
        if not questions[message.question]:
            del questions[message.question]
        if not questions:
            del self._held[message.key]

    def expired(self, now: float) -> Iterator[Held]:
        """Drop and yield what was held too long."""
        while (oldest := self._oldest()) is not None and now - oldest.since > self._seconds:
            self.drop(oldest)
            yield oldest

    def excess(self) -> Iterator[Held]:
        """Drop and yield the oldest that there is no room for."""
        while len(self._order) > self._room and (oldest := self._oldest()) is not None:
            self.drop(oldest)
            yield oldest

    def _oldest(self) -> Held | None:
        return next(iter(self._order.values()), None)


class Lately:
    """The keys of the last `seconds`, `room` at most."""

    def __init__(self, seconds: float, room: int) -> None:
        """Begin without any."""
        self._seconds = seconds
        self._room = room
        self._keys: OrderedDict[Key, float] = OrderedDict()  # oldest first

    def __contains__(self, key: Key) -> bool:
        """Tell whether the key was noted lately."""
        return key in self._keys

    def note(self, key: Key, now: float) -> None:
        """Note a key anew."""
        self._keys[key] = now
        self._keys.move_to_end(key)

    def forget(self, now: float) -> None:
        """Drop what was noted too long ago, or what there is no room for."""
        keys = self._keys
        while keys:
            oldest = next(iter(keys))
            if now - keys[oldest] <= self._seconds and len(keys) <= self._room:
                return
            del keys[oldest]
