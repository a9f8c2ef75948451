"""The last fifteen minutes: a ring of looks, and what the page is told of it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from pano_glue.page.look import Look, Totals
from pano_glue.protocols.dns.names import QTYPES, RCODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pano_glue.config import Page
    from pano_glue.page.recent import Failure

SPAN = 900.0  # seconds
RECENT = 60.0  # seconds that tables of servers and top lists are of
ROWS = 20
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Point(NamedTuple):
    """What happened between two looks: rates each second, times in seconds, shares of one."""

    time: float
    queries: float
    success: float | None
    timeouts: float | None
    servfail: float | None
    nxdomain: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    codes: dict[str, float]


class Minutes:
    """Points of the last fifteen minutes, and whole looks of the last one."""

    def __init__(self, bounds: Sequence[float], settings: Page) -> None:
        """Begin without any; `bounds` are those of the response time's buckets."""
        self._bounds = bounds
        self._settings = settings
        self._points: deque[Point] = deque()
        self._looks: deque[Look] = deque()
        self._first: Look | None = None

    def add(self, look: Look) -> None:
        """Take in a look that is later than the last."""
        looks, points = self._looks, self._points
        self._first = self._first or look
        if looks:
            points.append(self._point(looks[-1], look))
        looks.append(look)
        while look.time - points[0].time > SPAN if points else False:
            points.popleft()
        while len(looks) > 2 and look.time - looks[1].time >= RECENT:  # noqa: PLR2004 - two make a rate
            looks.popleft()

    def told(self, failures: Iterable[Failure]) -> dict[str, Any]:
        """Give what the page draws, for JSON."""
        now, before = self._looks[-1], self._looks[0]
        seconds = now.time - before.time
        names, clients = self._settings.names, self._settings.clients
        hidden = {"domains", "nxdomain", "failing"} if not names else set()
        hidden |= {"clients"} if not clients else set()
        codes = sorted({code for point in self._points for code in point.codes})
        return {
            "time": now.time,
            "points": {
                field: [getattr(point, field) for point in self._points]
                for field in Point._fields
                if field != "codes"
            },
            "codes": {code: [p.codes.get(code, 0) for p in self._points] for code in codes},
            "servers": self._servers(before, now, seconds),
            "tops": {
                name: _most(before.tops[name], counts, seconds)
                for name, counts in now.tops.items()
                if name not in hidden
            },
            "failures": [_shown(failure, names=names, clients=clients) for failure in failures],
            "missing": self._missing(now),
        }

    def _missing(self, now: Look) -> dict[str, int | bool]:
        """Tell what was lost since the first look, as far as sensors tell."""
        first = self._first or now
        return {
            "told": now.written > 0,
            "records": (now.written - first.written) - (now.counted - first.counted),
            "packets": now.dropped - first.dropped,
            "batches": now.lost - first.lost,
        }

    def _point(self, before: Look, now: Look) -> Point:
        seconds = now.time - before.time
        change = _change(before.all, now.all)
        responses = change.rcodes.total()
        return Point(
            now.time,
            change.queries / seconds,
            _share(change.queries - change.failed(), change.queries),
            _share(change.timeouts, change.queries),
            _share(change.rcodes["SERVFAIL"], responses),
            _share(change.rcodes["NXDOMAIN"], responses),
            quantile(self._bounds, change.rtt, SHARES["p50"]),
            quantile(self._bounds, change.rtt, SHARES["p95"]),
            quantile(self._bounds, change.rtt, SHARES["p99"]),
            {code: count / seconds for code, count in change.rcodes.items() if count},
        )

    def _servers(self, before: Look, now: Look, seconds: float) -> list[dict[str, object]]:
        rows: list[dict[str, Any]] = []
        for server, totals in now.servers.items():
            change = _change(before.servers.get(server), totals)
            responses = change.rcodes.total()
            row: dict[str, object] = {
                "server": server,
                "queries": change.queries / seconds if seconds else 0.0,
                "failed": _share(change.failed(), change.queries),
                "timeouts": _share(change.timeouts, change.queries),
                "servfail": _share(change.rcodes["SERVFAIL"], responses),
                "nxdomain": _share(change.rcodes["NXDOMAIN"], responses),
                "again": _share(change.retransmits, change.queries),
            }
            for name in ("p50", "p99"):
                row[name] = quantile(self._bounds, change.rtt, SHARES[name])
            rows.append(row)
        rows.sort(key=lambda row: (-(row["failed"] or 0), -row["queries"], row["server"]))
        return rows[:ROWS]


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Estimate a quantile as Prometheus's `histogram_quantile` does; None without values."""
    sums = list(accumulate(counts))
    if not sums or not sums[-1]:
        return None
    rank = share * sums[-1]
    index = bisect_left(sums, rank)
    if index >= len(bounds):
        return bounds[-1]
    below = bounds[index - 1] if index else 0.0
    before = sums[index - 1] if index else 0
    return below + (bounds[index] - below) * (rank - before) / (counts[index] or 1)


def _change(before: Totals | None, now: Totals) -> Totals:
    if before is None:  # a server that was not there: born at 0
        return now
    rtt = now.rtt
    if before.rtt:
        rtt = tuple(new - old for new, old in zip(now.rtt, before.rtt, strict=True))
    return Totals(
        now.queries - before.queries,
        now.timeouts - before.timeouts,
        now.unreachable - before.unreachable,
        now.retransmits - before.retransmits,
        Counter({code: count - before.rcodes[code] for code, count in now.rcodes.items()}),
        rtt,
    )


def _share(part: float, whole: float) -> float | None:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else None


def _most(
    before: dict[str, float], now: dict[str, float], seconds: float
) -> list[tuple[str, float]]:
    grown = {name: count - before.get(name, 0) for name, count in now.items()}
    most = sorted(grown.items(), key=lambda item: (-item[1], item[0]))[:ROWS]
    return [(name, count / seconds) for name, count in most if count > 0 and seconds]


def _shown(failure: Failure, *, names: bool, clients: bool) -> dict[str, object]:
    shown: dict[str, object] = failure._asdict()
    shown["qtype"] = QTYPES.get(failure.qtype, str(failure.qtype))
    shown["rcode"] = RCODES.get(failure.rcode, str(failure.rcode))
    if failure.rcode < 0:
        shown["rcode"] = failure.outcome
    if not names:
        del shown["query"]
    if not clients:
        del shown["client"]
    return shown
