"""The promise of the bookkeeping, played through without a Kafka."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pano_glue.config import Config
from pano_glue.kafka.client import Fetched, Kept, Partition
from pano_glue.kafka.offsets import Offsets, Position
from pano_glue.kafka.share import Share
from pano_glue.sources.base import SourceContext
from tests.transports.conftest import Ledger

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pytest

P, Q = Partition("dns", 0), Partition("dns", 1)


class Group:
    """A Kafka that keeps two partitions and a group's offsets; asked as a consumer is."""

    def __init__(self) -> None:
        """Begin with empty partitions."""
        self.offsets: dict[Partition, int] = {}
        self.messages = {P: 0, Q: 0}

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        return {one: self.offsets[one] for one in partitions if one in self.offsets}

    def kept(self, partitions: Collection[Partition]) -> Mapping[Partition, Kept]:
        return {one: Kept(0, self.messages[one]) for one in partitions}

    def partitions(self, topic: str) -> Collection[Partition]:
        assert topic == "dns"
        return [P, Q]


class Bridge:
    """One bridge: its counts, those of its checkpoint, and its share."""

    def __init__(self, group: Group) -> None:
        """Begin without a checkpoint."""
        self.group = group
        self.disk: tuple[bytes, dict[Partition, dict[int, int]]] = (
            msgspec.msgpack.encode(Position()),
            {P: {}, Q: {}},
        )
        self.full = False
        self.start()

    def start(self) -> None:
        """Begin a life from the disk."""
        stored, counts = self.disk
        self.counts = {partition: dict(found) for partition, found in counts.items()}
        self.position = msgspec.msgpack.decode(stored, type=Position)
        self.offsets = Offsets(self.position)
        context = SourceContext(Ledger(), Config(), checkpoint=self.checkpoint)
        self.stop = Event()
        self.share = Share("kafka://k/dns", self.offsets, context, self.stop, from_end=False)
        self.share.handover = 0

    def checkpoint(self) -> None:
        if self.full:
            raise OSError(28, "full")
        counts = {partition: dict(found) for partition, found in self.counts.items()}
        self.disk = (msgspec.msgpack.encode(self.position), counts)
        self.offsets.checkpointed(self.position)

    def take(self, partition: Partition) -> None:
        self.share.assigned(self.group, [partition])  # type: ignore[arg-type]
        self.position = self.offsets.hand()

    def read(self, partition: Partition, messages: int) -> None:
        at = self.offsets.counted.get(partition)
        assert at is not None
        self.group.messages[partition] = max(self.group.messages[partition], at + messages)
        for offset in range(at, at + messages):
            self.counts[partition][offset] = self.counts[partition].get(offset, 0) + 1
        self.offsets.count(partition, at + messages)
        self.position = self.offsets.hand()

    def reached(self) -> int:
        return self.offsets.counted.get(P) or 0

    def commit(self) -> None:
        due = self.offsets.due()
        self.group.offsets |= due
        self.offsets.committed(due)

    def give(self, partition: Partition) -> None:
        due = self.share.revoked([partition])
        self.group.offsets |= due
        self.share.committed(due, None)


def test_only_what_a_checkpoint_holds_is_due() -> None:
    bridge = Bridge(Group())
    bridge.take(P)
    bridge.read(P, 10)
    bridge.checkpoint()
    bridge.read(P, 10)
    assert bridge.offsets.due() == {P: 10}
    bridge.commit()
    assert bridge.offsets.due() == {}


def test_what_is_given_up_is_first_in_a_checkpoint() -> None:
    bridge = Bridge(Group())
    bridge.take(P)
    bridge.take(Q)
    bridge.read(P, 10)
    bridge.give(P)
    assert bridge.group.offsets == {P: 10}
    bridge.checkpoint()
    assert bridge.offsets.due() == {Q: 0}  # where it begins is known to the others, too


def test_without_a_checkpoint_it_goes_as_it_was_committed_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bridge = Bridge(Group())
    bridge.take(P)
    bridge.read(P, 10)
    bridge.checkpoint()
    bridge.read(P, 7)
    bridge.full = True
    bridge.give(P)
    assert bridge.group.offsets == {P: 10}
    assert "(7) may be counted again" in caplog.text
    assert "full" in caplog.text


def test_a_fetch_of_which_a_log_is_counted_is_remembered_until_it_is_done() -> None:
    fetched = Fetched(P, [5, 6, 7], [b"", b"", b""])
    position = Position({"dns": {0: 4, 1: 9}}).amid(fetched, ["dns"])
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(position), type=Position)
    half = read.half(P)
    assert half is not None
    assert (half.until, half.logs) == (7, ("dns",))
    assert read.half(Q) is None
    assert read.moved(Q, 20).half(P) == half
    assert read.moved(P, 6).half(P) == half
    assert read.moved(P, 7).half(P) is None


class TwoBridges(RuleBasedStateMachine):
    """Two bridges, one partition, any order of events: each message is counted once.

    A kill may double what was in the checkpoint and not committed, if the partition goes to the
    other: as much, and no more.
    """

    def __init__(self) -> None:
        """Begin with the first bridge as the owner."""
        super().__init__()
        self.group = Group()
        self.bridges = [Bridge(self.group), Bridge(self.group)]
        self.owner = 0
        self.doubled = 0
        self.bridges[0].take(P)

    @rule(messages=st.integers(1, 5))
    def read(self, messages: int) -> None:
        self.bridges[self.owner].read(P, messages)

    @rule(which=st.integers(0, 1))
    def checkpoint(self, which: int) -> None:
        self.bridges[which].checkpoint()

    @rule(which=st.integers(0, 1))
    def commit(self, which: int) -> None:
        before = self.group.offsets.get(P, 0)
        self.bridges[which].commit()
        assert self.group.offsets.get(P, 0) >= before, "a commit went back"

    @rule()
    def rebalance(self) -> None:
        self.bridges[self.owner].give(P)
        self.owner = 1 - self.owner
        self.bridges[self.owner].take(P)

    @rule()
    def expire_and_return(self) -> None:
        bridge = self.bridges[self.owner]
        bridge.share.lost([P])
        bridge.take(P)

    @rule(moves=st.booleans())
    def kill(self, moves: bool) -> None:  # noqa: FBT001
        bridge = self.bridges[self.owner]
        bridge.start()
        if moves:
            kept = bridge.position.get(P) or 0
            begins = max(self.group.offsets.get(P, 0), self.bridges[1 - self.owner].reached())
            self.doubled += max(0, kept - begins)
            self.owner = 1 - self.owner
        self.bridges[self.owner].take(P)

    @invariant()
    def counted_once(self) -> None:
        counted: dict[int, int] = {}
        for bridge in self.bridges:
            for offset, times in bridge.counts[P].items():
                counted[offset] = counted.get(offset, 0) + times
        at = self.bridges[self.owner].reached()
        assert set(range(at)) <= counted.keys(), "lost"
        assert sum(counted.values()) - len(counted) <= self.doubled


TestTwoBridges = TwoBridges.TestCase
