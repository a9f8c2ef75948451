"""The rules that hold for every capture, however damaged it is (issue: whole messages only)."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.damage.damage import Kept
    from tests.damage.wire import Captured, Key, Wire

COPIES_WITHIN = 500e-6
ASKED = ("answered", "timeout", "unreachable")
OUTCOMES = ("answered", "timeout", "unreachable", "late", "orphan")
REPLIED = ("answered", "late", "orphan")


class Seen:
    """What of a good capture's messages is left in the damaged one."""

    def __init__(self, good: Captured, kept: list[Kept]) -> None:
        """Find out which messages are whole, and how often each was captured."""
        self._shown: dict[int, list[Kept]] = defaultdict(list)
        self.times = [each.time for each in kept]
        self._first = {each.packet: n for n, each in reversed(list(enumerate(kept)))}
        self._last = {each.packet: n for n, each in enumerate(kept)}
        self._streams = good.streams
        newest: dict[bytes, float] = {}
        self._copies: Counter[int] = Counter()
        for each in kept:
            if each.length < len(each.frame):
                self._shown[each.packet].append(each)
                continue
            if abs(each.time - newest.get(each.frame, -1e9)) <= COPIES_WITHIN:
                self._copies[each.packet] += 1
            else:
                self._shown[each.packet].append(each)
            newest[each.frame] = each.time
        self._missing = [
            next((n for n, piece in enumerate(pieces) if not self._has(*piece)), len(pieces))
            for pieces in good.streams
        ]
        self.whole = [each for each in good.messages if all(self._has(*p) for p in each.pieces)]
        # A datagram that was whole on the wire counts, should the capture have cut it short.
        self.cut = [
            each
            for each in good.messages
            if each.stream is None and each not in self.whole and self._begins(each)
        ]

    def _has(self, packet: int, end: int) -> bool:
        return any(each.has(end) for each in self._shown[packet])

    def _begins(self, message: Wire) -> bool:
        """Tell whether its first packet was captured, and of some packet only a part."""
        first, parts = self._shown[message.pieces[0].packet], message.pieces
        return bool(first) and any(
            not each.has(piece.end) for piece in parts for each in self._shown[piece.packet]
        )

    def times_seen(self, message: Wire) -> int:
        """Return how often a message was captured, copies apart."""
        if message.stream is not None:
            return 1
        return max(len(self._shown[piece.packet]) for piece in message.pieces)

    def is_certain(self, message: Wire, *, both_ways: bool) -> bool:
        """Tell whether an analyser must count it: nothing that came before it is missing.

        With `both_ways` nothing of what the other end said either, and all in order: Zeek takes
        what was acknowledged before it was captured for a gap, and after a SYN among the data
        nothing more of its sender's (weird "SYN_inside_connection").
        """
        if message.stream is None:
            piece = message.pieces[0]
            return len(message.pieces) == 1 and all(
                each.has(piece.end) for each in self._shown[piece.packet]
            )
        if not both_ways:
            return message.place <= self._missing[message.stream]
        pair = (message.stream, message.stream ^ 1)  # streams of a connection are neighbours
        if any(self._missing[each] < len(self._streams[each]) for each in pair):
            return False
        if max(self._last[self._streams[each][0].packet] for each in pair) > min(
            self._first[piece.packet] for each in pair for piece in self._streams[each][1:]
        ):
            return False
        packets = sorted({piece.packet for each in pair for piece in self._streams[each]})
        return all(self._first[a] < self._first[b] for a, b in pairwise(packets))


def key_of(record: dict[str, Any]) -> Key:
    """Return whose transaction a record of dns.log is."""
    ends = (record["id.orig_h"], record["id.orig_p"], record["id.resp_h"], record["id.resp_p"])
    return (*ends, record["proto"], record["trans_id"])


def broken_rules(
    seen: Seen, records: list[dict[str, Any]], start: float, *, both_ways: bool
) -> Iterator[str]:
    """Yield what is wrong with the records of one damaged capture that began at `start`.

    Zeek needs a connection's handshake, so for it (`both_ways`) less is certain.
    """
    shown = [*seen.whole, *seen.cut]
    queries, replies = (
        _by_key([each for each in shown if each.is_query == kind]) for kind in (True, False)
    )
    by_key: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        by_key[key_of(record)].append(record)
    for key in {*by_key, *queries, *replies}:
        for fault in _invented(seen, queries[key], replies[key], by_key[key]):
            yield f"{key}: {fault}"
        certain = [
            each
            for each in (*queries[key], *replies[key])
            if seen.is_certain(each, both_ways=both_ways)
        ]
        for fault in _hidden(seen, certain, by_key[key]):
            yield f"{key}: {fault}"
    yield from _wrong_times(seen, records, start)


def _by_key(messages: list[Wire]) -> dict[Key, list[Wire]]:
    found = defaultdict(list)
    for each in messages:
        found[each.key].append(each)
    return found


def _questions(seen: Seen, messages: list[Wire]) -> set[tuple[str | None, int | None]]:
    questions = {(each.name, each.qtype) for each in messages}
    return questions | ({(None, None)} if any(each in seen.cut for each in messages) else set())


def _invented(
    seen: Seen, queries: list[Wire], replies: list[Wire], records: list[dict[str, Any]]
) -> Iterator[str]:
    """Yield what the records of one key say that is not on the wire."""
    asked = [each for each in records if each["outcome"] in ASKED]
    replied = [each for each in records if each["outcome"] in REPLIED]
    for record in records:
        question = record.get("query"), record.get("qtype")
        if question not in _questions(seen, replies if record["outcome"] == "orphan" else queries):
            yield f"{record['outcome']} {question} is not on the wire"
    counted = sum(1 + each["retransmits"] for each in asked)
    if counted > sum(map(seen.times_seen, queries)):
        yield f"{counted} queries counted, more than there were: {len(queries)}"
    if len(replied) > sum(map(seen.times_seen, replies)):
        yield f"{len(replied)} records with a reply, of {len(replies)} replies"


def _hidden(seen: Seen, certain: list[Wire], records: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what is on the wire for certain and not in the records of one key."""
    counted = sum(1 + each["retransmits"] for each in records if each["outcome"] in ASKED)
    queries = sum(seen.times_seen(each) for each in certain if each.is_query)
    if counted < queries:
        yield f"{counted} queries counted of {queries}"
    if not all(each.is_query for each in certain) and not any(
        each["outcome"] in REPLIED for each in records
    ):
        yield "its reply is not counted"


def _wrong_times(seen: Seen, records: list[dict[str, Any]], start: float) -> Iterator[str]:
    times = {round((start + each) * 1e5) for each in seen.times}

    def is_known(time: float) -> bool:
        at = round(time * 1e5)
        return bool({at - 1, at, at + 1} & times)

    for record in records:
        if not is_known(record["ts"]):
            yield f"{key_of(record)}: no packet came at {record['ts']:.6f}"
        elif "rtt" in record and not is_known(record["ts"] + record["rtt"]):
            yield f"{key_of(record)}: no packet came {record['rtt']:.6f} s after it"


def open_ledger(stats: dict[str, Any], records: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what does not add up in the last record of pano_stats."""
    outcomes = Counter(each["outcome"] for each in records)
    sums = {
        "dns_queries": ["answered", "timeouts", "unreachable", "retransmits", "pending"],
        "dns_responses": ["answered", "late", "orphans", "duplicate_replies", "continued_replies"],
    }
    for total, parts in sums.items():
        if stats[total] != sum(stats.get(part, 0) for part in parts):
            yield f"{total} {stats[total]} is not { ({part: stats.get(part) for part in parts}) }"
    for outcome in OUTCOMES:
        total = stats.get(outcome + "s" * (outcome in {"timeout", "orphan"}), 0)
        if total != outcomes[outcome]:
            yield f"{outcome} {total}, but {outcomes[outcome]} records"
    if stats["records_logged"] != len(records) or stats["pending"]:
        yield f"{stats['records_logged']} logged, {stats['pending']} pending, {len(records)} there"
