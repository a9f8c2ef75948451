"""What each scraper has seen, so that a series is shown as 0 to each before its count appears.

A scraper is told by its address and what it calls itself (User-Agent), and while a connection
lasts by that, so that two behind one address are two. What it has seen is the number of a
checkpoint: it saw every series that was born by then. It is in the next checkpoint, and only what
is there counts, so a restart never shows a 0 to someone who has seen more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pano_glue.bridge.checkpoint import ScrapersState
from pano_glue.metrics.metric import LATEST

if TYPE_CHECKING:
    from collections.abc import Callable

LASTING = 600.0  # seconds after which a scraper that has not come is forgotten
MOST = 1000  # scrapers; the one that has not come for longest is forgotten first


class Visit(NamedTuple):
    """One request for a page.

    `scraper` is who asks. `seen` is the checkpoint that this connection has seen; None for its
    first request. `periodic`: a scraper that will come again, as Prometheus says by sending
    `X-Prometheus-Scrape-Timeout-Seconds`; a person with curl does not. `waiting` tells whether it
    still waits for the page: one that gave up throws it away, so has not seen it.
    """

    scraper: str
    seen: int | None = None
    periodic: bool = False
    waiting: Callable[[], bool] = lambda: True


class Scrapers:
    """The scrapers of the last ten minutes."""

    def __init__(self) -> None:
        """Begin without any."""
        self.state = ScrapersState()

    def freeze(self, number: int, now: float) -> ScrapersState:
        """Copy the state for checkpoint `number`, forgetting who has not come for long."""
        state = self.state
        by_age = sorted(state.seen.items(), key=lambda item: item[1])
        for scraper, (time, seen) in by_age:
            if len(state.seen) <= MOST and time > now - LASTING:
                break
            state.forgotten = max(state.forgotten, seen)
            del state.seen[scraper]
        if not state.minutes or now - state.minutes[-1][0] > LASTING / 10:
            state.minutes.append((now, number))
            recent = [(time, n) for time, n in state.minutes if time > now - LASTING]
            before = [(time, n) for time, n in state.minutes if time <= now - LASTING]
            state.minutes = before[-1:] + recent
        return ScrapersState(state.seen.copy(), state.forgotten, state.minutes.copy())

    def before(self, visit: Visit) -> int:
        """Tell which checkpoint its last page showed, or -1."""
        if visit.seen is not None:
            return visit.seen
        return self.state.seen.get(visit.scraper, (0.0, -1))[1]

    def came(self, visit: Visit, number: int, now: float) -> None:
        """Note that it was shown checkpoint `number`."""
        _, before = self.state.seen.get(visit.scraper, (0.0, -1))
        self.state.seen[visit.scraper] = (now, max(before, number))


def has_seen(durable: ScrapersState, visit: Visit, now: float) -> int:
    """Tell which checkpoint's series may be shown to `visit` with their counts.

    `durable` is what the newest checkpoint knows. One that it does not know and that will come
    again is shown 0 for what was born in the last ten minutes, unless somebody forgotten may have
    seen it.
    """
    known = durable.seen.get(visit.scraper)
    if known is not None:
        seen = known[1]
        return seen if visit.seen is None else min(seen, visit.seen)
    if not visit.periodic:
        return LATEST
    old = max((n for time, n in durable.minutes if time <= now - LASTING), default=0)
    return max(durable.forgotten, old)
