"""Which servers of one sensor have a label of their own: those that matter now.

There are seats for so many. While one is free, whoever comes takes it. When all are taken, servers
without a seat are counted by the turn (half a minute), and one that had more than a hundredth of
the sensor's queries takes the seat of the quietest that had fewer. A seat that was not used for an
hour is given back. Who lost a seat is counted as `other` from then on; its series stay on the page
for another ten minutes, so that each scraper has their last counts, and are forgotten then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.space_saving import SpaceSaving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TURN = 30.0  # seconds
SHARE = 0.01  # of a sensor's queries in a turn, for which a server gets a seat
IDLE = 3600.0  # seconds without a record, after which a seat is given back
LEAVING = 600.0  # seconds that series stay after their server lost its seat
SEEN = 60.0  # and at least, when others want its place: the longest usual interval of scrapes
WATCHED = 400  # servers without a seat that are counted at one time: more than 1 / SHARE


class Seat(msgspec.Struct, array_like=True):
    """One server's label: its records this turn, when it was used, and since when it is leaving."""

    used: float
    records: float = 0
    left: float | None = None


class Seats:
    """The seats of one sensor."""

    def __init__(self, limit: int, now: float) -> None:
        """Offer `limit` seats; `now` is in seconds."""
        self.limit = limit
        self.taken: dict[str, Seat] = {}
        self._standing = SpaceSaving(WATCHED)
        self._records = 0  # this turn, of all servers
        self._turn_began = now

    def sit(self, server: str, records: int, now: float, room: Callable[[], bool]) -> bool:
        """Count `records` of a server; tells whether it has a label of its own.

        `room` is asked before a free seat is taken.
        """
        self._records += records
        seat = self.taken.get(server)
        if seat is None and len(self.taken) < self.limit and room():
            seat = self.taken[server] = Seat(now)
        if seat is None or seat.left is not None:
            self._standing.add(server, records)
            return False
        seat.used = now
        seat.records += records
        return True

    def sitting(self) -> int:
        """Count the seats that are taken."""
        return sum(seat.left is None for seat in self.taken.values())

    def turn(self, now: float) -> Iterator[str]:
        """Change places when a turn has ended; yields servers whose series should be forgotten."""
        if 0 <= now - self._turn_began < TURN:
            return
        for seat in self.taken.values():
            if seat.left is None and not 0 <= now - seat.used < IDLE:
                seat.left = now
        for server, records in self._standing.largest():
            if records <= SHARE * self._records or not self._seat(server, records, now):
                break
        gone = [
            server
            for server, seat in self.taken.items()
            if seat.left is not None and not 0 <= now - seat.left < LEAVING
        ]
        for server in gone:
            del self.taken[server]
        for seat in self.taken.values():
            seat.records = 0
        self._standing = SpaceSaving(WATCHED)
        self._records = 0
        self._turn_began = now
        yield from gone

    def give_up_quietest(self, now: float, fewer_than: float) -> bool:
        """Let the server with the fewest records this turn leave, if they are fewer than that."""
        sitting = [(s.records, s.used, name) for name, s in self.taken.items() if s.left is None]
        if not sitting or min(sitting)[0] >= fewer_than:
            return False
        # No more may be leaving than half the seats: their series are still in memory.
        if len(self.taken) - len(sitting) > self.limit // 2:
            return False
        self.taken[min(sitting)[2]].left = now
        return True

    def hurry(self, now: float) -> str | None:
        """Let the server that has been leaving for longest go now, if most scrapers have seen it.

        None when there is none.
        """
        leaving = [(s.left, name) for name, s in self.taken.items() if s.left is not None]
        if not leaving or 0 <= now - min(leaving)[0] < SEEN:
            return None
        _, server = min(leaving)
        del self.taken[server]
        return server

    def _seat(self, server: str, records: float, now: float) -> bool:
        if self.sitting() >= self.limit and not self.give_up_quietest(now, records):
            return False
        self.taken[server] = Seat(now, records)
        return True
