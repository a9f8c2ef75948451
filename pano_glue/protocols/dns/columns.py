"""Records by column: what most of the counting needs is one column, or two, of all of them."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

Value = TypeVar("Value")


class DnsColumns(NamedTuple):
    """The fields of `DnsRecord`, in its order, each of all records."""

    log: Sequence[str]
    ts: Sequence[float | str]
    uid: Sequence[str]
    client: Sequence[str]
    server: Sequence[str]
    proto: Sequence[str]
    trans_id: Sequence[int]
    rtt: Sequence[float | None]
    query: Sequence[str]
    qtype: Sequence[int]
    rcode: Sequence[int]
    AA: Sequence[bool]
    TC: Sequence[bool]
    RA: Sequence[bool]
    TTLs: Sequence[msgspec.Raw | str]
    opcode: Sequence[int]
    outcome: Sequence[str | None]
    retransmits: Sequence[int]
    query_bytes: Sequence[int]
    reply_bytes: Sequence[int]
    AD: Sequence[bool]
    CD: Sequence[bool]
    DO: Sequence[bool]
    ecs: Sequence[str]
    told: Sequence[str]
    sensor: Sequence[str]

    def rows(self, numbers: Sequence[int]) -> DnsColumns:
        """Give some of the records, by their numbers."""
        pick = picker(numbers)
        picked: list[Any] = [pick(column) for column in self]
        return DnsColumns(*picked)


def picker(numbers: Sequence[int]) -> Callable[[Sequence[Value]], Sequence[Value]]:
    """Give what takes the values with these numbers out of a column."""
    if len(numbers) > 1:
        pick: Callable[[Any], Any] = itemgetter(*numbers)
        return pick
    return lambda column: [column[number] for number in numbers]
