"""The promise of the bookkeeping, played through without a Kafka."""

from __future__ import annotations

from threading import Event

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pano_glue.kafka.client import Fetched, Partition
from pano_glue.kafka.offsets import Offsets

P, Q = Partition("dns", 0), Partition("dns", 1)


def fetched(partition: Partition, first: int, last: int) -> Fetched:
    offsets = list(range(first + 1, last + 2))
    return Fetched(partition, offsets, [b"{}"] * len(offsets))


def test_only_what_was_scraped_is_due() -> None:
    offsets = Offsets()
    offsets.assigned([P])
    offsets.count(fetched(P, 0, 9))
    scraped = offsets.position()
    offsets.count(fetched(P, 10, 19))
    assert offsets.due() == {}
    offsets.scrape(scraped)
    assert offsets.due() == {P: 10}
    offsets.committed({P: 10})
    assert offsets.due() == {}


def test_a_partition_is_held_until_its_counts_are_scraped() -> None:
    offsets = Offsets()
    offsets.assigned([P, Q])
    offsets.count(fetched(P, 0, 9))
    held, free = Event(), Event()
    offsets.when_settled([Q], free.set)
    offsets.when_settled([P], held.set)
    assert free.is_set()
    assert not held.is_set()
    offsets.scrape(offsets.position())
    assert held.is_set()
    assert offsets.revoked([P]) == {P: 10}
    assert offsets.due() == {}


def test_without_a_scrape_a_partition_goes_when_overdue_committed_as_counted() -> None:
    offsets = Offsets(handover=0.01)
    offsets.assigned([P])
    offsets.count(fetched(P, 0, 9))
    gone = Event()
    offsets.when_settled([P], gone.set)
    assert gone.wait(10)
    assert offsets.revoked([P]) == {P: 10}


def test_closing_commits_no_more_than_was_scraped() -> None:
    offsets = Offsets()
    offsets.assigned([P, Q])
    offsets.count(fetched(P, 0, 4))
    offsets.scrape(offsets.position())
    offsets.count(fetched(P, 5, 9))
    offsets.count(fetched(Q, 0, 9))
    gone = Event()
    offsets.when_settled([P, Q], gone.set)
    assert not gone.is_set()
    offsets.close()
    assert gone.is_set()
    assert offsets.revoked([P, Q]) == {P: 5}


def test_a_lost_partition_that_comes_back_is_not_counted_twice() -> None:
    offsets = Offsets()
    offsets.assigned([P])
    offsets.count(fetched(P, 0, 9))
    offsets.lost([P])
    offsets.assigned([P])
    again = offsets.fresh(fetched(P, 0, 4))
    assert again.values == []
    again = offsets.fresh(fetched(P, 5, 14))
    assert list(again.offsets) == [11, 12, 13, 14, 15]
    assert len(again.values) == 5


def test_a_lost_partition_that_went_on_elsewhere_is_not_set_back() -> None:
    offsets = Offsets()
    offsets.assigned([P])
    offsets.count(fetched(P, 0, 9))
    offsets.lost([P])
    offsets.assigned([P])
    assert offsets.fresh(fetched(P, 30, 34)) == fetched(P, 30, 34)
    offsets.scrape({P: 10})
    assert offsets.due() == {}


class TwoBridges(RuleBasedStateMachine):
    """Two processes, one partition, any order of events: each message is counted once."""

    def __init__(self) -> None:
        """Begin with the first bridge as the owner."""
        super().__init__()
        self.bridges = [Offsets(), Offsets()]
        self.owner = 0
        self.committed = 0
        self.next = 0  # what the owner reads next
        self.counts: list[dict[int, int]] = [{}, {}]
        self.bridges[0].assigned([P])

    @rule(messages=st.integers(1, 5))
    def read(self, messages: int) -> None:
        bridge, counts = self.bridges[self.owner], self.counts[self.owner]
        new = bridge.fresh(fetched(P, self.next, self.next + messages - 1))
        self.next += messages
        if new.values:
            bridge.count(new)
        for offset in new.offsets:
            counts[offset] = counts.get(offset, 0) + 1

    @rule(which=st.integers(0, 1))
    def scrape(self, which: int) -> None:
        bridge = self.bridges[which]
        bridge.scrape(bridge.position())
        due = bridge.due()
        if due:
            assert which == self.owner
            assert due[P] >= self.committed, "a commit went back"
            self.committed = due[P]
            bridge.committed(due)

    @rule()
    def rebalance(self) -> None:
        bridge = self.bridges[self.owner]
        self.committed = bridge.revoked([P]).get(P, self.committed)
        bridge.committed({P: self.committed})
        self.owner = 1 - self.owner
        self.bridges[self.owner].assigned([P])
        self.next = self.committed

    @rule()
    def expire_and_return(self) -> None:
        bridge = self.bridges[self.owner]
        bridge.lost([P])
        bridge.assigned([P])
        self.next = self.committed

    @invariant()
    def counted_once(self) -> None:
        counted: dict[int, int] = {}
        for counts in self.counts:
            for offset, times in counts.items():
                counted[offset] = counted.get(offset, 0) + times
        assert set(counted.values()) <= {1}
        assert sorted(counted) == list(range(1, len(counted) + 1))


TestTwoBridges = TwoBridges.TestCase
